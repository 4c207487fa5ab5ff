"""The classifiers that are compared, all on the same features."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.base import ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import LinearSVC

from benchmarks.fewshot.held_out_ridge import HeldOutRidge
from benchmarks.fewshot.knowing import (
    DescriptionRows,
    DescriptionScore,
    KnowingReasoner,
    Spreading,
    StrengthRidge,
    ZeroShot,
    logistic_regression,
)
from benchmarks.fewshot.prototypes import Prototypes
from benchmarks.fewshot.tuned import CS, TunedLogisticRegression, folds, tuned_logistic_regression

OURS = "sktart"
# What ours reads besides labelled rows.
OURS_WITH = {
    "sktart, pool": ("pool",),
    "sktart, descriptions": ("descriptions",),
    "sktart, pool and descriptions": ("pool", "descriptions"),
}
REFERENCE = "LogisticRegressionCV"
ROWS_OTHER_THAN_TEXT = frozenset({"image", "audio", "table"})

Make = Callable[[np.ndarray, np.ndarray, str | None], ClassifierMixin]


@dataclass(frozen=True)
class Method:
    """A classifier, and the contexts that it is for; in others it is left out.

    `make` gets the labelled rows, their labels and `--checkpoint`. Where `reads` is texts, the rows are arrays of
    texts in place of features. What it `uses` besides, it needs: a pool is rows of label -1 behind the others, and
    descriptions are a further argument of its fit. `is_default` is False for what runs only if asked for by name.
    """

    make: Make
    max_rows: float = np.inf
    max_classes: float = np.inf
    min_per_class: int = 1
    modalities: frozenset[str] = ROWS_OTHER_THAN_TEXT | {"text"}
    reads: Literal["features", "texts"] = "features"
    uses: frozenset[Literal["pool", "descriptions"]] = frozenset()
    is_default: bool = True

    def fits(self, modality: str, y: np.ndarray, known: Collection[str] = ()) -> bool:
        """Tell whether it is for a context with these labels, and with what is known besides."""
        counts = np.bincount(y)
        return (
            modality in self.modalities
            and self.uses.issubset(known)
            and len(y) <= self.max_rows
            and len(counts) <= self.max_classes
            and counts.min() >= self.min_per_class
        )


def sktart(checkpoint: str | None) -> ClassifierMixin:
    """Make the reasoner, with the default checkpoint unless one is named."""
    from sktart import TartReasoner

    return TartReasoner() if checkpoint is None else TartReasoner(checkpoint=checkpoint)


def calibrated(
    classifier: ClassifierMixin, y: np.ndarray, method: Literal["sigmoid", "temperature"]
) -> ClassifierMixin:
    """Turn decision values into probabilities by what is fitted on values of held-out folds."""
    return CalibratedClassifierCV(classifier, method=method, ensemble=False, cv=folds(y))


def gaussian_process(X: np.ndarray, kernel: Literal["linear", "RBF"]) -> ClassifierMixin:
    """Gaussian-process classifier with Laplace's approximation; scale and offset or length maximise its evidence."""
    if kernel == "linear":
        # One unit of signal at the typical row: rows of any length start alike.
        chosen = ConstantKernel(1 / np.mean((X**2).sum(axis=1)), (1e-6, 1e6)) * DotProduct(1.0, (1e-3, 1e3))
    else:
        length = float(np.median(pdist(X)))
        chosen = ConstantKernel(1.0, (1e-3, 1e4)) * RBF(length, (1e-2 * length, 1e3 * length))
    return GaussianProcessClassifier(chosen)


def contrastive() -> ClassifierMixin:
    """Make what fine-tunes MiniLM; see ``contrastive.py``."""
    from benchmarks.fewshot.contrastive import ContrastiveFineTuning

    return ContrastiveFineTuning()


def self_training() -> ClassifierMixin:
    """Make logistic regression that labels unlabelled rows where it is 75 % sure, and learns from them."""
    return SelfTrainingClassifier(logistic_regression())


def knowing(make: Callable[[str | None], ClassifierMixin], *uses: Literal["pool", "descriptions"]) -> Method:
    """Make a method for texts that needs what users know besides labelled rows; `make` gets `--checkpoint`."""
    return Method(
        lambda X, y, checkpoint: make(checkpoint),
        modalities=frozenset({"text"}),
        uses=frozenset(uses),
        is_default=False,
    )


METHODS = {
    OURS: Method(lambda X, y, checkpoint: sktart(checkpoint)),
    **{name: knowing(KnowingReasoner, *uses) for name, uses in OURS_WITH.items()},
    REFERENCE: Method(lambda X, y, checkpoint: tuned_logistic_regression(y)),
    "LogisticRegression(C=1)": Method(lambda X, y, checkpoint: LogisticRegression(max_iter=2000)),
    # Vectors of texts mostly have unit rows anyway.
    "LogisticRegression(C=1), unit rows": Method(
        lambda X, y, checkpoint: make_pipeline(Normalizer(), LogisticRegression(max_iter=2000)),
        modalities=ROWS_OTHER_THAN_TEXT,
    ),
    # A temperature leaves its accuracy as it is. With a sigmoid it falls below chance in contexts of 16 rows.
    "ridge + temperature": Method(
        lambda X, y, checkpoint: calibrated(RidgeClassifierCV(alphas=CS), y, "temperature"),
        min_per_class=2,
    ),
    # One of the four that feed the gram reasoner.
    "ridge of strength 1 + temperature": Method(
        lambda X, y, checkpoint: calibrated(StrengthRidge(1.0), y, "temperature"),
        min_per_class=2,
    ),
    "ridge, held-out strength": Method(lambda X, y, checkpoint: HeldOutRidge()),
    "shrinkage LDA": Method(
        lambda X, y, checkpoint: LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    ),
    # Time grows with the cube of rows, and by a fit for each class.
    "GP, linear": Method(lambda X, y, checkpoint: gaussian_process(X, "linear"), max_rows=256, max_classes=4),
    "GP, RBF": Method(lambda X, y, checkpoint: gaussian_process(X, "RBF"), max_rows=256, max_classes=4),
    "linear SVM + Platt": Method(
        lambda X, y, checkpoint: calibrated(LinearSVC(random_state=0), y, "sigmoid"), min_per_class=2
    ),
    "5-NN": Method(lambda X, y, checkpoint: KNeighborsClassifier(min(5, len(y)))),
    "prototypes": Method(lambda X, y, checkpoint: Prototypes()),
    # What users of tables have; slow, and no rival on embeddings.
    "random forest": Method(
        lambda X, y, checkpoint: RandomForestClassifier(min_samples_leaf=2, random_state=0),
        modalities=frozenset({"table"}),
        is_default=False,
    ),
    "prior": Method(lambda X, y, checkpoint: DummyClassifier(strategy="prior")),
    "self-training": knowing(lambda checkpoint: self_training(), "pool"),
    "label spreading": knowing(lambda checkpoint: Spreading(), "pool"),
    "zero-shot": knowing(lambda checkpoint: ZeroShot(), "descriptions"),
    "LogisticRegressionCV, description rows": knowing(
        lambda checkpoint: DescriptionRows(TunedLogisticRegression()), "descriptions"
    ),
    "LogisticRegressionCV + description score": knowing(
        lambda checkpoint: DescriptionScore(TunedLogisticRegression()), "descriptions"
    ),
    "self-training + description score": knowing(
        lambda checkpoint: DescriptionScore(self_training()), "pool", "descriptions"
    ),
    "self-training, description rows": knowing(
        lambda checkpoint: DescriptionRows(self_training()), "pool", "descriptions"
    ),
    # A minute or more a fit.
    "contrastive fine-tuning": Method(
        lambda X, y, checkpoint: contrastive(),
        max_rows=64,
        modalities=frozenset({"text"}),
        reads="texts",
        is_default=False,
    ),
}


def preparation(encoder: str, n_rows: int) -> Pipeline | None:
    """Make what is fitted on the context rows ahead of every method; what an encoder returns stays as it is."""
    if encoder == "pixels":
        # Not standardised, which would blow up the trailing components and make the baselines look bad:
        # LogisticRegressionCV on mnist with 128 labels has accuracy 0.69 then, and 0.78 now.
        return make_pipeline(PCA(min(64, n_rows - 1), random_state=0))
    return make_pipeline(StandardScaler()) if encoder in ("log-mel", "columns") else None
