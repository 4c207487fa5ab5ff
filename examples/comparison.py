"""Compare classifiers on the same features, a few labelled rows of each class, and held-out rows."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from time import perf_counter

import numpy as np
import pandas as pd
from baselines import TunedLogisticRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss

from sktart import TartReasoner

TOLD_MORE = "TartReasoner, told more"
METHODS = {
    "TartReasoner": TartReasoner,
    "LogisticRegressionCV": TunedLogisticRegression,
    "LogisticRegression(C=1)": lambda: LogisticRegression(max_iter=2000),
}


def add_arguments(parser: argparse.ArgumentParser, what: str, sizes: Sequence[int], test: int) -> None:
    """Add the options that `compare` reads; `what` says what a row and a class are."""
    parser.add_argument("--sizes", nargs="+", type=int, default=list(sizes), help=f"labelled {what}")
    parser.add_argument("--seeds", type=int, default=5, help="draws of the labelled rows")
    parser.add_argument("--test", type=int, default=test, help=f"held-out {what}")


def hold_out(labels: np.ndarray, test_per_class: int) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into those that may be shown and the last `test_per_class` of each class."""
    of_class = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return (
        np.concatenate([rows[:-test_per_class] for rows in of_class]),
        np.concatenate([rows[-test_per_class:] for rows in of_class]),
    )


def draw(rows: np.ndarray, labels: np.ndarray, per_class: int, seed: int) -> np.ndarray:
    """Draw `per_class` of the rows of each class, shuffled."""
    rng = np.random.default_rng([seed, per_class])
    chosen = [
        rng.choice(rows[labels[rows] == label], per_class, replace=False) for label in np.unique(labels)
    ]
    return rng.permutation(np.concatenate(chosen))


def mark(labels: np.ndarray, shown: np.ndarray, rows: np.ndarray) -> list:
    """Return the labels of `rows`, None for all that are not among those `shown`."""
    known = set(shown)
    return [labels[row] if row in known else None for row in rows]


def compare(
    features: np.ndarray, labels: np.ndarray, args: argparse.Namespace, class_vectors: dict | None = None
) -> pd.DataFrame:
    """Score every method on every draw, on the held-out rows; seconds are for fit and predict.

    With `class_vectors`, one more TartReasoner reads these, and all rows of the pool without their labels.
    """
    pool, test = hold_out(labels, args.test)
    rows = []
    warm_up = draw(pool, labels, args.sizes[0], seed=0)
    for make in METHODS.values():  # unmeasured: the first call of each pays for imports
        make().fit(features[warm_up], labels[warm_up])
    for per_class in args.sizes:
        for seed in range(args.seeds):
            shown = draw(pool, labels, per_class, seed)
            fits = {
                name: partial(make().fit, features[shown], labels[shown]) for name, make in METHODS.items()
            }
            if class_vectors is not None:
                marked = mark(labels, shown, pool)
                fits[TOLD_MORE] = partial(
                    TartReasoner().fit, features[pool], marked, class_vectors=class_vectors
                )
            for name, fit in fits.items():
                start = perf_counter()
                classifier = fit()
                proba = classifier.predict_proba(features[test])
                seconds = perf_counter() - start
                accuracy = accuracy_score(labels[test], classifier.classes_[proba.argmax(axis=1)])
                loss = log_loss(labels[test], proba, labels=classifier.classes_)
                rows.append([per_class, seed, name, accuracy, loss, seconds])
    return pd.DataFrame(rows, columns=["per class", "seed", "method", "accuracy", "log-loss", "seconds"])


def print_table(scores: pd.DataFrame, of_what: str) -> None:
    """Print the mean over seeds of each score."""
    means = scores.groupby(["per class", "method"], sort=False)[["accuracy", "log-loss", "seconds"]].mean()
    print(f"{f'labels a {of_what}':>16}  {'method':<24}{'accuracy':>9}{'log-loss':>10}{'seconds':>9}")
    for (per_class, method), (accuracy, loss, seconds) in zip(means.index, means.to_numpy(), strict=True):
        print(f"{per_class:>16}  {method:<24}{accuracy:>9.3f}{loss:>10.3f}{seconds:>9.3f}")
