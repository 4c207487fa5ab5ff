"""The only file that touches scikit-learn's checking machinery."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

FLOATS = [np.float64, np.float32]


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


def optional(constraint: Constraint) -> Constraint:
    """Let None pass as well."""
    return Constraint(f"None or {constraint.rule}", lambda value: value is None or constraint.holds(value))


FLAG = Constraint("True or False", lambda value: isinstance(value, bool | np.bool_))
TEXT = Constraint("a string", lambda value: isinstance(value, str))
RANDOM_STATE = Constraint(
    "None, an integer of at least 0 or a numpy RandomState",
    lambda value: value is None or integer(0).holds(value) or isinstance(value, np.random.RandomState),
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
    """Check numeric `X`, record or compare its features, and return a copy that is ours to change.

    Parameters
    ----------
    estimator : BaseEstimator
        Gets ``n_features_in_`` and, from a frame, ``feature_names_in_``.
    X : array-like of shape (n, D)
        Finite numbers.
    **rules
        Passed on to ``sklearn.utils.validation.validate_data``.
    """
    return validate_data(estimator, X, copy=True, **rules)
