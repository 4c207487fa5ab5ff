"""The only file that touches scikit-learn's checking machinery."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Mapping
from numbers import Integral, Real
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    has_fit_parameter,
    validate_data,
)

from sktart.contexts._context_rows import ContextRows
from sktart.contexts._known import Known
from sktart.estimators._labels import are_plain, check_class_vectors, merge_labels, split_labels
from sktart.rows._numbers import check_numbers

FLOATS = [np.float64, np.float32]
# Mean absolute values of features, beyond which a reasoner that is not free of scale has seen nothing alike.
USUAL_SIZE = (0.25, 2.5)


class Constraint(NamedTuple):
    """What a parameter must be, in words that follow ``must be`` and as a test."""

    rule: str
    holds: Callable[[Any], bool]


def integer(low: int) -> Constraint:
    """Whole numbers of at least `low`; True and False are none."""
    return Constraint(
        f"an integer of at least {low}",
        lambda value: isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= low,
    )


def number(low: float, high: float) -> Constraint:
    """Real numbers from `low` to `high`; True and False are none."""
    return Constraint(
        f"a number from {low:g} to {high:g}",
        lambda value: isinstance(value, Real) and not isinstance(value, bool) and low <= float(value) <= high,
    )


def one_of(*values: str) -> Constraint:
    """One of some words."""
    return Constraint(
        f"one of {', '.join(map(repr, values))}", lambda value: isinstance(value, str) and value in values
    )


def optional(constraint: Constraint) -> Constraint:
    """Let None pass as well."""
    return Constraint(f"None or {constraint.rule}", lambda value: value is None or constraint.holds(value))


WHOLE = Constraint("an integer", lambda value: isinstance(value, Integral) and not isinstance(value, bool))
FLAG = Constraint("True or False", lambda value: isinstance(value, bool | np.bool_))
PATH = Constraint("a string or a path", lambda value: isinstance(value, str | PathLike))
TEXT = Constraint("a string", lambda value: isinstance(value, str))
RANDOM_STATE = Constraint(
    "None, an integer of at least 0 or a numpy RandomState",
    lambda value: value is None or integer(0).holds(value) or isinstance(value, np.random.RandomState),
)
MARKER = Constraint("None or a label", lambda value: isinstance(value, Hashable))
CLASS_WEIGHT = Constraint(
    "None, 'balanced' or a dict from labels to factors",
    lambda value: value is None or isinstance(value, Mapping) or one_of("balanced").holds(value),
)


def check_params(estimator: BaseEstimator, constraints: Mapping[str, Constraint]) -> None:
    """Hold the parameters of `estimator` against `constraints`, and report all offenders at once.

    Raises
    ------
    ValueError
        If a parameter breaks its constraint.

    Examples
    --------
    >>> from sklearn.decomposition import PCA
    >>> check_params(PCA(n_components=0), {"n_components": optional(integer(1))})
    Traceback (most recent call last):
        ...
    ValueError: n_components must be None or an integer of at least 1; got 0
    """
    params = estimator.get_params(deep=False)
    problems = [
        f"{name} must be {constraint.rule}; got {params[name]!r}"
        for name, constraint in constraints.items()
        if not constraint.holds(params[name])
    ]
    if problems:
        raise ValueError("\n".join(problems))


def check_fitted(estimator: BaseEstimator) -> None:
    """Raise scikit-learn's ``NotFittedError`` before the first ``fit``."""
    check_is_fitted(estimator)


def validate_numbers(estimator: BaseEstimator, X: Any, **rules: Any) -> Any:
    """Check numeric `X`, record or compare its features, and return a copy that is ours to change."""
    with config_context(assume_finite=False):  # NaN would come out of the network, with another diagnosis
        return validate_data(estimator, X, copy=True, **rules)


def record_features(estimator: BaseEstimator, X: Any, *, reset: bool) -> None:
    """Record number and names of the features of `X`, or compare them, where it has any, and look at no entry."""
    validate_data(estimator, X, reset=reset, skip_check_array=True)


def validate_known(
    estimator: BaseEstimator, X: Any, y: Any, sample_weight: Any, class_vectors: Any, unlabelled: Any
) -> tuple[Known, Any]:
    """Check what a classifier is given to read, and leave out rows of weight 0.

    Parameters
    ----------
    estimator : BaseEstimator
        Gets ``n_features_in_`` and, from a frame, ``feature_names_in_``.
    X : array-like of shape (n, D)
    y : array-like of shape (n,)
        A missing label, or `unlabelled` where that is not None, marks a row without a label.
    sample_weight : array-like of shape (n,) or None
    class_vectors : dict or None
        From labels to vectors, see :func:`~sktart.estimators._labels.check_class_vectors`.
    unlabelled : object

    Returns
    -------
    known : Known
        Copies of the rows with a positive weight.
    classes : ndarray of shape (C,)
        Their labels and those of `class_vectors`, sorted.
    """
    _refuse_all_but_dense_numbers(estimator, X)
    has_label, labels = split_labels(y, unlabelled)
    # Scikit-learn does not know labels such as dates, bytes or huge integers.
    is_known = labels.ndim != 1 or are_plain(labels)
    if has_label.all() and is_known:
        is_plain = isinstance(getattr(y, "dtype", None), np.dtype) and y.dtype.kind not in "OT"
        X, labels = validate_numbers(estimator, X, y=y if is_plain else labels, dtype=FLOATS)
    else:
        X = validate_numbers(estimator, X, dtype=FLOATS)
        check_consistent_length(X, has_label)
    if is_known:
        check_classification_targets(labels)
    weight = np.ones(len(X)) if sample_weight is None else check_sample_weight(sample_weight, len(X))
    used, pool = np.flatnonzero(weight * has_label), np.flatnonzero(weight * ~has_label)
    used_labels = labels[weight[has_label] > 0]
    described = None if class_vectors is None else check_class_vectors(class_vectors, X.shape[1], unlabelled)
    if not len(used) and described is None:
        raise ValueError(
            f"y must have a label for at least one row of positive weight; got {len(X)} rows without: give some a "
            "label, or describe two classes or more, by class_vectors here or class_descriptions of TartClassifier"
        )
    for part in (used, pool):
        _check_total(weight[part])
    if len(used) > 1 and np.isclose(weight[used].sum(), 1):
        warnings.warn(
            f"sample_weight counts rows, and that of {len(used)} labelled rows sums to 1, so together they stand for "
            f"one row: multiply it by {len(used)} if each row shall count on average as one",
            UserWarning,
            stacklevel=4,
        )
    classes, codes = merge_labels(used_labels, described)
    vectors = None
    if described is not None:
        # Three times, as labels that are all different look like a regression target.
        if are_plain(classes):
            check_classification_targets(np.repeat(classes, 3))
        vectors = described.table(classes)
        _warn_of_strangers(classes, codes, vectors)
    return Known(
        ContextRows(X[used], codes, weight[used], used),
        ContextRows(X[pool], None, weight[pool], pool),
        len(classes),
        vectors,
    ), classes


def _warn_of_strangers(classes: Any, codes: Any, vectors: Any) -> None:
    """Warn where a class has a description alone and another one rows alone: a key may be misspelt."""
    has_rows, is_described = np.isin(np.arange(len(classes)), codes), ~np.isnan(vectors).any(axis=1)
    rowless, unsaid = classes[is_described & ~has_rows].tolist(), classes[has_rows & ~is_described].tolist()
    if rowless and unsaid:
        warnings.warn(
            f"{rowless[0]!r} is described and has no labelled row, {unsaid[0]!r} has labelled rows and no description: "
            "both are classes now; if they are meant to be one, spell them alike",
            UserWarning,
            stacklevel=5,
        )


def check_sample_weight(sample_weight: Any, n_rows: int) -> Any:
    with config_context(assume_finite=False):
        weight = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if weight.shape != (n_rows,):
        raise ValueError(f"sample_weight must have shape ({n_rows},), one number a row; got {weight.shape}")
    if (weight < 0).any():
        row = int(np.argmin(weight))
        raise ValueError(
            f"sample_weight must not be negative; row {row} has {weight[row]}; use 0 to leave a row out"
        )
    if not weight.any():
        raise ValueError(
            "sample_weight must not be zero for all rows; give at least one row a positive weight"
        )
    return weight


def _check_total(weight: Any) -> None:
    """Check the weights of the labelled rows, or of those without a label."""
    if len(weight) and not 1e-6 <= weight.sum() <= 1e12:
        raise ValueError(
            f"sample_weight counts rows, so its sum must lie between 1e-6 and 1e12; got {weight.sum():.3g}; rescale it"
        )


def takes_weight(estimator: Any) -> bool:
    """Tell whether ``fit`` of an estimator has the parameter `sample_weight`."""
    return bool(has_fit_parameter(estimator, "sample_weight"))


def check_lengths(X: Any, y: Any) -> None:
    """Check that there is a label, or a missing one, for each row."""
    check_consistent_length(X, y)


def validate_queries(estimator: BaseEstimator, X: Any) -> Any:
    """Check rows that a fitted classifier shall answer, and return them as float64."""
    _refuse_all_but_dense_numbers(estimator, X)
    return validate_numbers(estimator, X, reset=False, dtype=np.float64)


def warn_of_scale(checkpoint: str, X: Any) -> None:
    """Warn the caller of ``fit`` where features of a reasoner that is not free of scale are far from unit variance."""
    low, high = USUAL_SIZE
    with np.errstate(over="ignore"):
        size = float(np.abs(X).mean())
    if not low <= size <= high:
        warnings.warn(
            f"checkpoint {checkpoint!r} was trained on features of unit variance, with a mean size of 0.8; that of X "
            f"is {size:.3g}: put StandardScaler() or TartTransformer(whiten=True) before it, or take 'gram-base', "
            "which reads any scale",
            UserWarning,
            stacklevel=5,
        )


def warn_of_draw(n_read: int, n_rows: int) -> None:
    """Warn the caller of ``fit`` that not all rows without a label are read."""
    warnings.warn(
        f"read {n_read} of {n_rows} rows without a label, drawn by random_state: pass max_unlabelled=None to read all, "
        "which takes time and memory for each",
        UserWarning,
        stacklevel=5,
    )


def _refuse_all_but_dense_numbers(estimator: BaseEstimator, X: Any) -> None:
    """Say where text and sparse rows belong before scikit-learn says that they are no numbers."""
    name = type(estimator).__name__
    if issparse(X):
        raise TypeError(
            f"{name} takes dense numbers; got sparse X of shape {X.shape}: put TartTransformer() before it, which "
            "makes them dense, or let the step before it return dense rows, for instance by sparse_output=False"
        )
    encode = f"put an encoder before it: make_pipeline(TartTransformer('all-MiniLM-L6-v2'), {name}())"
    check_numbers(X, name, encode)
