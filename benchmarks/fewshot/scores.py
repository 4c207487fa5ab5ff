"""What a prediction is worth: accuracy, log-loss, Brier score, calibration error, area under the ROC curve."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import roc_auc_score

FLOOR = 1e-7  # a probability below counts as this, so no row costs more than 16.1 nats


def accuracy(y: np.ndarray, proba: np.ndarray) -> float:
    """Share of rows whose most probable class is the true one."""
    return float(np.mean(proba.argmax(axis=1) == y))


def log_loss(y: np.ndarray, proba: np.ndarray) -> float:
    """Mean of -log of the probability given to the true class, floored at `FLOOR`."""
    return float(-np.log(np.clip(proba[np.arange(len(y)), y], FLOOR, 1)).mean())


def brier(y: np.ndarray, proba: np.ndarray) -> float:
    """Mean squared distance of the probabilities to the truth, summed over classes: 0 to 2."""
    return float(((proba - np.eye(proba.shape[1])[y]) ** 2).sum(axis=1).mean())


def reliability(y: np.ndarray, proba: np.ndarray, n_bins: int = 15) -> np.ndarray:
    """Sum up confidence in the most probable class, in bins of equal width.

    A line a bin, (bins, 3): rows in it, the sum of their confidence, how many of them are right. A confidence on an
    edge belongs to the bin below.
    """
    confidence = proba.max(axis=1)
    right = proba.argmax(axis=1) == y
    bins = np.ceil(confidence * n_bins).astype(int).clip(1, n_bins) - 1
    weights = (None, confidence, right)
    return np.stack([np.bincount(bins, weight, minlength=n_bins) for weight in weights], axis=1)


def calibration_error(y: np.ndarray, proba: np.ndarray) -> float:
    """Weigh how far confidence is from accuracy: the mean over rows of |accuracy - confidence| of the row's bin.

    This is the expected calibration error, over the bins of `reliability`.
    """
    _, confidence, right = reliability(y, proba).T
    return float(np.abs(right - confidence).sum() / len(y))


def auroc(y: np.ndarray, proba: np.ndarray) -> float:
    """Mean over classes of the area under the ROC curve of one class against the rest; nan where one is absent."""
    n_classes = proba.shape[1]
    if np.bincount(y, minlength=n_classes).min() == 0:
        return np.nan
    return float(roc_auc_score(np.eye(n_classes)[y], proba))


SCORES = {
    "accuracy": accuracy,
    "log_loss": log_loss,
    "brier": brier,
    "ece": calibration_error,
    "auroc": auroc,
}


# Not a number: for those who keep it.
BINNED = SCORES | {"reliability": lambda y, proba: reliability(y, proba).tolist()}


def fit_and_score(
    classifier: ClassifierMixin,
    parts: tuple[np.ndarray, ...],
    scores: Mapping[str, Callable] = SCORES,
    **known: Any,
) -> dict[str, Any]:
    """Fit a classifier on rows and labels and what else is `known`, and score it on further rows and labels."""
    context_x, context_y, query_x, query_y = parts
    with warnings.catch_warnings():
        # Rare and wanted nowhere: the smallest contexts let solvers and folds complain.
        warnings.simplefilter("ignore")
        start = perf_counter()
        classifier.fit(context_x, context_y, **known)
        fitted = perf_counter()
        proba = classifier.predict_proba(query_x)
        done = perf_counter()
    measured = {name: score(query_y, proba) for name, score in scores.items()}
    return measured | {"fit_seconds": fitted - start, "predict_seconds": done - fitted}
