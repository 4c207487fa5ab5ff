"""What decides, and how it is fitted on vectors of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, assert_all_finite, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from sktart.auto._candidates import LINEAR, REASONER, TREES, Candidate
from sktart.auto._preparations import make_preparation
from sktart.estimators._classifier import vectors_of_texts
from sktart.estimators._labels import ClassVectors, merge_labels, split_labels
from sktart.estimators._reasoner import TartReasoner
from sktart.estimators._validation import check_sample_weight, takes_weight

# Fewer strengths than scikit-learn tries, over the same range but for its ends.
STRENGTHS = np.logspace(-3, 3, 7)
MOST_FOLDS = 5


@dataclass(frozen=True)
class Labels:
    """What is known of rows: labels and weights.

    Parameters
    ----------
    classes : ndarray of shape (C,)
    codes : ndarray of shape (N,)
        Places in `classes`; -1 for rows without a label.
    weight : ndarray of shape (N,) or None
    """

    classes: NDArray[Any]
    codes: NDArray[np.intp]
    weight: NDArray[np.float64] | None

    @property
    def labelled(self) -> NDArray[np.intp]:
        """Places of rows with a label."""
        return np.flatnonzero(self.codes >= 0)

    def take(self, rows: NDArray[np.intp]) -> Labels:
        """Return those of some rows."""
        return Labels(self.classes, self.codes[rows], None if self.weight is None else self.weight[rows])


def read_labels(y: Any, sample_weight: Any, unlabelled: Any, class_descriptions: Any) -> Labels:
    """Check labels and weights."""
    if getattr(y, "ndim", 1) == 2:
        y = column_or_1d(y, warn=True)
    has_label, given = split_labels(y, unlabelled)
    if given.dtype == object:
        # Members of an IntEnum become integers.
        known = np.array(given.tolist()) if all(isinstance(each, str | Integral) for each in given) else given
        given = given if known.dtype.kind == "f" else known
    if given.dtype.kind in "OSc":
        raise ValueError(
            "labels of AutoTartClassifier must be texts, whole numbers, truth values or dates of numpy, as its other "
            f"classifiers want; got {given.tolist()[0]!r:.80}: "
            "turn them into texts by str, or take TartClassifier, which reads any"
        )
    if given.dtype.kind == "f":
        assert_all_finite(given, input_name="y")
    check_classification_targets(given)
    described = None
    if class_descriptions is not None:
        described = ClassVectors(list(class_descriptions), np.empty((0, 0)))
    classes, codes = merge_labels(given, described)
    every = np.full(len(has_label), -1, dtype=np.intp)
    every[has_label] = codes
    weight = None if sample_weight is None else check_sample_weight(sample_weight, len(has_label))
    return Labels(classes, every, weight)


def encode_descriptions(
    encoder: Any, descriptions: Mapping[Any, list[str]] | None
) -> dict[Any, NDArray[Any]] | None:
    """Return the vectors of each class; None without descriptions, or where the encoder does not read texts."""
    if descriptions is None or not getattr(encoder, "_reads_text", False):
        return None
    return vectors_of_texts(encoder, descriptions)


def _linear(codes: NDArray[np.intp], seed: int) -> ClassifierMixin:
    n_folds = min(MOST_FOLDS, int(np.unique(codes, return_counts=True)[1].min()))
    if n_folds < 2:
        return LogisticRegression(max_iter=2000)
    return LogisticRegressionCV(
        Cs=STRENGTHS,
        l1_ratios=(0.0,),
        scoring="neg_log_loss",
        cv=n_folds,
        max_iter=2000,
        use_legacy_attributes=False,
    )


# Beside the reasoner. Each takes the labels that it will be fitted on, and a seed.
CLASSIFIERS: dict[str, Callable[[NDArray[np.intp], int], Any]] = {
    LINEAR: _linear,
    TREES: lambda codes, seed: HistGradientBoostingClassifier(random_state=seed),
}


def build_model(candidate: Candidate, codes: NDArray[np.intp], columns: Sequence[str], seed: int) -> Any:
    """Return what a candidate puts behind its encoders, unfitted.

    Parameters
    ----------
    candidate : Candidate
    codes : ndarray of shape (N,)
        Classes of the labelled rows that it will be fitted on; few rows allow few folds of its own.
    columns : sequence of str
        Names of the columns that encoders make, if any.
    seed : int
    """
    if candidate.classifier.startswith(REASONER):
        checkpoint = candidate.classifier.removeprefix(REASONER).strip() or "auto"
        classifier = TartReasoner(checkpoint, random_state=seed)
    else:
        classifier = CLASSIFIERS[candidate.classifier](codes, seed)
    preparation = make_preparation(candidate.preparation, columns, seed)
    if preparation is None:
        return classifier
    return Pipeline([("prepare", preparation), ("classify", classifier)])


def fit_model(
    model: Any, vectors: Any, labels: Labels, class_vectors: Mapping[Any, NDArray[Any]] | None = None
) -> Any:
    """Fit a clone of a model on vectors of rows, and return it.

    Only a reasoner reads rows without a label; only one that reads the vectors themselves reads those of classes.
    """
    model = clone(model)
    classifier = model[-1] if isinstance(model, Pipeline) else model
    is_reasoner = isinstance(classifier, TartReasoner)
    if not is_reasoner:
        vectors, labels = _safe_indexing(vectors, labels.labelled), labels.take(labels.labelled)
    known = labels.codes >= 0
    y: Any = labels.classes[labels.codes]
    if not known.all():
        labelled = list(y[known])  # `astype(object)` would turn dates in nanoseconds into integers
        y = np.full(len(known), None, dtype=object)
        y[known] = labelled
    options: dict[str, Any] = {}
    if isinstance(model, Pipeline):
        if labels.weight is not None:
            weighted = [name for name, step in model.steps if takes_weight(step)]
            options = {f"{name}__sample_weight": labels.weight for name in weighted}
        return model.fit(vectors, y, **options)
    if is_reasoner and class_vectors is not None:
        options["class_vectors"] = dict(class_vectors)
    return model.fit(vectors, y, sample_weight=labels.weight, **options)


def predict_all(model: Any, vectors: Any, classes: NDArray[Any]) -> NDArray[np.float64]:
    """Return probabilities (M, C), 0 for classes that the model has not seen."""
    found = model.predict_proba(vectors)
    proba = np.zeros((len(found), len(classes)))
    proba[:, np.searchsorted(classes, model.classes_.astype(classes.dtype))] = found
    return proba
