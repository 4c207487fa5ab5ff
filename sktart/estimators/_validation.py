"""The only file that touches scikit-learn's checking machinery."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
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
from sktart.estimators._given import Given
from sktart.estimators._labels import (
    are_plain,
    check_class_vectors,
    entries_of,
    merge_labels,
    places_of,
    split_labels,
    unique_labels,
)
from sktart.rows._entries import shown
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
        # without float(), which a huge integer overflows
        lambda value: isinstance(value, Real) and not isinstance(value, bool) and low <= value <= high,  # type: ignore[operator]
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
    "None, an integer from 0 to 2**32 - 1 or a numpy RandomState",
    lambda value: (
        value is None
        or (integer(0).holds(value) and value < 2**32)
        or isinstance(value, np.random.RandomState)
    ),
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
        f"{name} must be {constraint.rule}; got {shown(params[name])}"
        for name, constraint in constraints.items()
        if not constraint.holds(params[name])
    ]
    if problems:
        raise ValueError("\n".join(problems))


def require(name: str, value: Any, constraint: Constraint) -> None:
    """Hold an argument of a method against its rule."""
    if not constraint.holds(value):
        raise ValueError(f"{name} must be {constraint.rule}; got {shown(value)}")


def check_fitted(estimator: BaseEstimator) -> None:
    """Raise scikit-learn's ``NotFittedError`` before the first ``fit``."""
    check_is_fitted(estimator)


def validate_numbers(estimator: BaseEstimator, X: Any, **rules: Any) -> Any:
    """Check numeric `X`, record or compare its features, and return a copy that is ours to change."""
    # NaN would come out of the network, with another diagnosis.
    with config_context(assume_finite=False), within_float64("X"):
        return validate_data(estimator, X, copy=True, **rules)


@contextmanager
def within_float64(what: str) -> Iterator[None]:
    """Name what holds an integer that is larger than any float."""
    try:
        yield
    except OverflowError as error:
        raise ValueError(f"{what} must hold numbers up to 1.8e308; got a larger integer: scale it") from error


def record_features(estimator: BaseEstimator, X: Any, *, reset: bool) -> None:
    """Record number and names of the features of `X`, or compare them, where it has any, and look at no entry."""
    validate_data(estimator, X, reset=reset, skip_check_array=True)


def validate_given(
    estimator: BaseEstimator,
    X: Any,
    y: Any,
    sample_weight: Any,
    class_vectors: Any,
    unlabelled: Any,
    *,
    former: Given | None = None,
    listed: Any = None,
) -> Given:
    """Check what a classifier is given to read, leave out rows of weight 0, and add it to what was there before.

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
    former : Given, optional
        What was given before, as X must have the same features.
    listed : array-like of shape (C,), optional
        All labels that there may be.

    Returns
    -------
    Given
        With copies of the rows.
    """
    _refuse_all_but_dense_numbers(estimator, X)
    has_label, labels = split_labels(y, unlabelled)
    # Scikit-learn does not know labels such as dates, bytes or huge integers.
    is_known = labels.ndim != 1 or are_plain(labels)
    rules: dict[str, Any] = {"dtype": FLOATS, "reset": former is None}
    if has_label.all() and is_known:
        is_plain = isinstance(getattr(y, "dtype", None), np.dtype) and y.dtype.kind not in "OT"
        X, labels = validate_numbers(estimator, X, y=y if is_plain else labels, **rules)
    else:
        X = validate_numbers(estimator, X, **rules)
        check_consistent_length(X, has_label)
    if is_known:
        check_classification_targets(labels)
    weight = np.ones(len(X)) if sample_weight is None else check_sample_weight(sample_weight, len(X))
    used, pool = np.flatnonzero(weight * has_label), np.flatnonzero(weight * ~has_label)
    used_labels = labels[weight[has_label] > 0]
    described = None if class_vectors is None else check_class_vectors(class_vectors, X.shape[1], unlabelled)
    classes, codes = merge_labels(used_labels, described)
    vectors = None
    if described is not None:
        # Three times, as labels that are all different look like a regression target.
        if are_plain(classes):
            check_classification_targets(np.repeat(classes, 3))
        vectors = described.table(classes)
    rows = ContextRows(X, None, weight, np.arange(len(X)))
    known = Known(replace(rows.take(used), codes=codes), rows.take(pool), len(classes), vectors)
    given = Given(known, classes, np.zeros(len(classes), dtype=bool), len(X))
    if listed is not None:
        given = _with_listed(given, listed, unlabelled)
    if former is not None:
        _check_listed(former, given)
        given = former.plus(given)
    if described is not None:
        _warn_of_strangers(given)  # of all rows so far
    return given


def _with_listed(given: Given, listed: Any, unlabelled: Any) -> Given:
    """Add classes that a user listed, which may be without a row."""
    is_label, labels = split_labels(listed, unlabelled)
    if labels.ndim != 1 or not len(labels) or not is_label.all():
        raise ValueError(f"classes must be a list of labels, none of them missing; got {shown(listed)}")
    labels, _ = unique_labels(labels)
    nothing = given.known.labelled.take(np.arange(0))
    empty = Known(nothing, given.known.pool.take(np.arange(0)), len(labels))
    every = Given(empty, labels, np.ones(len(labels), dtype=bool), 0)
    _check_listed(every, given)
    return every.plus(given)


def _check_listed(former: Given, given: Given) -> None:
    """Refuse labels that are not among the classes that were listed, if any were."""
    labels = entries_of(given.classes)
    strange = [
        label for label, place in zip(labels, places_of(former.classes, labels), strict=True) if place < 0
    ]
    if former.is_listed.any() and strange:
        raise ValueError(
            f"y must hold labels among the classes that partial_fit was given, {entries_of(former.classes)}; got "
            f"{strange[0]!r}: list it there as well, or leave classes out"
        )


def check_enough(given: Given) -> None:
    """Check that there is something to read, and that weights count rows."""
    labelled, pool = given.known.labelled, given.known.pool
    if not len(labelled) and given.known.class_vectors is None:
        raise ValueError(
            f"y must have a label for at least one row of positive weight; got {len(pool)} rows without: give some a "
            "label, or describe two classes or more, by class_vectors here or class_descriptions of TartClassifier"
        )
    for part in (labelled, pool):
        _check_total(part.weight)
    if len(labelled) > 1 and np.isclose(labelled.weight.sum(), 1):
        warnings.warn(
            f"sample_weight counts rows, and that of {len(labelled)} labelled rows sums to 1, so together they stand "
            f"for one row: multiply it by {len(labelled)} if each row shall count on average as one",
            UserWarning,
            stacklevel=5,
        )


def validate_rows(rows: Any, *known: Any) -> Any:
    """Check numbers of rows that are to be forgotten, against those that are there."""
    numbers = np.atleast_1d(np.asarray(rows))
    if numbers.ndim != 1 or (numbers.dtype.kind not in "iu" and numbers.size):
        raise ValueError(f"rows must be numbers of rows, such as [0, 3]; got {shown(rows)}")
    absent = np.setdiff1d(numbers, np.concatenate(known))
    if len(absent):
        raise ValueError(
            f"rows must be numbers of rows that are there; {absent[0]} is not: rows are counted from 0 since fit, and "
            "keep their numbers when others are forgotten"
        )
    return numbers


def _warn_of_strangers(given: Given) -> None:
    """Warn where a class has a description alone and another one rows alone: a key may be misspelt."""
    has_rows, is_described = given.known.has_rows, given.known.is_described
    rowless = given.classes[is_described & ~has_rows].tolist()
    unsaid = given.classes[has_rows & ~is_described].tolist()
    if rowless and unsaid:
        warnings.warn(
            f"{rowless[0]!r} is described and has no labelled row, {unsaid[0]!r} has labelled rows and no description: "
            "both are classes now; if they are meant to be one, spell them alike",
            UserWarning,
            stacklevel=5,
        )


def check_sample_weight(sample_weight: Any, n_rows: int) -> Any:
    with config_context(assume_finite=False), within_float64("sample_weight"):
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
    if _leaves_no_question(estimator, X):
        return X.astype(np.float64)
    _refuse_all_but_dense_numbers(estimator, X)
    return validate_numbers(estimator, X, reset=False, dtype=np.float64)


def _leaves_no_question(estimator: Any, X: Any) -> bool:
    """Tell at once what a service asks row by row: finite numbers, with no names to compare.

    scikit-learn's checks come to the same, but take as long as a sixth of an answer.
    """
    return (
        type(X) is np.ndarray
        and X.dtype in FLOATS
        and X.ndim == 2
        and len(X) > 0
        and X.shape[1] == estimator.n_features_in_
        and not hasattr(estimator, "feature_names_in_")
        and bool(np.isfinite(X).all())
    )


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
