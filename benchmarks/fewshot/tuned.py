"""Logistic regression whose penalty is chosen by cross-validation: the baseline to beat."""

from __future__ import annotations

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold

CS = np.logspace(-4, 4, 10)


def folds(y: np.ndarray) -> StratifiedKFold:
    """Make up to five folds, as many as the smallest class has rows."""
    return StratifiedKFold(min(5, int(np.bincount(y).min())))


def tuned_logistic_regression(y: np.ndarray) -> ClassifierMixin:
    """L2 logistic regression, C chosen by cross-validated log-loss.

    A class with one row cannot be cross-validated: then this is LogisticRegression with C = 1.
    """
    if np.bincount(y).min() < 2:
        return LogisticRegression(max_iter=2000)
    return LogisticRegressionCV(Cs=CS, l1_ratios=(0.0,), scoring="neg_log_loss", cv=folds(y), max_iter=2000)


class TunedLogisticRegression(ClassifierMixin, BaseEstimator):
    """The same for labels that are not known before `fit`, as within the folds of another method."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """Choose the penalty, and fit."""
        self.classifier_ = tuned_logistic_regression(y).fit(X, y)
        self.classes_ = self.classifier_.classes_
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return those of logistic regression."""
        return self.classifier_.predict_proba(X)
