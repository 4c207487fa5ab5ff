"""TartReasoner with a checkpoint of the decoder family."""

import numpy as np
import pytest
from direct_decoder import draw
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from tiny_decoder import write_decoder

from sktart import TartReasoner, TartTransformer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_decoder(tmp_path_factory.mktemp("decoder") / "tiny")


@pytest.fixture
def task():
    x, y, query_x = draw(0, 30, 20, 4, n_classes=3)
    return x[0].numpy(), np.array(["a", "b", "c"])[y[0].numpy()], query_x[0].numpy()


def test_probabilities_in_both_precisions(folder, task):
    X, y, queries = task
    low, high = (
        TartReasoner(folder, dtype=dtype).fit(X, y).predict_proba(queries) for dtype in ("float32", "float64")
    )
    assert low.shape == (20, 3)
    np.testing.assert_allclose(high.sum(1), 1, rtol=1e-12)
    np.testing.assert_allclose(low, high, atol=1e-4)


def test_the_order_of_rows_counts_and_permutations_average_it(folder, task):
    X, y, queries = task
    one = TartReasoner(folder).fit(X, y)
    turned = TartReasoner(folder).fit(X[::-1], y[::-1])
    assert np.abs(one.predict_proba(queries) - turned.predict_proba(queries)).max() > 1e-4
    many = TartReasoner(folder, n_permutations=3, random_state=0).fit(X, y)
    assert many.context_rows_[0].tolist() == list(range(30))
    parts = [TartReasoner(folder).fit(X[rows], y[rows]).predict_proba(queries) for rows in many.context_rows_]
    np.testing.assert_allclose(many.predict_proba(queries), np.mean(parts, axis=0), atol=1e-6)
    again = clone(many).fit(X, y)
    assert (again.predict_proba(queries) == many.predict_proba(queries)).all()


@pytest.mark.parametrize("checkpoint", [None, "auto"], ids=["decoder", "gram"])
def test_max_context_draws_stratified_rows(folder, task, checkpoint):
    X, y, queries = task
    options = {"max_context": 9, "n_permutations": 2, "random_state": 1}
    model = TartReasoner(checkpoint or folder, **options).fit(X, y)
    assert [len(rows) for rows in model.context_rows_] == [9, 9]
    assert all(set(y[rows]) == {"a", "b", "c"} for rows in model.context_rows_)
    single = TartReasoner(checkpoint or folder)
    parts = [single.fit(X[rows], y[rows]).predict_proba(queries) for rows in model.context_rows_]
    np.testing.assert_allclose(model.predict_proba(queries), np.mean(parts, axis=0), atol=1e-6)


def test_rows_of_weight_0_are_left_out_and_numbered_as_given(folder, task):
    X, y, queries = task
    weight = np.arange(30) % 3 > 0
    model = TartReasoner(folder).fit(X, y, sample_weight=weight)
    assert model.context_rows_[0].tolist() == np.flatnonzero(weight).tolist()
    without = TartReasoner(folder).fit(X[weight], y[weight])
    assert (model.predict_proba(queries) == without.predict_proba(queries)).all()


def test_bits_do_not_depend_on_the_call(folder, task):
    X, y, queries = task
    model = TartReasoner(folder).fit(X, y)
    together = model.predict_proba(queries)
    assert (np.vstack([model.predict_proba(row[None]) for row in queries]) == together).all()
    assert (model.predict_proba(queries[::-1])[::-1] == together).all()


def test_in_a_pipeline(folder):
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(
        TartTransformer(n_components=4, whiten=True), TartReasoner(folder, max_context=39, random_state=0)
    )
    assert np.isfinite(cross_val_score(model, X, y, cv=3, scoring="neg_log_loss")).all()


@pytest.mark.parametrize(
    "n_rows, n_features, weight, max_context, message",
    [
        (
            8,
            5,
            1,
            None,
            r"at most 4 features; got 5: put TartTransformer\(n_components=4, whiten=True\) before",
        ),
        (40, 2, 1, None, "at most 39 labelled rows at once; got 40: pass max_context=39 to average over n_"),
        (40, 2, 1, 41, "at most 39 labelled rows at once; got 40"),
        (30, 4, 2.5, None, r"repeats rows .* so sample_weight must be whole numbers; got 2\.5: round them"),
    ],
)
def test_what_it_cannot_read_names_the_cure(folder, n_rows, n_features, weight, max_context, message):
    X, y = np.zeros((n_rows, n_features)), np.arange(n_rows) % 2
    with pytest.raises(ValueError, match=message):
        TartReasoner(folder, max_context=max_context).fit(X, y, sample_weight=[weight] + [1] * (n_rows - 1))


@pytest.mark.filterwarnings("ignore:checkpoint .* was trained on features of unit variance")
@pytest.mark.parametrize("fitted, asked", [(1e30, 1), (1, 1e30), (1e300, 1e300)])
def test_features_that_overflow_name_the_cure(folder, task, fitted, asked):
    X, y, queries = (part.astype(float) if part.dtype.kind == "f" else part for part in task)
    model = TartReasoner(folder).fit(X * fitted, y)
    with pytest.raises(
        ValueError, match=r"features must be small enough.* overflow: scale them, .*MaxAbsScaler"
    ):
        model.predict(queries * asked)
    if fitted == asked:
        cured = make_pipeline(MaxAbsScaler(), model).fit(X * fitted, y)
        assert np.isfinite(cured.predict_proba(queries * asked)).all()


def test_far_from_unit_variance_is_worth_a_warning(folder, task):
    X, y, _ = task
    for scale in (0.1, 10):
        with pytest.warns(UserWarning, match=r"tiny' was trained on .* unit variance, .*StandardScaler\(\)"):
            TartReasoner(folder).fit(scale * X, y)
    TartReasoner().fit(10 * X, y)  # a warning would be an error here


def test_whole_weights_are_repeated_rows(folder):
    X, y = np.random.default_rng(0).normal(size=(4, 3)), np.array([0, 1, 0, 1])
    weighed = TartReasoner(folder).fit(X, y, [2, 1, 0, 3])
    assert weighed.context_rows_[0].tolist() == [0, 0, 1, 3, 3, 3]
    repeated = TartReasoner(folder).fit(X[[0, 0, 1, 3, 3, 3]], y[[0, 0, 1, 3, 3, 3]])
    assert np.array_equal(weighed.predict_proba(X), repeated.predict_proba(X))


def test_a_huge_weight_is_refused_before_rows_are_repeated(folder):
    with pytest.raises(
        ValueError, match=r"sample_weight must sum to at most 1,000,000; got 1e\+08: divide it"
    ):
        TartReasoner(folder).fit(np.eye(2), [0, 1], [1e8, 1])


def test_bagging_draws_rows_by_counts(folder):
    X = np.random.default_rng(0).normal(size=(20, 3))
    bag = BaggingClassifier(TartReasoner(folder, max_context=6), n_estimators=2, random_state=0)
    assert bag.fit(X, np.arange(20) % 2).predict_proba(X).shape == (20, 2)
