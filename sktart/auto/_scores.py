"""Score probabilities with the scorers of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import get_scorer

N_RESAMPLES = 50


class Answers(ClassifierMixin, BaseEstimator):
    """A classifier that is asked with its own answers, so that any scorer can judge them."""

    def __init__(self, classes: NDArray[Any]) -> None:
        self.classes_ = classes

    def fit(self, X: Any, y: Any = None) -> Answers:
        """Do nothing."""
        return self

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `X`, with rows that sum to 1."""
        total = X.sum(axis=1, keepdims=True)
        return np.where(total > 0, X / np.where(total > 0, total, 1.0), 1 / X.shape[1])

    def predict(self, X: NDArray[np.float64]) -> NDArray[Any]:
        """Return the most probable label."""
        return self.classes_[X.argmax(axis=1)]


class Scorer:
    """Scores answers (N, C) for rows with labels `y`.

    Parameters
    ----------
    scoring : str or callable
    classes : ndarray of shape (C,)
    y : ndarray of shape (N,)
    weight : ndarray of shape (N,) or None
    """

    def __init__(
        self, scoring: Any, classes: NDArray[Any], y: NDArray[Any], weight: NDArray[np.float64] | None
    ) -> None:
        self.scorer = get_scorer(scoring)
        # Scorers know of no class without a row.
        self.seen = np.isin(classes, y)
        self.answers = Answers(classes[self.seen])
        self.y, self.weight = y, weight

    @property
    def n_rows(self) -> float:
        """How many rows are scored, or the sum of their weights."""
        return float(len(self.y) if self.weight is None else self.weight.sum())

    def __call__(self, proba: NDArray[np.float64], rows: NDArray[np.intp] | slice = slice(None)) -> float:
        """Return the score of some rows, larger is better."""
        options = {} if self.weight is None else {"sample_weight": self.weight[rows]}
        return float(self.scorer(self.answers, proba[rows][:, self.seen], self.y[rows], **options))

    def standard_error(self, proba: NDArray[np.float64], seed: int) -> float:
        """Return the standard deviation of the score over rows drawn with replacement, class by class."""
        generator = np.random.default_rng(seed)
        places = [np.flatnonzero(self.y == label) for label in np.unique(self.y)]
        draws = [
            np.concatenate([generator.choice(each, len(each)) for each in places]) for _ in range(N_RESAMPLES)
        ]
        return float(np.std([self(proba, draw) for draw in draws]))
