"""Time fit + predict of the reasoner and of logistic regression on the same embedding-like features."""

from __future__ import annotations

import argparse
import statistics
import warnings
from collections.abc import Callable
from time import perf_counter

import numpy as np

from benchmarks.fewshot.methods import METHODS, OURS, REFERENCE
from benchmarks.printing import machine

N_QUERIES, N_FEATURES = 500, 384


def task(n_rows: int, n_classes: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw unit rows with a power-law spectrum and lean class means, as sentence embeddings have."""
    rng = np.random.default_rng(seed)
    spectrum = np.arange(1, N_FEATURES + 1) ** -0.3
    means = rng.normal(size=(n_classes, N_FEATURES)) * spectrum**3
    means *= 0.35 * np.linalg.norm(spectrum) / np.linalg.norm(means, axis=1, keepdims=True)
    y = np.arange(n_rows + N_QUERIES) % n_classes
    X = means[y] + rng.normal(size=(len(y), N_FEATURES)) * spectrum
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    return X[:n_rows], y[:n_rows], X[n_rows:]


def milliseconds(run: Callable[[], object], repeats: int) -> float:
    """Return the median time of a call, after one that is not counted."""
    run()
    times = []
    for _ in range(repeats):
        start = perf_counter()
        run()
        times.append(1e3 * (perf_counter() - start))
    return statistics.median(times)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[8, 16, 32, 64, 128, 256])
    parser.add_argument("--classes", type=int, nargs="+", default=[2, 6])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    methods = [OURS, REFERENCE, "LogisticRegression(C=1)"]
    print(
        f"{machine()}; seed {args.seed}; median of {args.repeats}, milliseconds for fit + {N_QUERIES} queries\n"
    )
    print("| classes | rows | " + " | ".join(methods) + " |\n|" + " --- |" * (len(methods) + 2))
    for n_classes in args.classes:
        for n_rows in args.rows:
            if n_rows < 2 * n_classes:
                continue
            X, y, queries = task(n_rows, n_classes, args.seed)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                times = [
                    milliseconds(
                        lambda make=METHODS[name].make, X=X, y=y, queries=queries: (
                            make(X, y, None).fit(X, y).predict_proba(queries)
                        ),
                        args.repeats,
                    )
                    for name in methods
                ]
            print(f"| {n_classes} | {n_rows} | " + " | ".join(f"{time:.0f}" for time in times) + " |")


if __name__ == "__main__":
    main()
