"""TartReasoner with rows that have no label, and with class vectors."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tiny_gram import TINY_GRAM
from tiny_knowing import save_knowing
from tiny_recipe import VALUES

import sktart
from sktart import LabelledFolds, TartReasoner
from sktart.reasoners._families import build_reasoner
from sktart.zoo._checkpoint import save_checkpoint
from sktart.zoo._golden import golden_predictions

NAMES = np.array(["setosa", "versicolor", "virginica"])


@pytest.fixture(scope="module")
def knowing(tmp_path_factory):
    return str(save_knowing(tmp_path_factory.mktemp("knowing") / "tiny"))


@pytest.fixture(scope="module")
def labelled_only(tmp_path_factory):
    reasoner = build_reasoner(config=TINY_GRAM).requires_grad_(False)
    folder = tmp_path_factory.mktemp("labelled") / "tiny"
    metrics = {"training": {"steps": 1, "seconds": 1, "cores": 1, "device": "cpu"}}
    save_checkpoint(
        folder, reasoner, recipe=VALUES, metrics=metrics | {"golden": golden_predictions(reasoner)}
    )
    return str(folder)


@pytest.fixture(scope="module")
def iris():
    """Twelve labelled rows, 60 without a label (as -1), and the mean of each class."""
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))[:72]
    X, y = X[order], y[order]
    means = {label: X[y == label].mean(axis=0) for label in range(3)}
    y[12:] = -1
    return X, y, means


def proba(checkpoint, X, y, queries=None, **known):
    model = TartReasoner(checkpoint, unlabelled=-1, dtype="float64")
    return model.fit(X, y, **known).predict_proba(X if queries is None else queries)


def test_pool_and_descriptions_are_read(knowing, iris):
    X, y, means = iris
    answers = [
        proba(knowing, X[:12], y[:12], X),
        proba(knowing, X, y),
        proba(knowing, X[:12], y[:12], X, class_vectors=means),
        proba(knowing, X, y, class_vectors=means),
    ]
    for one in range(4):
        for other in range(one):
            assert np.abs(answers[one] - answers[other]).max() > 1e-3


@pytest.mark.parametrize(
    "mark",
    [
        lambda y: [None if label < 0 else label for label in y.tolist()],
        lambda y: np.where(y < 0, np.nan, y),
        lambda y: pd.Series(y, dtype="Int64").mask(y < 0),
        lambda y: pd.Series(y).astype(object).mask(y < 0, pd.NA),
    ],
    ids=["None", "NaN", "Int64", "NA"],
)
def test_any_missing_label_marks_a_row(knowing, iris, mark):
    X, y, _ = iris
    model = TartReasoner(knowing, dtype="float64").fit(X, mark(y))
    assert model.unlabelled_rows_.tolist() == list(range(12, 72))
    assert model.context_rows_[0].tolist() == list(range(12))
    assert model.classes_.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(model.predict_proba(X), proba(knowing, X, y))


def test_names_as_labels(knowing, iris):
    X, y, means = iris
    names = [NAMES[label] if label >= 0 else None for label in y]
    vectors = {NAMES[label]: vector for label, vector in means.items()}
    model = TartReasoner(knowing, dtype="float64").fit(X, names, class_vectors=vectors)
    np.testing.assert_array_equal(model.classes_, NAMES)
    np.testing.assert_allclose(model.predict_proba(X), proba(knowing, X, y, class_vectors=means), atol=1e-9)
    assert set(model.predict(X)) <= set(NAMES)


def test_without_any_label_descriptions_decide(knowing, iris):
    X, _, means = iris
    model = TartReasoner(knowing).fit(X, [None] * len(X), class_vectors=means)
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.predict_proba(X).shape == (72, 3)
    assert model.context_rows_[0].tolist() == []


def test_a_described_class_may_have_no_row(knowing, iris):
    X, y, means = iris
    seen = y != 2
    model = TartReasoner(knowing, unlabelled=-1).fit(X[seen], y[seen], class_vectors=means)
    assert model.classes_.tolist() == [0, 1, 2]
    assert (model.predict_proba(X) > 0).all()


def test_a_key_that_may_be_misspelt_is_named(knowing, iris):
    X, y, means = iris
    names = [NAMES[label] if label >= 0 else None for label in y]
    vectors = {"setosa": means[0], "versicolor": means[1], "virginca": means[2]}
    message = (
        "'virginca' is described and has no labelled row, 'virginica' has labelled rows and no description"
    )
    with pytest.warns(UserWarning, match=message):
        model = TartReasoner(knowing).fit(X, names, class_vectors=vectors)
    assert len(model.classes_) == 4


def test_order_of_rows_changes_no_bit(knowing, iris):
    X, y, means = iris
    order = np.random.default_rng(1).permutation(len(X))
    first = proba(knowing, X, y, class_vectors=means)
    again = proba(knowing, X[order], y[order], X, class_vectors=dict(reversed(means.items())))
    np.testing.assert_array_equal(first, again)


def test_row_gets_the_same_bits_alone_and_in_all(knowing, iris):
    X, y, means = iris
    model = TartReasoner(knowing, unlabelled=-1).fit(X, y, class_vectors=means)
    alone = np.vstack([model.predict_proba(row[None]) for row in X])
    np.testing.assert_array_equal(alone, model.predict_proba(X))


def test_weights_of_unlabelled_rows_count_them(knowing, iris):
    X, y, _ = iris
    counts = np.random.default_rng(2).integers(0, 3, size=len(X))
    counts[:12] = 1
    weighted = proba(knowing, X, y, sample_weight=counts)
    np.testing.assert_allclose(weighted, proba(knowing, X.repeat(counts, 0), y.repeat(counts), X), atol=1e-9)


def test_a_marker_is_off_by_default(knowing, iris):
    X, y, _ = iris
    assert TartReasoner(knowing).fit(X, y).classes_.tolist() == [-1, 0, 1, 2]


def test_more_rows_than_are_read_are_drawn_with_a_warning(knowing, iris):
    X, y, _ = iris
    model = TartReasoner(knowing, unlabelled=-1, max_unlabelled=20, random_state=0)
    with pytest.warns(
        UserWarning, match="read 20 of 60 rows without a label, drawn by random_state: pass max_unlab"
    ):
        model.fit(X, y)
    assert len(model.unlabelled_rows_) == 20
    assert set(model.unlabelled_rows_) < set(range(12, 72))


def test_a_fitted_model_comes_back_from_pickle_and_file(knowing, iris, tmp_path):
    X, y, means = iris
    model = TartReasoner(knowing, unlabelled=-1).fit(X, y, class_vectors=means)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), model.predict_proba(X))
    sktart.save(model, tmp_path / "model.sktart")
    search = GridSearchCV(TartReasoner(knowing, unlabelled=-1), {}, cv=LabelledFolds(KFold(2))).fit(X, y)
    sktart.save(search, tmp_path / "search.sktart")
    assert repr(sktart.load(tmp_path / "search.sktart").cv) == repr(search.cv)
    np.testing.assert_array_equal(
        sktart.load(tmp_path / "model.sktart").predict_proba(X), model.predict_proba(X)
    )


def test_searches_and_cross_validation(knowing, iris):
    X, y, _ = iris
    steps = make_pipeline(StandardScaler(), TartReasoner(knowing, unlabelled=-1))
    assert len(cross_val_score(steps, X, y, cv=LabelledFolds(KFold(2)), scoring="accuracy")) == 2
    search = GridSearchCV(steps, {"tartreasoner__temperature": [1.0, 2.0]}, cv=LabelledFolds(KFold(2))).fit(
        X, y
    )
    assert search.best_estimator_[-1].classes_.tolist() == [0, 1, 2]
    assert clone(search.best_estimator_)[-1].unlabelled == -1


def test_weights_are_those_of_labelled_rows_and_of_the_others(knowing, iris):
    X, y, _ = iris
    with pytest.raises(ValueError, match=r"sum must lie between 1e-6 and 1e12; got 1\.2e-49; rescale it"):
        TartReasoner(knowing, unlabelled=-1).fit(X, y, np.where(y < 0, 1, 1e-50))


def test_a_column_of_labels(knowing, iris):
    X, y, _ = iris
    assert TartReasoner(knowing, unlabelled=-1).fit(X, y[:, None]).classes_.tolist() == [0, 1, 2]


def test_max_context_is_for_labelled_classes(knowing, iris):
    X, _, means = iris
    model = TartReasoner(knowing, max_context=2).fit(X, [None] * len(X), class_vectors=means)
    assert len(model.classes_) == 3


def test_the_marker_is_a_single_value(knowing, iris):
    with pytest.raises(ValueError, match=r"unlabelled must be None or a label; got \[-1\]"):
        TartReasoner(knowing, unlabelled=[-1]).fit(*iris[:2])


WRONG = [
    (
        lambda X, y, v: {"y": [None] * len(X)},
        "label for at least one row of positive weight; got 72 rows without: .* class_vectors here",
    ),
    (lambda X, y, v: {"y": y, "class_vectors": {0: X[0]}}, "must describe at least two classes"),
    (
        lambda X, y, v: {"y": y, "class_vectors": v | {-1: X[0]}},
        "must not describe -1, which marks rows without",
    ),
    (lambda X, y, v: {"y": y, "class_vectors": {0: X[0], 1: X[1, :2]}}, r"that of 1 has \(2,\): encode"),
    (
        lambda X, y, v: {"y": y, "sample_weight": np.ones(12)},
        r"sample_weight must have shape \(72,\), one number a r",
    ),
    (lambda X, y, v: {"y": y[:-1]}, "inconsistent numbers of samples"),
]


@pytest.mark.parametrize(("given", "message"), WRONG, ids=[message[:30] for _, message in WRONG])
def test_bad_input(knowing, iris, given, message):
    X, y, means = iris
    with pytest.raises(ValueError, match=message):
        TartReasoner(knowing, unlabelled=-1).fit(X, **given(X, y, means))


def test_balanced_classes_need_a_row_each(knowing, iris):
    X, y, means = iris
    seen = y != 2
    with pytest.raises(
        ValueError, match=r"class_weight='balanced' needs a labelled row of each class; .*2.* has none"
    ):
        TartReasoner(knowing, unlabelled=-1, class_weight="balanced").fit(
            X[seen], y[seen], class_vectors=means
        )


@pytest.mark.parametrize("pool", [True, False])
def test_a_checkpoint_for_labelled_rows_refuses_the_rest(labelled_only, iris, pool):
    X, y, means = iris
    X, y, means = (X, y, None) if pool else (X[:12], y[:12], means)
    what = "60 rows without a label" if pool else "descriptions of classes"
    with pytest.raises(
        ValueError, match=f"reads labelled rows only; got {what}: take 'gram-base', or leave these out"
    ):
        TartReasoner(labelled_only, unlabelled=-1).fit(X, y, class_vectors=means)
