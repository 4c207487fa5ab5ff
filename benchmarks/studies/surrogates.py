"""What in real rows makes the network decide worse than ridge regression: Gaussian rows in their place, step by step.

python -m benchmarks.studies.surrogates --data DIR --datasets mnist cifar10 --encoder efficientnet
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from joblib import Memory

from benchmarks.fewshot.contexts import draw
from benchmarks.fewshot.held_out_ridge import HeldOutRidge
from benchmarks.fewshot.readers import DataSet, load
from benchmarks.fewshot.scores import accuracy, log_loss
from benchmarks.printing import machine, markdown
from sktart import TartReasoner

HEADER = ("data set", "rows", "labels", "log-loss, reasoner / ridge", "accuracy, reasoner - ridge")


def gaussian(residual: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw as many Gaussian rows with the covariance of the residuals (n, D)."""
    return rng.standard_normal((len(residual), len(residual))) @ residual / np.sqrt(len(residual))


def gaussian_by_class(residual: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw Gaussian rows with the covariance of each class."""
    drawn = np.empty_like(residual)
    for label in np.unique(y):
        drawn[y == label] = gaussian(residual[y == label], rng)
    return drawn


# Each keeps the means of classes, and takes residuals (n, D) about them and classes (n,) to other residuals.
SURROGATES: dict[str, Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]] = {
    "as they are": lambda residual, y, rng: residual,
    "residuals of any class": lambda residual, y, rng: residual[rng.permutation(len(residual))],
    "Gaussian, covariance of the class": gaussian_by_class,
    "Gaussian, one covariance": lambda residual, y, rng: gaussian(residual, rng),
}


def surrogate(data: DataSet, kind: str, seed: int) -> DataSet:
    """Return the data set with other residuals about the means of its classes."""
    X, y = np.asarray(data.X, dtype=float), data.y
    means = np.stack([X[y == label].mean(axis=0) for label in np.unique(y)])
    residual = SURROGATES[kind](X - means[y], y, np.random.default_rng(seed))
    return replace(data, X=means[y] + residual)


def measure(data: DataSet, labels: int, seeds: int, checkpoint: str | None) -> list[tuple[float, float]]:
    """Return the ratio of log-losses and the difference of accuracies in points, for each draw."""
    found = []
    for seed in range(seeds):
        drawn = draw(data, labels, "balanced", seed)
        if drawn is None:
            continue
        context, queries = drawn
        proba = [
            model.fit(data.X[context], data.y[context]).predict_proba(data.X[queries])
            for model in (TartReasoner(checkpoint) if checkpoint else TartReasoner(), HeldOutRidge())
        ]
        loss, correct = ([score(data.y[queries], each) for each in proba] for score in (log_loss, accuracy))
        found.append((loss[0] / loss[1], 100 * (correct[0] - correct[1])))
    return found


def main(argv: list[str] | None = None) -> None:
    """Print one row for each data set, kind of rows and number of labels."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder with the data sets (benchmarks/README.md)")
    add("--datasets", nargs="+", required=True)
    add("--encoder", required=True)
    add("--labels", type=int, nargs="+", default=[64, 256])
    add("--seeds", type=int, default=10)
    add("--checkpoint")
    add("--cache", type=Path, default=Path(".cache"))
    args = parser.parse_args(argv)
    rows = []
    for name in args.datasets:
        data = load(name, args.data, Memory(args.cache, verbose=0), args.encoder)
        for kind in SURROGATES:
            for labels in args.labels:
                ratio, gain = np.transpose(
                    measure(surrogate(data, kind, 0), labels, args.seeds, args.checkpoint)
                )
                error = gain.std(ddof=1) / np.sqrt(len(gain))
                rows.append([name, kind, labels, f"{ratio.mean():.3f}", f"{gain.mean():+.1f} ± {error:.1f}"])
    print(f"{machine()}; {args.encoder}, {args.seeds} draws\n\n{markdown(HEADER, rows)}")


if __name__ == "__main__":
    main()
