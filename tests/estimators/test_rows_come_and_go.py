"""partial_fit and forget: the answers are those of fit on the rows that are there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_wine
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import StandardScaler

from sktart import TartClassifier, TartReasoner, load, save
from sktart.exceptions import SavedModelError

X, Y = load_wine(return_X_y=True)
ORDER = np.random.default_rng(0).permutation(len(Y))
X, Y = X[ORDER], Y[ORDER].astype(object)
UNKNOWN = Y.copy()
UNKNOWN[::4] = None
QUERIES = X[:7]


def reasoner(**options):
    return TartReasoner(dtype="float64", **options)


def assert_same(model, other):
    assert model.classes_.tolist() == other.classes_.tolist()
    np.testing.assert_allclose(
        model.predict_proba(QUERIES), other.predict_proba(QUERIES), rtol=1e-9, atol=1e-12
    )


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=5), st.data())
def test_parts_are_as_good_as_the_whole(sizes, data):
    stops = np.cumsum(sizes)
    n_rows = int(stops[-1])
    model = reasoner()
    weight = 1.0 + np.arange(len(X)) % 3
    for part in np.split(np.arange(n_rows), stops[:-1]):
        # from row 1 on, as row 0 has no label
        model.partial_fit(X[1:][part], UNKNOWN[1:][part], sample_weight=weight[part])
    every = np.arange(n_rows)
    assert_same(model, reasoner().fit(X[1:][every], UNKNOWN[1:][every], weight[every]))
    gone = sorted(data.draw(st.sets(st.integers(1, n_rows))) - {n_rows})
    kept = np.setdiff1d(every, gone)
    model.forget(gone)
    assert_same(model, reasoner().fit(X[1:][kept], UNKNOWN[1:][kept], weight[kept]))


def test_rows_keep_their_numbers():
    model = reasoner().fit(X[:10], UNKNOWN[:10]).forget([1, 4])
    assert model.labelled_rows_.tolist() == [2, 3, 5, 6, 7, 9]
    assert model.unlabelled_rows_.tolist() == [0, 8]
    model.partial_fit(X[10:12], Y[10:12])
    assert model.labelled_rows_.tolist() == [2, 3, 5, 6, 7, 9, 10, 11]
    model.forget(10)
    assert 10 not in model.labelled_rows_


def test_a_class_comes_and_goes():
    model = reasoner().fit(X[Y < 2], Y[Y < 2])
    model.partial_fit(X[Y == 2], Y[Y == 2])
    assert model.classes_.tolist() == [0, 1, 2]
    model.forget(np.flatnonzero(np.arange(len(Y)) >= (Y < 2).sum()))
    assert_same(model, reasoner().fit(X[Y < 2], Y[Y < 2]))


def test_listed_classes_are_there_before_their_rows():
    model = reasoner().partial_fit(X[:1], Y[:1], classes=[2, 1, 0])
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.predict(X[:1]) == Y[:1]
    model.partial_fit(X[1:40], Y[1:40])
    assert_same(model, reasoner().fit(X[:40], Y[:40]))
    model.forget(np.arange(1, 40))
    assert model.classes_.tolist() == [0, 1, 2]


def test_texts_stay_texts():
    model = reasoner().fit(X[:30], np.array(["a", "b"])[Y[:30].astype(int) % 2])
    model.partial_fit(X[30:32], ["longer", "longer"])
    assert model.classes_.tolist() == ["a", "b", "longer"]


def test_descriptions_are_added_and_replaced():
    first = {0: X[Y == 0].mean(axis=0), 1: X[Y == 1].mean(axis=0)}
    second = {1: X[Y == 1][0], 2: X[Y == 2].mean(axis=0)}
    model = reasoner().partial_fit(X[:20], Y[:20], class_vectors=first)
    model.partial_fit(X[20:40], Y[20:40], class_vectors=second)
    assert_same(model, reasoner().fit(X[:40], Y[:40], class_vectors=first | second))


def test_recent_rows():
    model = reasoner(max_context=12, max_unlabelled=3, context_selection="recent")
    for start in range(0, 60, 20):
        model.partial_fit(X[start : start + 20], UNKNOWN[start : start + 20])
    assert model.labelled_rows_.min() > 40
    assert len(model.labelled_rows_) == 12
    assert model.unlabelled_rows_.tolist() == [48, 52, 56]
    kept = np.sort([*model.labelled_rows_, *model.unlabelled_rows_])
    assert_same(model, reasoner().fit(X[kept], UNKNOWN[kept]))
    with pytest.raises(ValueError, match="rows must be numbers of rows that are there; 3 is not"):
        model.forget([3])


def test_recent_rows_leave_one_of_each_class():
    order = np.argsort(Y, kind="stable")
    model = reasoner(max_context=10, context_selection="recent").fit(X[order], Y[order])
    assert np.bincount(Y[order][model.labelled_rows_].astype(int)).tolist() == [1, 1, 8]


def test_no_key_is_misspelt_where_rows_came_before(recwarn):
    vectors = {code: X[code == Y][0] for code in (0, 1)}
    rows = np.flatnonzero(Y != 2)[:20]
    reasoner().fit(X[rows], Y[rows]).partial_fit(X[Y == 2][:1], [2], class_vectors=vectors)
    assert not recwarn.list


def test_too_few_recent_rows_lose_no_class():
    model = reasoner(max_context=2, context_selection="recent")
    with pytest.raises(ValueError, match=r"max_context \(=2\) must be at least the number of classes, 3"):
        model.fit(X[:30], Y[:30])
    two = np.flatnonzero(Y != 2)
    model.fit(X[two], Y[two])
    with pytest.raises(ValueError, match="max_context"):
        model.partial_fit(X[Y == 2][:1], Y[Y == 2][:1])
    assert model.classes_.tolist() == [0, 1]


def test_the_saved_file_goes_on(tmp_path):
    save(reasoner().fit(X[:30], UNKNOWN[:30]), tmp_path / "model")
    assert_same(
        load(tmp_path / "model").partial_fit(X[30:40], Y[30:40]).forget(2),
        reasoner().fit(np.delete(X[:40], 2, 0), np.delete(np.r_[UNKNOWN[:30], Y[30:40]], 2)),
    )


def test_a_file_without_context_holds_no_rows(tmp_path):
    unit = StandardScaler().fit_transform(X)
    model = TartReasoner("tart-decoder-d16").fit(unit[:20], Y[:20])
    save(model, tmp_path / "model", context=False)
    again = load(tmp_path / "model")
    assert (again.predict_proba(unit) == model.predict_proba(unit)).all()
    for use in (lambda: again.forget([0]), lambda: again.partial_fit(unit, Y), again.held_out_proba):
        with pytest.raises(ValueError, match=r"saved with context=False and holds no rows.*fit it again"):
            use()
    with pytest.raises(SavedModelError, match="context=False cannot be"):
        save(reasoner().fit(X[:20], Y[:20]), tmp_path / "other", context=False)


def test_a_call_that_fails_changes_nothing():
    model = reasoner().partial_fit(X[:20], Y[:20], classes=[0, 1, 2])
    before = model.predict_proba(QUERIES)
    for error, use in (
        ("y must hold labels among the classes .* got 7", lambda: model.partial_fit(X[:1], [7])),
        ("expecting 13 features", lambda: model.partial_fit(X[:2, :3], Y[:2])),
        ("rows must be numbers of rows, such as", lambda: model.forget(["a"])),
        ("rows must be numbers of rows that are there; 20 is not", lambda: model.forget([3, 20])),
        ("y must have a label for at least one row", lambda: model.forget(np.arange(20))),
        ("classes must be a list of labels", lambda: model.partial_fit(X[:2], Y[:2], classes=[0, None])),
        ("labels must be of one kind", lambda: model.partial_fit(X[:2], [0, "b"])),
    ):
        with pytest.raises(ValueError, match=error):
            use()
    assert (model.predict_proba(QUERIES) == before).all()
    assert len(model.labelled_rows_) == 20


def test_labels_of_another_kind_are_no_classes():
    with pytest.raises(ValueError, match="labels must be of one kind; got 0 beside 'b'"):
        reasoner().fit(X[:20], Y[:20]).partial_fit(X[:1], ["b"])


def test_not_before_a_fit():
    with pytest.raises(NotFittedError, match="not fitted yet"):
        reasoner().forget([0])


def test_classifier_of_texts():
    texts = np.array(["good film", "bad film", "good plot", "bad plot", "fine film", "no plot"])
    labels = np.array(["+", "-", "+", "-", None, None], dtype=object)
    options = {"class_descriptions": {"+": "good", "-": "bad"}}
    model = TartClassifier(HashingVectorizer(n_features=16), **options)
    for part in (slice(0, 2), slice(2, 6)):
        model.partial_fit(texts[part], labels[part])
    model.forget([1, 4])
    kept = [0, 2, 3, 5]
    whole = TartClassifier(HashingVectorizer(n_features=16), **options).fit(texts[kept], labels[kept])
    assert (model.predict_proba(texts) == whole.predict_proba(texts)).all()
    assert model.labelled_rows_.tolist() == [0, 2, 3]
    model.set_params(max_context=2, context_selection="recent").partial_fit(texts[:2], labels[:2])
    assert model.labelled_rows_.tolist() == [6, 7]


@pytest.mark.parametrize(
    ("method", "arguments"),
    [("forget", {}), ("partial_fit", {"X": [[0.0]], "y": [0]})],
    ids=["rows", "classes"],
)
def test_messages_show_one_line_of_what_they_got(method, arguments):
    name = "rows" if method == "forget" else "classes"
    model = TartReasoner().fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(
        ValueError, match=rf"{name} must be .*; got array\(\[\[\[0\., 0\.\], \[0\., 0\.\]\], \[\[0"
    ):
        getattr(model, method)(**arguments, **{name: np.zeros((2, 2, 2))})
