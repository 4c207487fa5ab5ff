import numpy as np
import pytest
from sklearn.decomposition import PCA

from sktart.estimators._transformer import TartTransformer
from sktart.estimators._validation import (
    FLAG,
    RANDOM_STATE,
    TEXT,
    check_params,
    integer,
    optional,
)


@pytest.mark.parametrize(
    "constraint, good, bad",
    [
        (integer(1), [1, np.int64(7)], [0, -1, 1.0, True, "1", None]),
        (optional(integer(2)), [None, 2], [1, False]),
        (FLAG, [True, np.False_], [0, 1, None, "yes"]),
        (TEXT, ["", "cpu"], [None, 3, b"cpu"]),
        (RANDOM_STATE, [None, 0, np.random.RandomState(0)], [-1, 0.5, "seed", np.random.default_rng(0)]),
    ],
)
def test_constraints(constraint, good, bad):
    assert all(constraint.holds(value) for value in good)
    assert not any(constraint.holds(value) for value in bad)


def test_check_params_reports_all_offenders_at_once():
    estimator = PCA(n_components=0, copy="no")
    with pytest.raises(ValueError, match=r"n_components must be .* got 0\ncopy must be .* got 'no'"):
        check_params(estimator, {"n_components": integer(1), "copy": FLAG})


@pytest.mark.parametrize(
    "name, value, rule",
    [
        ("n_components", 0, "None or an integer of at least 1"),
        ("n_components", 0.5, "None or an integer of at least 1"),
        ("whiten", "yes", "True or False"),
        ("batch_size", 0, "an integer of at least 1"),
        ("device", None, "a string"),
        ("random_state", "seed", "None, an integer"),
    ],
)
def test_parameters_are_checked_before_the_data(name, value, rule):
    with pytest.raises(ValueError, match=f"{name} must be {rule}.*; got {value!r}"):
        TartTransformer(**{name: value}).fit("no data at all")
