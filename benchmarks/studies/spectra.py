"""Describe real features in the terms of the prior: spectrum, effective dimension, classes, lengths, tails, signs."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from joblib import Memory
from scipy.stats import kurtosis

from benchmarks.fewshot.methods import preparation
from benchmarks.fewshot.readers import ENCODERS, SOURCES, load, of_split
from benchmarks.printing import machine, markdown

HEADER = (
    *(
        "data set",
        "encoder",
        "classes",
        "D",
        "d_eff",
        "a",
        "p",
        "Mahalanobis 10/50/90 %",
        "Euclid/spread",
        "uneven",
        "uneven, axes 100 on",
        "unequal",
    ),
    *("mean/spread", "lengths", "tails", "negative"),
)


def slope(values: np.ndarray) -> float:
    """Return the exponent e of values falling like j ** -e, fitted to the leading half."""
    half = values[: max(2, len(values) // 2)]
    return -np.polyfit(np.log(np.arange(1, len(half) + 1)), np.log(half), 1)[0]


def describe(X: np.ndarray, y: np.ndarray) -> list[str]:
    """Measure one data set; a and p are exponents of the noise and of the class means along its axes.

    Of centred rows, `lengths` is the deviation of their lengths over the mean. `tails` is the excess kurtosis of the
    noise along its 20 leading axes, in the median. `unequal` is the deviation between classes of the logarithm of their
    spread, and `uneven` that along single axes: the 20 leading ones, and those from the hundredth on.
    """
    negative, mean = (X < 0).mean(), X.mean(axis=0)
    X = X - mean
    length = np.linalg.norm(X, axis=1)
    means = np.stack([X[y == label].mean(axis=0) for label in np.unique(y)])
    residual = X - means[y]
    variances, axes = np.linalg.eigh(residual.T @ residual / len(X))
    kept = variances > variances.max() * 1e-6
    variances, axes = variances[kept][::-1], axes[:, kept][:, ::-1]
    deviations, along = np.sqrt(variances), means @ axes
    pairs = np.triu_indices(len(means), 1)
    mahalanobis = np.linalg.norm((along[:, None] - along) / deviations, axis=-1)[pairs]
    euclid = np.linalg.norm(along[:, None] - along, axis=-1)[pairs] / np.linalg.norm(deviations)
    leading = axes[:, :20]
    spread = [np.sqrt(np.square(residual[y == label]).sum(axis=1).mean()) for label in np.unique(y)]
    return [
        f"{variances.sum() ** 2 / (variances**2).sum():.0f}",
        f"{slope(deviations):.2f}",
        f"{slope(np.sqrt((along**2).mean(axis=0))):.2f}",
        " / ".join(f"{value:.1f}" for value in np.quantile(mahalanobis, [0.1, 0.5, 0.9])),
        f"{np.median(euclid):.2f}",
        f"{uneven(residual @ leading, y):.2f}",
        f"{uneven(residual @ axes[:, 100:300], y):.2f}" if axes.shape[1] > 150 else "",
        f"{np.log(spread).std(ddof=1):.3f}",
        f"{np.linalg.norm(mean) / np.sqrt(np.square(length).mean()):.2f}",
        f"{length.std() / length.mean():.2f}",
        f"{np.median(kurtosis(residual @ leading)):.1f}",
        f"{negative:.2f}",
    ]


def uneven(along: np.ndarray, y: np.ndarray) -> float:
    """Return how much the logarithm of the deviation along an axis differs between classes, beyond chance."""
    within = np.log(np.stack([along[y == label].std(axis=0) for label in np.unique(y)]))
    # Estimated from n rows, the logarithm of a deviation has a standard error of 1 / sqrt(2 n): take that out.
    noise = np.mean(1 / (2 * np.bincount(y)))
    return float(np.sqrt(max(0.0, (within - within.mean(axis=0)).var() - noise)))


def main(argv: list[str] | None = None) -> None:
    """Print one row for each data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path(".cache"))
    parser.add_argument("--datasets", nargs="+", choices=SOURCES, default=of_split("development"))
    known = [encoder for encoders in ENCODERS.values() for encoder in encoders]
    parser.add_argument(
        "--encoders", nargs="+", choices=known, default=["e5", "efficientnet", "speech", "columns"]
    )
    args = parser.parse_args(argv)
    memory = Memory(args.cache, verbose=0)
    rows = []
    for name in args.datasets:
        for encoder in (each for each in args.encoders if each in ENCODERS[SOURCES[name].modality]):
            data = load(name, args.data, memory, encoder)
            steps = preparation(encoder, len(data.X))
            X = np.asarray(data.X if steps is None else steps.fit_transform(data.X), dtype=float)
            rows.append([name, encoder, len(np.unique(data.y)), X.shape[1], *describe(X, data.y)])
    print(f"{machine()}; all rows of each set\n\n{markdown(HEADER, rows)}")


if __name__ == "__main__":
    main()
