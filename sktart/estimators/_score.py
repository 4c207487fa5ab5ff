"""The accuracy of classifiers whose labels may be of any kind."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin

from sktart.estimators._labels import are_plain, same_labels
from sktart.estimators._validation import check_fitted


class AnyLabelMixin(ClassifierMixin):
    """Classifier with an accuracy for labels, such as dates, that scikit-learn's metrics do not know."""

    classes_: Any
    predict: Any

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy: the share of rows whose label in `y`, (M,), is predicted; rows may have weights (M,)."""
        check_fitted(self)
        if are_plain(self.classes_):
            return float(super().score(X, y, sample_weight))
        return float(np.average(same_labels(self.predict(X), y), weights=sample_weight))
