"""Baselines that read what users know besides labelled rows: rows without a label, and a sentence on each class.

A row without a label has the label -1, as in scikit-learn. `class_vectors` has the encoded sentences of each class, an
array of shape (sentences, D) a class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from scipy.spatial.distance import pdist
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import normalize
from sklearn.semi_supervised import LabelSpreading

from benchmarks.fewshot.contexts import draw, draw_pool
from benchmarks.fewshot.readers import DataSet

UNLABELLED = -1
N_POOL = 256
FACTORS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
TEMPERATURES = np.logspace(-3, 1, 17)

Vectors = Sequence[np.ndarray]


def draw_readings(
    data: DataSet, n_labels: int, seed: int
) -> tuple[dict[str, tuple[Any, ...]], np.ndarray] | None:
    """Draw labelled rows, a pool and queries, balanced; None where the set cannot give them.

    Returns the arguments of `fit` for each part of what is known, by name, and the places of the queries. Readings
    with sentences are only there where the set has some.
    """
    drawn = draw(data, n_labels, "balanced", seed)
    if drawn is None:
        return None
    context, queries = drawn
    pool = draw_pool(data, context, queries, N_POOL, "same", seed)
    y = data.y[context]
    alone = data.X[context], y
    with_pool = data.X[np.concatenate([context, pool])], np.concatenate([y, np.full(len(pool), UNLABELLED)])
    known: dict[str, tuple[Any, ...]] = {"labels only": alone, "pool": with_pool}
    if data.class_vectors is not None:
        known |= {"descriptions": (*alone, data.class_vectors), "both": (*with_pool, data.class_vectors)}
    return known, queries


class KnowingReasoner(ClassifierMixin, BaseEstimator):
    """``TartReasoner``, given all that the baselines of this module are given.

    Parameters
    ----------
    checkpoint : str or None
        None for the default.
    """

    def __init__(self, checkpoint: str | None = None):
        self.checkpoint = checkpoint

    def fit(self, X: np.ndarray, y: np.ndarray, class_vectors: Vectors | None = None) -> Self:
        """Read rows, labels as far as there are any, and sentences."""
        from sktart import TartReasoner

        known = None if class_vectors is None else dict(enumerate(class_vectors))
        self.reasoner_ = TartReasoner(self.checkpoint or "auto", unlabelled=UNLABELLED)
        self.reasoner_.fit(X, y, class_vectors=known)
        self.classes_ = self.reasoner_.classes_
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return those of the reasoner."""
        return self.reasoner_.predict_proba(X)


class StrengthRidge(RidgeClassifier):
    """Ridge regression of a strength that is relative to the rows, as the gram reasoner begins with.

    Parameters
    ----------
    strength : float
        In units of the mean squared norm of a centred row.
    """

    def __init__(self, strength: float = 1.0):
        super().__init__()
        self.strength = strength

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """Regress."""
        self.alpha = self.strength * np.square(X - X.mean(axis=0)).sum(axis=1).mean()
        return super().fit(X, y)


class ZeroShot(ClassifierMixin, BaseEstimator):
    """The class whose sentences are nearest by cosine; labelled rows only choose how sure it is."""

    def fit(self, X: np.ndarray, y: np.ndarray, class_vectors: Vectors) -> Self:
        """Take the mean direction of each class, and the temperature of least log-loss."""
        self.classes_ = np.arange(len(class_vectors))
        self.directions_ = normalize([normalize(part).mean(axis=0) for part in class_vectors])
        rows, codes = X[y != UNLABELLED], y[y != UNLABELLED]
        cosines = normalize(rows) @ self.directions_.T
        losses = [
            -log_softmax(cosines / temperature, axis=1)[np.arange(len(codes)), codes].mean()
            for temperature in TEMPERATURES
        ]
        self.temperature_ = TEMPERATURES[int(np.argmin(losses))]
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the softmax of cosines over the temperature."""
        return softmax(normalize(X) @ self.directions_.T / self.temperature_, axis=1)


class DescriptionRows(ClassifierMixin, BaseEstimator):
    """A classifier whose labelled rows have the sentences among them.

    Parameters
    ----------
    classifier : classifier
    """

    def __init__(self, classifier: Any):
        self.classifier = classifier

    def fit(self, X: np.ndarray, y: np.ndarray, class_vectors: Vectors) -> Self:
        """Fit the classifier on both."""
        rows = np.concatenate([X, *class_vectors])
        counts = [len(part) for part in class_vectors]
        labels = np.concatenate([y, np.repeat(np.arange(len(counts)), counts)])
        self.classifier_ = clone(self.classifier).fit(rows, labels)
        self.classes_ = self.classifier_.classes_
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return those of the classifier."""
        return self.classifier_.predict_proba(X)


class DescriptionScore(ClassifierMixin, BaseEstimator):
    """Log-probabilities of a classifier plus a multiple of how well a row fits the sentences of each class.

    The fit is the inner product with a class's mean sentence less the mean over classes, in units of its standard
    deviation over all rows. Cross-validated log-loss chooses the multiple.

    Parameters
    ----------
    classifier : classifier
    """

    def __init__(self, classifier: Any):
        self.classifier = classifier

    def fit(self, X: np.ndarray, y: np.ndarray, class_vectors: Vectors) -> Self:
        """Fit the classifier, and choose the multiple over folds of the labelled rows."""
        means = np.stack([part.mean(axis=0) for part in class_vectors])
        self.directions_ = means - means.mean(axis=0)
        self.centre_ = X.mean(axis=0)
        self.scale_ = max(float(((X - self.centre_) @ self.directions_.T).std()), 1e-12)
        labelled = np.flatnonzero(y != UNLABELLED)
        self.factor_ = self._choose(X, y, labelled)
        self.classifier_ = clone(self.classifier).fit(X, y)
        self.classes_ = np.arange(len(class_vectors))
        return self

    def _choose(self, X: np.ndarray, y: np.ndarray, labelled: np.ndarray) -> float:
        n_folds = min(5, int(np.bincount(y[labelled]).min()))
        if n_folds < 2:  # nothing to validate on
            return 1.0
        losses = np.zeros(len(FACTORS))
        unlabelled = np.flatnonzero(y == UNLABELLED)
        for train, test in StratifiedKFold(n_folds).split(labelled, y[labelled]):
            seen, asked = np.concatenate([labelled[train], unlabelled]), labelled[test]
            log_proba = np.log(
                clone(self.classifier).fit(X[seen], y[seen]).predict_proba(X[asked]).clip(1e-7)
            )
            for place, factor in enumerate(FACTORS):
                mixed = log_softmax(log_proba + factor * self._scores(X[asked]), axis=1)
                losses[place] -= mixed[np.arange(len(asked)), y[asked]].sum()
        return FACTORS[int(losses.argmin())]

    def _scores(self, X: np.ndarray) -> np.ndarray:
        return (X - self.centre_) @ self.directions_.T / self.scale_

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the probabilities of both together."""
        log_proba = np.log(self.classifier_.predict_proba(X).clip(1e-7))
        return softmax(log_proba + self.factor_ * self._scores(X), axis=1)


class Spreading(ClassifierMixin, BaseEstimator):
    """``LabelSpreading`` whose kernel is as wide as rows are apart."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """Spread labels over all rows; a tenth of the median squared distance is near."""
        gamma = 10 / max(float(np.median(pdist(X, "sqeuclidean"))), 1e-12)
        self.spreading_ = LabelSpreading(gamma=gamma, max_iter=200).fit(X, y)
        self.classes_ = self.spreading_.classes_
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return shares of labels nearby; equal ones where there are none."""
        return np.nan_to_num(self.spreading_.predict_proba(X), nan=1 / len(self.classes_))


def logistic_regression() -> LogisticRegression:
    """Make the plain baseline."""
    return LogisticRegression(max_iter=2000)
