"""TartReasoner as a citizen of scikit-learn."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktart import TartReasoner, TartTransformer
from sktart._runtime import torch_threads
from sktart.exceptions import CheckpointError


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return X[::2], y[::2], X[1::2], y[1::2]


@pytest.fixture(scope="module")
def fitted(iris):
    """Careful: do not fit this one again."""
    return TartReasoner().fit(*iris[:2])


def test_classifies_iris(fitted, iris):
    assert fitted.score(*iris[2:]) > 0.93
    assert fitted.checkpoint_ == "gram-base"


def test_classifies_digits_with_few_labels():
    X, y = load_digits(return_X_y=True)
    assert TartReasoner().fit(X[:100], y[:100]).score(X[100:600], y[100:600]) > 0.8


def test_decision_function_of_two_classes_is_the_log_odds(iris):
    X, y = iris[0], iris[1] > 0
    model = TartReasoner().fit(X, y)
    proba = model.predict_proba(iris[2])
    np.testing.assert_allclose(model.decision_function(iris[2]), np.log(proba[:, 1] / proba[:, 0]), rtol=1e-3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_row_gets_the_same_bits_alone_in_all_and_shuffled(iris, dtype):
    X, y, queries, _ = iris
    model = TartReasoner(dtype=dtype, batch_size=32).fit(X, y)
    everything = model.predict_proba(queries)
    alone = np.vstack([model.predict_proba(row[None]) for row in queries])
    assert np.array_equal(alone, everything)
    order = np.random.default_rng(0).permutation(len(queries))
    assert np.array_equal(model.predict_proba(queries[order]), everything[order])


def test_order_of_labelled_rows_changes_no_bit(iris):
    X, y, queries, _ = iris
    order = np.random.default_rng(0).permutation(len(X))
    shuffled = TartReasoner().fit(X[order], y[order])
    assert np.array_equal(shuffled.predict_proba(queries), TartReasoner().fit(X, y).predict_proba(queries))


def test_weight_two_is_the_row_twice_to_the_bit(iris):
    X, y, queries, _ = iris
    weight = np.arange(len(X)) % 3
    weighted = TartReasoner().fit(X, y, sample_weight=weight)
    repeated = TartReasoner().fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    assert np.array_equal(weighted.predict_proba(queries), repeated.predict_proba(queries))


@pytest.mark.parametrize("threads", [1, 2])
@settings(max_examples=5, deadline=None)
@given(
    st.integers(0, 2**31), st.integers(20, 90), st.integers(1, 600), st.integers(2, 8), st.integers(2, 300)
)
def test_default_chunk_gives_the_same_bits_at_any_place(threads, seed, n, d, n_classes, m):
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n)
    with torch_threads(threads):
        model = TartReasoner().fit(rng.normal(size=(n, d)) + rng.normal(size=(n_classes, d))[y], y)
        queries, order = rng.normal(size=(m, d)), rng.permutation(m)
        everything = model.predict_proba(queries)
        assert np.array_equal(model.predict_proba(queries[order]), everything[order])
        assert np.array_equal(model.predict_proba(queries[-1:]), everything[-1:])


@pytest.mark.parametrize("n_classes", [2, 6])
def test_laws_hold_at_the_size_of_sentence_embeddings(n_classes):
    rng = np.random.default_rng(0)
    y = np.arange(256) % n_classes
    X = rng.normal(size=(256, 384)) + rng.normal(size=(n_classes, 384))[y]
    queries = rng.normal(size=(40, 384))
    turn = np.linalg.qr(rng.normal(size=(384, 384)))[0]
    plain = TartReasoner(dtype="float64").fit(X, y).predict_proba(queries)
    model = TartReasoner(dtype="float64").fit(3 * X @ turn + 1, (y + 1) % n_classes)
    turned = model.predict_proba(3 * queries @ turn + 1)
    np.testing.assert_allclose(np.roll(turned, -1, axis=1), plain, atol=1e-9)


@pytest.mark.parametrize("labels", [["no", "yes"], [5, -7], [True, False], [1.0, 2.0]], ids=str)
def test_labels_of_any_kind(labels):
    rng = np.random.default_rng(0)
    codes = np.arange(20) % 2
    X = rng.normal(size=(20, 3)) + 4 * codes[:, None]
    y = np.asarray(labels)[codes]
    model = TartReasoner().fit(X, y)
    assert list(model.classes_) == sorted(labels)
    assert (model.predict(X) == y).all()


def test_one_class_is_certain():
    model = TartReasoner().fit([[0.0], [1.0]], ["only", "only"])
    assert model.predict([[5.0]]).tolist() == ["only"]
    assert model.predict_proba([[5.0]]).tolist() == [[1.0]]


def test_more_classes_than_in_pretraining():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(30), 3)
    X = rng.normal(size=(30, 40))[y] + 0.1 * rng.normal(size=(90, 40))
    assert TartReasoner().fit(X, y).score(X, y) > 0.9


def test_one_row_and_constant_features():
    assert np.isfinite(TartReasoner().fit([[1.0, 2.0]], [3]).predict_proba([[0.0, 0.0]])).all()
    constant = TartReasoner().fit(np.ones((6, 2)), [0, 0, 0, 0, 1, 1])
    assert constant.predict([[1.0, 1.0]]) == [0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_features_without_a_finite_inverse_tell_nothing_but_the_shares(dtype):
    rows, y = np.random.default_rng(0).normal(size=(8, 3)) * 1e-320, [0, 0, 0, 1] * 2
    tiny = TartReasoner(dtype=dtype).fit(rows, y).predict_proba(rows)
    equal = TartReasoner(dtype=dtype).fit(rows * 0, y).predict_proba(rows * 0)
    np.testing.assert_allclose(tiny, equal, rtol=1e-5)


def test_class_weight_multiplies_the_odds(iris):
    X, y, queries, _ = iris
    plain = TartReasoner(dtype="float64").fit(X, y).predict_proba(queries)
    shifted = TartReasoner(dtype="float64", class_weight={0: 1, 1: 1, 2: 3}).fit(X, y).predict_proba(queries)
    expected = plain * [1, 1, 3]
    np.testing.assert_allclose(shifted, expected / expected.sum(axis=1, keepdims=True), atol=1e-12)


def test_temperature_divides_the_log_odds(iris):
    X, y = iris[0], iris[1] > 0
    warm = TartReasoner(temperature=2.0, dtype="float64").fit(X, y).decision_function(iris[2])
    plain = TartReasoner(dtype="float64").fit(X, y).decision_function(iris[2])
    np.testing.assert_allclose(2 * warm, plain, rtol=1e-9)


def test_inputs_stay_as_they_were(iris):
    arrays = [np.array(part) for part in (*iris[:3], np.ones(len(iris[0])))]
    for array in arrays:
        array.flags.writeable = False
    X, y, queries, weight = arrays
    before = [array.copy() for array in arrays]
    TartReasoner().fit(X, y, sample_weight=weight).predict_proba(queries)
    assert all(np.array_equal(a, b) for a, b in zip(arrays, before, strict=True))


def test_failed_fit_leaves_no_answers_of_a_former_one(iris):
    model = TartReasoner().fit(*iris[:2])
    with pytest.raises(CheckpointError, match="neither a name"):
        model.set_params(checkpoint="nope").fit(iris[0], iris[1].astype(str))
    with pytest.raises(NotFittedError, match="not fitted yet"):
        model.predict(iris[2])
    model.set_params(checkpoint="auto").fit(*iris[:2])
    with pytest.raises(ValueError, match="temperature must be"):
        model.set_params(temperature=0).fit(*iris[:2])
    with pytest.raises(NotFittedError, match="not fitted yet"):
        model.predict(iris[2])


def test_far_queries_keep_their_direction(fitted):
    direction = np.array([[1.0, -2.0, 3.0, 0.5]])
    near, far = fitted.predict_proba(1e100 * direction), fitted.predict_proba(1e300 * direction)
    np.testing.assert_allclose(far, near, atol=1e-6)


def test_works_in_pipeline_grid_and_parallel_cross_validation():
    X, y = load_breast_cancer(return_X_y=True)
    X, y = X[:200], y[:200]
    pipeline = make_pipeline(StandardScaler(), TartTransformer(n_components=5), TartReasoner())
    grid = GridSearchCV(pipeline, {"tarttransformer__n_components": [2, 8]}, cv=3, n_jobs=2).fit(X, y)
    assert grid.best_score_ > 0.9
    assert cross_val_score(pipeline, X, y, cv=3, scoring="roc_auc").mean() > 0.95
    assert cross_val_predict(pipeline, X, y, cv=3, method="predict_proba").shape == (200, 2)


def test_frame_gives_feature_names(iris):
    frame = pd.DataFrame(iris[0], columns=list("abcd"))
    model = TartReasoner().fit(frame, iris[1])
    assert model.feature_names_in_.tolist() == list("abcd")
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename(columns={"a": "z"}))


@pytest.mark.parametrize(
    "bad, message",
    [
        ({"X": [[np.nan], [1.0]]}, "NaN"),
        ({"X": [[np.inf], [1.0]]}, "infinity"),
        ({"X": np.zeros((0, 2)), "y": []}, "0 sample"),
        ({"X": ["some text", "more text"]}, "put an encoder before it.*TartTransformer"),
        ({"X": [["some text"], ["more text"]]}, "put an encoder before it.*TartTransformer"),
        ({"y": [0.5, 1.7]}, "Unknown label type"),
        (
            {"X": [[0.0, "red"], [1.0, "blue"]]},
            r"got text in column 1, row 0: 'red'; .*OneHotEncoder\(sparse_output=False\), \[1\]",
        ),
        (
            {"X": pd.DataFrame({"size": [1.0, 2.0], "colour": ["red", "blue"]})},
            "got text in column 'colour', row 0: 'red'",
        ),
        ({"sample_weight": [-1.0, -5.0]}, r"must not be negative; row 1 has -5.0"),
        ({"sample_weight": [0.0, 0.0]}, "must not be zero for all rows"),
        ({"sample_weight": [1e-9, 1e-9]}, "its sum must lie between 1e-6 and 1e12; got 2e-09"),
        ({"sample_weight": [1e30, 1e30]}, "its sum must lie between"),
        ({"X": [[10**400], [1]]}, "X must hold numbers up to 1.8e308; got a larger integer: scale it"),
        ({"sample_weight": [10**400, 1]}, "sample_weight must hold numbers up to 1.8e308"),
        ({"sample_weight": [1.0]}, r"shape \(2,\), one number a row; got \(1,\)"),
    ],
    ids=str,
)
def test_bad_input_to_fit_is_named(bad, message):
    arguments = {"X": [[0.0], [1.0]], "y": [0, 1], **bad}
    with pytest.raises(ValueError, match=message):
        TartReasoner().fit(**arguments)


def test_sparse_rows_are_refused_with_a_cure_that_works():
    texts, labels = ["good film", "bad film", "good plot", "bad plot"], [1, 0, 1, 0]
    with pytest.raises(
        TypeError, match=r"takes dense numbers; got sparse X of shape .*put TartTransformer\(\) before"
    ):
        make_pipeline(TfidfVectorizer(), TartReasoner()).fit(texts, labels)
    cured = make_pipeline(TfidfVectorizer(), TartTransformer(), TartReasoner()).fit(texts, labels)
    assert cured.predict(["good"]).tolist() == [1]


@pytest.mark.parametrize(
    "X, message",
    [
        ([[1.0, 2.0]], "2 features, but TartReasoner is expecting 4"),
        (["text"], "TartTransformer"),
        ([[np.nan] * 4], "NaN"),
        ([[10**400] * 4], "X must hold numbers up to 1.8e308"),
    ],
    ids=str,
)
def test_bad_queries_are_named(fitted, X, message):
    with pytest.raises(ValueError, match=message):
        fitted.predict(X)


@pytest.mark.parametrize(
    "params, message",
    [
        ({"temperature": 0}, "temperature must be a number from 0.001 to 1000; got 0"),
        ({"batch_size": 0}, "batch_size must be None or an integer of at least 1; got 0"),
        ({"dtype": "float16"}, "dtype must be one of"),
        ({"dtype": ["float32"]}, "dtype must be a string"),
        ({"device": "abacus"}, "device must be"),
        ({"checkpoint": 3}, "checkpoint must be a string or a path"),
        (
            {"class_weight": {0: 10**400}},
            "class_weight must be positive for each class, and finite; got 1000",
        ),
        ({"temperature": 10**400}, "temperature must be a number from 0.001 to 1000; got 1000"),
        ({"class_weight": {0: 1, 1: 0}}, "class_weight must be positive for each class"),
        ({"n_permutations": 0}, "n_permutations must be an integer of at least 1; got 0"),
        ({"max_context": 0}, "max_context must be None or an integer of at least 1; got 0"),
        ({"max_context": 1}, r"max_context \(=1\) must be at least the number of classes, 2"),
        ({"checkpoint": "gram-bas"}, "did you mean 'gram-base'"),
        (
            {"random_state": 2**32},
            r"random_state must be None, an integer from 0 to 2\*\*32 - 1 or .*; got 4294967296",
        ),
        (
            {"temperature": np.zeros((2, 2, 2))},
            r"temperature must be .*; got array\(\[\[\[0., 0.\], \[0., 0.\]\], ",
        ),
        ({"class_weight": "balance"}, "class_weight must be None, 'balanced' or a dict .*; got 'balance'"),
    ],
    ids=str,
)
def test_bad_parameters_are_named(params, message):
    with pytest.raises(ValueError, match=message):
        TartReasoner(**params).fit([[0.0], [1.0]], [0, 1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_answers_are_float64_and_go_into_json(iris, dtype):
    model = TartReasoner(dtype=dtype).fit(iris[0], iris[1] > 0)
    answers = [
        getattr(model, name)(iris[2]) for name in ("predict_proba", "predict_log_proba", "decision_function")
    ]
    assert {answer.dtype for answer in answers} == {np.dtype("float64")}
    assert (
        json.loads(json.dumps(dict(zip(["no", "yes"], answers[0][0], strict=True))))["yes"]
        == answers[0][0, 1]
    )
    np.testing.assert_allclose(answers[0].sum(axis=1), 1, rtol=1e-6)


def test_weights_that_sum_to_one_get_a_warning(iris):
    X, y, *_ = iris
    with pytest.warns(
        UserWarning, match=rf"that of {len(X)} labelled rows sums to 1, so .*: multiply it by {len(X)}"
    ):
        TartReasoner().fit(X, y, np.full(len(X), 1 / len(X)))
