"""Two choices in encoders from packages: how images are scaled, and how much silence surrounds a clip.

    python -m benchmarks.studies.encoder_settings --data DIR

Prints the accuracy of logistic regression behind each setting, mean and deviation over draws, on training rows only.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.fewshot.readers import SOURCES, embed
from benchmarks.printing import machine, markdown
from sktart.encoders.packaged import _efficientnet, _speech

HEADER = ("data set", "setting", "labels a class", "accuracy", "deviation")


def accuracies(X: np.ndarray, y: np.ndarray, per_class: int, seeds: int) -> list[float]:
    """Score draws of labelled rows on all other rows."""
    scores = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        shown = [rng.choice(np.flatnonzero(y == label), per_class, replace=False) for label in np.unique(y)]
        seen = np.isin(np.arange(len(y)), shown)
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(X[seen], y[seen])
        scores.append(float(model.score(X[~seen], y[~seen])))
    return scores


def compare(folder: Path, name: str, encoder: str, rows: int, seeds: int) -> Iterator[list[str]]:
    """Yield a line for each setting and number of labels."""
    every, y, is_test = SOURCES[name].read(folder, name)
    chosen = np.random.default_rng(0).permutation(np.flatnonzero(~is_test))[:rows]
    given, labels = [every[row] for row in chosen], y[chosen]
    if encoder == "efficientnet-lite0":
        settings = [(_efficientnet, "_SCALING", kind) for kind in ("BILINEAR", "BICUBIC")]
    else:
        settings = [(_speech, "_SILENCE", int(16_000 * seconds)) for seconds in (0, 0.16, 0.32, 0.64)]
    for module, constant, value in settings:
        with patch.object(module, constant, value):
            X = embed(given, encoder)
        for per_class in (2, 8):
            scores = accuracies(X, labels, per_class, seeds)
            about = [name, f"{constant} = {value}", str(per_class)]
            yield [*about, f"{np.mean(scores):.3f}", f"{np.std(scores):.3f}"]


def main(argv: list[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=1500)
    parser.add_argument("--seeds", type=int, default=8)
    args = parser.parse_args(argv)
    pairs = [
        ("cifar10", "efficientnet-lite0"),
        ("mnist", "efficientnet-lite0"),
        ("fsdd_a", "speech-embedding"),
    ]
    lines = [line for pair in pairs for line in compare(args.data, *pair, args.rows, args.seeds)]
    print(f"{machine()}\n\n{markdown(HEADER, lines)}")


if __name__ == "__main__":
    main()
