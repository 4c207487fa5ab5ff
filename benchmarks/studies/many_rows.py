"""What landmarks cost: log-loss and accuracy of large contexts, read exactly and by landmarks.

    python -m benchmarks.studies.many_rows --data DIR

Tasks that have many rows: the sentiment of three sets of reviews in one, and from which of the development texts' data
sets a text is (each of them, or odd and even numbers). MiniLM features.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from joblib import Memory
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import log_loss

from benchmarks.fewshot.readers import load
from benchmarks.printing import machine, markdown
from benchmarks.timings.sizes import texts
from sktart import TartReasoner
from sktart.reasoners import _gram as gram

REVIEWS = ("sst2", "rotten_tomatoes", "imdb")
N_QUERIES = 1500
MOST_EXACT = 4096


def tasks(folder: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield names, rows and labels."""
    memory = Memory(".cache/joblib", verbose=0)
    sets = [load(name, folder, memory, "minilm") for name in REVIEWS]
    yield "sentiment", np.vstack([part.X for part in sets]), np.concatenate([part.y for part in sets])
    X, origin = texts(folder)
    yield "which half", X, origin % 2
    yield "which set", X, origin


def score(model: object, X: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return log-loss and accuracy."""
    proba = model.predict_proba(X)  # type: ignore[attr-defined]
    return log_loss(y, proba, labels=np.arange(proba.shape[1])), float((proba.argmax(1) == y).mean())


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, nargs="+", default=[1024, 4096, 10_000])
    parser.add_argument("--seeds", type=int, default=2)
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    lines = []
    for name, X, y in tasks(args.data):
        for n_rows in args.rows:
            for seed in range(args.seeds):
                order = np.random.default_rng(seed).permutation(len(X))
                queries, rows = order[:N_QUERIES], order[N_QUERIES:][:n_rows]
                if len(rows) < n_rows:
                    continue
                models = {"landmarks": TartReasoner().fit(X[rows], y[rows])}
                if n_rows <= MOST_EXACT:
                    with patch.object(gram, "MAX_EXACT_ROWS", n_rows):
                        models["exact"] = TartReasoner().fit(X[rows], y[rows])
                tuned = LogisticRegressionCV(Cs=10, cv=5, scoring="neg_log_loss", max_iter=1000)
                models["CV"] = tuned.fit(X[rows], y[rows])
                for method, model in models.items():
                    loss, accuracy = score(model, X[queries], y[queries])
                    lines.append((name, n_rows, seed, method, loss, accuracy))
                    print(*lines[-1], flush=True)
    cells = pd.DataFrame(lines, columns=["task", "rows", "seed", "method", "log-loss", "accuracy"])
    means = cells.pivot_table(index=["task", "rows"], columns="method", values=["log-loss", "accuracy"])
    head = ["task", "rows", *(f"{what}, {method}" for what, method in means.columns)]
    print(f"\n{machine()}; {args.seeds} draws\n")
    print(
        markdown(
            head,
            [
                [*key, *(f"{value:.4f}" for value in line)]
                for key, line in zip(means.index, means.values, strict=True)
            ],
        )
    )


if __name__ == "__main__":
    main()
