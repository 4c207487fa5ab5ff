import numpy as np
import pytest
from sklearn.decomposition import PCA

from sktart.estimators._reasoner import TartReasoner
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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_that_skip_the_checks_are_answered_as_lists_are(dtype):
    X = np.random.default_rng(0).normal(size=(12, 3)).astype(dtype)
    model = TartReasoner().fit(X, np.arange(12) % 2)
    before = X.copy()
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X.tolist()))
    np.testing.assert_array_equal(X, before)
    with pytest.raises(ValueError, match="X has 2 features, but TartReasoner is expecting 3"):
        model.predict_proba(X[:, :2])
    with pytest.raises(ValueError, match="contains NaN"):
        model.predict_proba(np.where(X > 1, np.nan, X))
    with pytest.raises(ValueError, match="0 sample"):
        model.predict_proba(X[:0])
