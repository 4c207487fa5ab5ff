"""The classifiers that are compared, all on the same features."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

OURS = "sktart"
REFERENCE = "LogisticRegressionCV"
CS = np.logspace(-3, 4, 8)


def sktart(y: np.ndarray, checkpoint: str | None) -> ClassifierMixin:
    """Make the reasoner, with the default checkpoint unless one is named."""
    from sktart import TartReasoner

    return TartReasoner() if checkpoint is None else TartReasoner(checkpoint=checkpoint)


def tuned_logistic_regression(y: np.ndarray, checkpoint: str | None) -> ClassifierMixin:
    """L2 logistic regression, C chosen by cross-validated log-loss.

    A class with one row cannot be cross-validated: then this is LogisticRegression with C = 1.
    """
    folds = min(5, int(np.bincount(y).min()))
    if folds < 2:
        return LogisticRegression(max_iter=2000)
    return LogisticRegressionCV(
        Cs=CS, l1_ratios=(0.0,), scoring="neg_log_loss", cv=StratifiedKFold(folds), max_iter=2000
    )


Make = Callable[[np.ndarray, str | None], ClassifierMixin]

METHODS: dict[str, Make] = {
    OURS: sktart,
    REFERENCE: tuned_logistic_regression,
    "LogisticRegression(C=1)": lambda y, checkpoint: LogisticRegression(max_iter=2000),
    "shrinkage LDA": lambda y, checkpoint: LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
    "5-NN": lambda y, checkpoint: KNeighborsClassifier(min(5, len(y))),
    "prior": lambda y, checkpoint: DummyClassifier(strategy="prior"),
}


def preparation(modality: str, n_rows: int) -> Pipeline | None:
    """Make what is fitted on the context rows ahead of every method; embeddings stay as they are."""
    if modality == "text":
        return None
    if modality == "image":
        # Not standardised, which would blow up the trailing components and make the baselines look bad:
        # LogisticRegressionCV on mnist with 128 labels has accuracy 0.69 then, and 0.78 now.
        return make_pipeline(PCA(min(64, n_rows - 1), random_state=0))
    return make_pipeline(StandardScaler())
