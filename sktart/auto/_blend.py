"""Several models whose probabilities are averaged, with shared encoders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from sktart.auto._models import encode_descriptions, fit_model, predict_all, read_labels
from sktart.estimators._classifier import checked_descriptions, plain_settings
from sktart.estimators._validation import check_fitted

# Members are chosen with replacement, so weights are multiples of one over the number of rounds.
MOST_ROUNDS = 20
# The default counts as so many held-out rows: few of them make a wrong choice look good.
PATIENCE = 64


def blend(
    score: Callable[[NDArray[np.float64]], float], answers: Sequence[NDArray[np.float64]], n_rows: float
) -> NDArray[np.float64]:
    """Choose weights of models by a greedy ensemble (Caruana et al. 2004), (K,).

    The first model begins, which is the default. Each round adds the one that improves the score of the mean most, and
    the first round that improves nothing is the last. The result is averaged with the default again: it counts as its
    held-out rows, and the default as `PATIENCE`.

    Parameters
    ----------
    score : callable
        From probabilities (N, C) to a number, larger is better.
    answers : sequence of ndarray of shape (N, C)
        Of each model, for rows that it has not seen.
    n_rows : float
        How many rows that are, or the sum of their weights.
    """
    counts = np.zeros(len(answers))
    counts[0] = 1
    total, best = answers[0], score(answers[0])
    for n_chosen in range(2, MOST_ROUNDS + 1):
        scores = [score((total + each) / n_chosen) for each in answers]
        place = int(np.argmax(scores))
        if not scores[place] > best:
            break
        best, total = scores[place], total + answers[place]
        counts[place] += 1
    weights = counts / counts.sum()
    trust = n_rows / (n_rows + PATIENCE)
    weights *= trust
    weights[0] += 1 - trust
    return weights


class BlendedClassifier(ClassifierMixin, BaseEstimator):
    """Weighted mean of the probabilities of several models, some of which share an encoder.

    Parameters
    ----------
    encoders : list of (str, transformer or None)
        What turns raw rows into vectors, by name; None passes rows on.
    members : list of (str, str, estimator, float)
        Name, name of its encoder, model of vectors, and weight; weights sum to 1.
    class_descriptions : dict or None, default=None
        Of :class:`~sktart.TartClassifier`, for members that are a TartReasoner.
    unlabelled : object, default=None
        Marker of rows without a label, as in TartClassifier.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
    encoders_ : dict
        Fitted.
    members_ : list of (str, str, estimator, float)
        Fitted.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sktart import TartReasoner
    >>> from sktart.auto import BlendedClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> members = [("tart", "", TartReasoner(), 0.5), ("linear", "", LogisticRegression(max_iter=500), 0.5)]
    >>> model = BlendedClassifier([("", None)], members).fit(X[::2], y[::2])
    >>> model.score(X[1::2], y[1::2]) > 0.9
    True
    """

    def __init__(
        self, encoders: Any, members: Any, *, class_descriptions: Any = None, unlabelled: Any = None
    ) -> None:
        self.encoders = encoders
        self.members = members
        self.class_descriptions = class_descriptions
        self.unlabelled = unlabelled

    @plain_settings
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit each encoder, and each member on its vectors."""
        descriptions = checked_descriptions(self.class_descriptions, self.unlabelled)
        labels = read_labels(y, sample_weight, self.unlabelled, descriptions)
        self.encoders_ = {name: None if each is None else clone(each).fit(X) for name, each in self.encoders}
        vectors = self._encode(X)
        of_classes = {name: encode_descriptions(each, descriptions) for name, each in self.encoders_.items()}
        self.members_ = [
            (name, key, fit_model(model, vectors[key], labels, of_classes[key]), weight)
            for name, key, model, weight in self.members
        ]
        self.classes_ = labels.classes
        return self

    @plain_settings
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the mean probability of each class, (M, C); each encoder reads the rows once."""
        check_fitted(self)
        vectors = self._encode(X)
        return sum(
            weight * predict_all(model, vectors[key], self.classes_)
            for _, key, model, weight in self.members_
        )

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable label of each row, (M,)."""
        proba = self.predict_proba(X)
        return self.classes_[proba.argmax(axis=1)]

    def _encode(self, X: Any) -> dict[str, Any]:
        return {name: X if each is None else each.transform(X) for name, each in self.encoders_.items()}
