"""The baseline of the examples."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.linear_model import LogisticRegressionCV


class TunedLogisticRegression(LogisticRegressionCV):
    """L2 logistic regression, C chosen among eight values by cross-validated log-loss."""

    def __init__(self):
        super().__init__(
            Cs=np.logspace(-3, 4, 8), l1_ratios=(0.0,), scoring="neg_log_loss", cv=5, max_iter=2000
        )

    def fit(self, X, y):
        """Fit with at most as many folds as the smallest class has rows.

        Notices about coming changes of defaults, which differ between releases, are left out.
        """
        self.cv = min(5, np.unique(y, return_counts=True)[1].min())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            return super().fit(X, y)
