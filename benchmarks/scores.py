"""What a prediction is worth: accuracy, log-loss, calibration error."""

from __future__ import annotations

import warnings
from time import perf_counter

import numpy as np
from sklearn.base import ClassifierMixin

FLOOR = 1e-7  # a probability below counts as this, so no row costs more than 16.1 nats


def accuracy(y: np.ndarray, proba: np.ndarray) -> float:
    """Share of rows whose most probable class is the true one."""
    return float(np.mean(proba.argmax(axis=1) == y))


def log_loss(y: np.ndarray, proba: np.ndarray) -> float:
    """Mean of -log of the probability given to the true class, floored at `FLOOR`."""
    return float(-np.log(np.clip(proba[np.arange(len(y)), y], FLOOR, 1)).mean())


def calibration_error(y: np.ndarray, proba: np.ndarray, n_bins: int = 15) -> float:
    """Weigh how far confidence in the most probable class is from accuracy, over bins of equal width.

    This is the expected calibration error: the mean over rows of |accuracy - confidence| of the row's bin.
    A confidence on an edge belongs to the bin below.
    """
    confidence = proba.max(axis=1)
    right = proba.argmax(axis=1) == y
    bins = np.ceil(confidence * n_bins).astype(int)
    gap = np.bincount(bins, weights=right) - np.bincount(bins, weights=confidence)
    return float(np.abs(gap).sum() / len(y))


SCORES = {"accuracy": accuracy, "log_loss": log_loss, "ece": calibration_error}


def fit_and_score(classifier: ClassifierMixin, parts: tuple[np.ndarray, ...]) -> dict[str, float]:
    """Fit a classifier on rows and labels, and score it on further rows and labels."""
    context_x, context_y, query_x, query_y = parts
    with warnings.catch_warnings():
        # Rare and wanted nowhere: the smallest contexts let solvers and folds complain.
        warnings.simplefilter("ignore")
        start = perf_counter()
        classifier.fit(context_x, context_y)
        fitted = perf_counter()
        proba = classifier.predict_proba(query_x)
        done = perf_counter()
    scores = {name: score(query_y, proba) for name, score in SCORES.items()}
    return scores | {"fit_seconds": fitted - start, "predict_seconds": done - fitted}
