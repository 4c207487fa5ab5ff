"""Missing labels, and vectors that describe classes."""

import re
from datetime import date
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.model_selection import KFold, cross_val_score

from sktart import TartClassifier, TartReasoner, load, save
from sktart.estimators._labels import check_class_vectors, merge_labels, split_labels, unique_labels


@pytest.mark.parametrize(
    ("y", "marker", "expected"),
    [
        ([1, 0, -1], None, [1, 0, -1]),
        ([1, 0, -1], -1, [1, 0]),
        ([1.0, np.nan, 0.0], None, [1.0, 0.0]),
        (["a", None, "b"], None, ["a", "b"]),
        (["a", "?", "b"], "?", ["a", "b"]),
        (np.array(["a", "?", "b"]), "?", ["a", "b"]),
        (["a", "-1", "b"], -1, ["a", "-1", "b"]),
        (pd.Series(["a", pd.NA, "b"]), None, ["a", "b"]),
        (pd.Series([2, None, 3], dtype="Int64"), None, [2, 3]),
        (pd.Series(["a", None, "b"], dtype="category"), None, ["a", "b"]),
        (pl.Series(["a", None, "b"]), None, ["a", "b"]),
        ([True, None, False], None, [True, False]),
        ([None, None], None, []),
        (["a", -1, "b"], -1, ["a", "b"]),
        (["a", float("nan"), "b"], None, ["a", "b"]),
        ([1, "?", 2], "?", [1, 2]),
        ([True, 1, False], 1, [True, False]),
        (np.array([["a"], ["?"]]), "?", ["a"]),
        (np.array([1.5, np.float32("nan")], dtype=object), None, [1.5]),
        (np.ma.array([1, 2, 3], mask=[0, 1, 0]), None, [1, 3]),
    ],
    ids=str,
)
def test_rows_without_a_label_are_found(y, marker, expected):
    has_label, labels = split_labels(y, marker)
    assert labels.tolist() == expected
    assert len(has_label) == len(y)
    assert has_label.sum() == len(expected)


def test_labels_of_two_kinds_beside_missing_ones():
    with pytest.raises(
        ValueError, match="labels must be of one kind; got 1 beside 'a': turn all but the missing"
    ):
        split_labels([1, "a", None], None)


def test_several_vectors_of_a_class_are_averaged():
    described = check_class_vectors({"b": [[1.0, 2.0], [3.0, 4.0]], "a": [1.0, 1.0]}, 2, None)
    classes, codes = merge_labels(np.array(["c", "a"]), described)
    assert classes.tolist() == ["a", "b", "c"]
    assert codes.tolist() == [2, 0]
    np.testing.assert_array_equal(described.table(classes), [[1, 1], [2, 3], [np.nan, np.nan]])


def test_descriptions_alone_give_the_classes():
    classes, codes = merge_labels(np.array([]), check_class_vectors({5: [1.0], 3: [2.0]}, 1, None))
    assert classes.tolist() == [3, 5]
    assert len(codes) == 0


WRONG = [
    (["a"], "class_vectors must be a dict from labels to vectors; got list: pass"),
    ({"a": [1.0, 2.0]}, r"class_vectors must describe at least two classes, .*; got \['a'\]"),
    ({}, r"class_vectors must describe at least two classes, .*; got \[\]"),
    (
        {"a": [1.0, 2.0], None: [2.0, 1.0]},
        "class_vectors must not describe None, which marks rows without a label",
    ),
    (
        {"a": [1.0, 2.0], "?": [2.0, 1.0]},
        "class_vectors must not describe '\\?', which marks .*another marker",
    ),
    (
        {"a": "good film", "b": "bad film"},
        "must hold numbers; that of 'a' is 'good film': for texts take TartClass",
    ),
    (
        {"a": [1.0, 2.0], "b": [1.0]},
        r"shape \(2,\) or \(k, 2\), as wide as X; that of 'b' has \(1,\): encode",
    ),
    ({"a": [1.0, 2.0], "b": np.zeros((0, 2))}, r"as wide as X; that of 'b' has \(0, 2\)"),
    (
        {"a": [1.0, 2.0], "b": [1.0, np.nan]},
        "finite and not zero; one of 'b' is not finite: leave that class out",
    ),
    (
        {"a": [1.0, 2.0], "b": [[1.0, 1.0], [0.0, 0.0]]},
        "finite and not zero; one of 'b' is zero: leave that class",
    ),
]


@pytest.mark.parametrize(("vectors", "message"), WRONG, ids=str)
def test_vectors_that_break_a_rule(vectors, message):
    with pytest.raises(ValueError, match=message):
        check_class_vectors(vectors, 2, "?")


@pytest.mark.parametrize(("labels", "keys"), [([0, 1], [0.0, 1.0]), ([False, True], [0, 1])], ids=str)
def test_keys_that_say_the_same_leave_labels_their_type(labels, keys):
    described = check_class_vectors({key: [1.0] for key in keys}, 1, None)
    classes, _ = merge_labels(np.array(labels), described)
    assert classes.tolist() == labels
    assert classes.dtype == np.array(labels).dtype


def test_sparse_vectors():
    described = check_class_vectors({"a": csr_array([[0.0, 1.0]]), "b": [1.0, 0.0]}, 2, None)
    np.testing.assert_array_equal(described.vectors, [[0, 1], [1, 0]])


def test_labels_of_another_type_than_those_of_rows():
    described = check_class_vectors({"0": [1.0], "1": [2.0]}, 1, None)
    with pytest.raises(
        ValueError, match="class_vectors must use the labels of y; got '0' beside 0: use the same type"
    ):
        merge_labels(np.array([0, 1]), described)


class Mood(Enum):
    GOOD = "+"
    BAD = "-"


class Stars(IntEnum):
    ONE = 1
    TWO = 2


LARGE = [2**53, 2**53 + 1] * 6
YEARS = [np.datetime64("2020", "ns"), np.datetime64("2021", "ns")]
LABELS = {
    "pandas Int64": (pd.Series(LARGE, dtype="Int64"), int),
    "pandas boolean": (pd.Series([True, False] * 6, dtype="boolean"), bool),
    "pandas string": (pd.Series(["a", "b"] * 6, dtype="string"), str),
    "pandas category": (pd.Series(["a", "b"] * 6, dtype="category"), str),
    "truth values as objects": (pd.Series([True, False] * 6 + [None], dtype=object).dropna(), bool),
    "integers as objects": (pd.Series(LARGE, dtype=object), int),
    "huge integers": ([2**70, 2**70 + 1] * 6, int),
    "decimals": ([Decimal("1.5"), Decimal("2.5")] * 6, Decimal),
    "bytes": ([b"a", b"b"] * 6, bytes),
    "dates": ([date(2020, 1, 1), date(2021, 1, 1)] * 6, date),
    "members of an Enum": ([Mood.GOOD, Mood.BAD] * 6, Mood),
    "members of an IntEnum": ([Stars.ONE, Stars.TWO] * 6, Stars),
    "sets": ([frozenset("ab"), frozenset("bc")] * 6, frozenset),
    "complex numbers": ([1j, 2j] * 6, complex),
    "fractions": ([Fraction(1, 3), Fraction(2, 3)] * 6, Fraction),
    "tuples": (pd.Series([(1, "a"), ("b", 2)] * 6), tuple),
    "periods": (pd.Series(pd.PeriodIndex(["2020", "2021"] * 6, freq="Y")), pd.Period),
    "integers of two sizes": ([2**63, -1] * 6, int),
    "an integer that no float holds": ([2**53 + 1, 0.5] * 6, (int, float)),
    "numbers of torch": ([torch.tensor(1), torch.tensor(2)] * 6, int),
    "numpy texts": (np.array(["a", "b"] * 6, dtype=np.dtypes.StringDType()), str),
}


@pytest.mark.parametrize("y, kind", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("some_missing", [False, True])
def test_labels_come_back_as_they_are(y, kind, some_missing, tmp_path):
    given = list(y)
    X = np.random.default_rng(0).normal(size=(12, 3)) + np.arange(12)[:, None] % 2
    labels = pd.Series([*given[:10], None, None], dtype=getattr(y, "dtype", object)) if some_missing else y
    if some_missing and kind is str:
        labels = [*given[:10], None, None]
    model = TartReasoner().fit(X, labels)
    given = [label.item() if isinstance(label, torch.Tensor) else label for label in given]
    assert set(model.classes_.tolist()) == set(given)
    assert all(isinstance(label, kind) for label in model.predict(X).tolist())
    assert len(model.unlabelled_rows_) == (2 if some_missing else 0)
    if kind not in (str, bool, int, bytes, date, Decimal):
        return  # files of these need `trusted`
    save(model, tmp_path / "model.sktart")
    assert load(tmp_path / "model.sktart").classes_.tolist() == model.classes_.tolist()


@pytest.mark.parametrize("module, maker", [("polars", "Series"), ("pyarrow", "array")])
def test_labels_of_other_tables_come_back_as_they_are(module, maker):
    make = getattr(pytest.importorskip(module), maker)
    X = np.random.default_rng(0).normal(size=(12, 3))
    for given in (LARGE, [True, False] * 6, ["a", "b"] * 6, [*LARGE[:10], None, None]):
        model = TartReasoner().fit(X, make(given))
        assert model.classes_.tolist() == sorted({label for label in given if label is not None})


@pytest.mark.parametrize("other", [2, "b", date(2020, 1, 1)])
def test_labels_of_two_kinds_are_refused(other):
    with pytest.raises(
        ValueError, match=rf"labels must be of one kind; got True beside {re.escape(repr(other))}: turn"
    ):
        TartReasoner().fit(np.eye(4), [True, False, True, other])


def test_labels_of_a_frame_with_one_column_and_texts_that_end_in_zeros_stay_apart():
    X = np.random.default_rng(0).normal(size=(12, 3))
    frame = pd.DataFrame({"y": pd.Series([*LARGE[:10], None, None], dtype="Int64")})
    assert TartReasoner().fit(X, frame).classes_.tolist() == sorted(set(LARGE))
    for texts in (["a\0", "a"] * 6, np.array(["a\0", "a"] * 6, dtype=object)):
        assert TartReasoner().fit(X, texts).classes_.tolist() == ["a", "a\0"]


@pytest.mark.parametrize(
    "keys",
    [[date(2020, 1, 1), date(2021, 1, 1)], [2**70, 2**70 + 1], [Mood.BAD, Mood.GOOD], [Stars.ONE, Stars.TWO]],
)
def test_classes_of_any_kind_may_have_descriptions_only(keys):
    X = np.random.default_rng(0).normal(size=(12, 3))
    model = TartReasoner().fit(X, [None] * 12, class_vectors=dict(zip(keys, X, strict=False)))
    assert model.classes_.tolist() == keys


NOT_A_TIME = np.datetime64("NaT")
HIDDEN = {
    "decimals": ([Decimal(1), Decimal("nan"), Decimal("snan"), Decimal(2)], None, [Decimal(1), Decimal(2)]),
    "dates in nanoseconds": (np.array([*YEARS, NOT_A_TIME], dtype="M8[ns]"), None, YEARS),
    "a date as a marker": (np.array([*YEARS, "1970"], dtype="M8[ns]"), np.datetime64("1970"), YEARS),
    "a Timestamp as a marker": (np.array([*YEARS, "1970"], dtype="M8[ns]"), pd.Timestamp("1970"), YEARS),
    "durations": (np.array([1, 2, "NaT"], dtype="m8[ns]"), None, list(np.array([1, 2], dtype="m8[ns]"))),
    "a column with a mask": (np.ma.array([[1], [2], [3]], mask=[[0], [1], [0]]), None, [1, 3]),
    "texts with a mask": (np.ma.array(["a", "b", "c"], mask=[0, 1, 0]), None, ["a", "c"]),
    "bytes": (np.array([b"a", b"?", b"c"]), b"?", [b"a", b"c"]),
    "a member as a marker": ([Mood.GOOD, Mood.BAD], Mood.BAD, [Mood.GOOD]),
    "a set as a marker": ([frozenset("a"), frozenset("b")], frozenset("b"), [frozenset("a")]),
    "a table of Arrow": (pa.table({"y": [1, None, 2]}), None, [1, 2]),
    "scalars of Arrow": (list(pa.array(["a", None, "b"])), None, ["a", "b"]),
}


@pytest.mark.parametrize("y, marker, labels", HIDDEN.values(), ids=HIDDEN)
def test_what_is_missing_is_found_in_any_kind(y, marker, labels):
    X = np.random.default_rng(0).normal(size=(len(y), 3))
    model = TartReasoner(unlabelled=marker).fit(X, y)
    assert list(model.classes_) == labels
    assert len(model.unlabelled_rows_) == len(y) - len(labels)


WEIGHTS = {
    "dates": ([date(2020, 1, 1), date(2021, 1, 1)], [date(2020, 1, 1), date(2021, 1, 1)]),
    "decimals": ([Decimal("1.5"), Decimal("2.5")], [Decimal("1.5"), Decimal("2.5")]),
    "members": ([Mood.BAD, Mood.GOOD], [Mood.BAD, Mood.GOOD]),
    "dates in nanoseconds": (np.array(YEARS), [np.datetime64("2020"), pd.Timestamp("2021")]),
    "bytes": (np.array([b"a", b"b"]), [b"a", b"b"]),
    "numbers": ([0, 1], [0.0, np.int64(1)]),
}


@pytest.mark.parametrize("labels, keys", WEIGHTS.values(), ids=WEIGHTS)
def test_class_weights_of_any_kind_of_label(labels, keys):
    X = np.random.default_rng(0).normal(size=(12, 3))
    y = np.tile(np.asarray(labels), 6) if isinstance(labels, np.ndarray) else labels * 6
    plain = TartReasoner(dtype="float64").fit(X, y).predict_proba(X) * [1, 3]
    model = TartReasoner(dtype="float64", class_weight=dict(zip(keys, [1, 3], strict=True))).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), plain / plain.sum(axis=1, keepdims=True), atol=1e-12)


@pytest.mark.parametrize(
    "weights, message",
    [
        ({"a": 1, "c": 2}, "must have labels of y as keys; got 'c', and no factor for 'b': spell it as in y"),
        ({"a": "heavy"}, "must be positive for each class, and finite; got 'heavy' in {'a': 'heavy'}"),
        ({"a": 1, "b": float("nan")}, "must be positive for each class, and finite; got nan"),
    ],
)
def test_class_weights_that_break_a_rule(weights, message):
    with pytest.raises(ValueError, match=f"class_weight {message}"):
        TartReasoner(class_weight=weights).fit(np.eye(4), ["a", "b"] * 2)


def test_class_weights_that_are_no_dates():
    with pytest.raises(ValueError, match=r"got 'x', and no factor for np\.datetime64"):
        TartReasoner(class_weight={"x": 2}).fit(np.eye(2), np.array(YEARS))


@pytest.mark.parametrize(
    "y, kind, message",
    [
        (
            [{"a": 1}, {"a": 2}],
            TypeError,
            r"labels must be hashable, .*; got {'a': 1} \(unhashable type: 'dict'\)",
        ),
        (pd.Series([[1], [2]]), TypeError, r"labels must be hashable, like keys of a dict; got \[1\]"),
        ([(1,), (2, 3)], ValueError, r"y must hold one label a row; got list \(.*inhomogeneous"),
        (
            np.zeros(2, dtype=[("a", int), ("b", int)]),
            ValueError,
            r"got fields \('a', 'b'\): pass one of them",
        ),
        ([Stars.ONE, 2], ValueError, "labels must be of one kind; got <Stars.ONE: 1> beside 2"),
    ],
    ids=str,
)
def test_what_cannot_be_labels(y, kind, message):
    with pytest.raises(kind, match=message):
        TartReasoner().fit(np.eye(2), y)


def test_sets_keep_their_order_whatever_their_hashes():
    sets = [frozenset({"a", "b"}), frozenset({"b"}), frozenset({"a"})]
    assert unique_labels(split_labels(sets, None)[1])[0].tolist() == [sets[2], sets[0], sets[1]]


@pytest.mark.parametrize(
    "labels, keys",
    [
        ([Mood.BAD], [Mood.GOOD, Mood.BAD]),
        (np.array(YEARS[:1]), YEARS),
        (np.array(YEARS[:1]), [pd.Timestamp("2021"), pd.Timestamp("2020")]),
        (np.array([b"a"]), [b"a", b"b"]),
    ],
)
def test_descriptions_and_rows_share_classes_of_any_kind(labels, keys):
    X = np.random.default_rng(0).normal(size=(1, 3))
    model = TartReasoner().fit(
        X, labels, class_vectors={key: [place, 1.0, 2.0] for place, key in enumerate(keys)}
    )
    assert len(model.classes_) == 2
    assert next(iter(labels)) in list(model.classes_)


@pytest.mark.parametrize(
    "labels",
    [
        [Mood.GOOD, Mood.BAD],
        [Stars.ONE, Stars.TWO],
        [date(2020, 1, 1), date(2021, 1, 1)],
        YEARS,
        [b"a", b"b"],
        ["a", "b"],
    ],
    ids=str,
)
@pytest.mark.parametrize("make", [list, np.array])
def test_the_accuracy_of_any_kind_of_label(make, labels):
    y = make(labels * 10)
    X = np.random.default_rng(0).normal(size=(20, 3)) + np.arange(20)[:, None] % 2
    for model in (TartReasoner(), TartClassifier(None)):
        right = np.array([label == other for label, other in zip(model.fit(X, y).predict(X), y, strict=True)])
        assert model.score(X, y) == right.mean()
        assert 0.5 < right.mean() < 1
        assert model.score(X, y, sample_weight=right) == 1
    assert np.mean(cross_val_score(TartReasoner(), X, y, cv=KFold(2))) > 0.5


def test_the_accuracy_needs_a_label_for_each_row():
    model = TartReasoner().fit(np.eye(4), [Mood.GOOD, Mood.BAD] * 2)
    with pytest.raises(ValueError, match=r"y must have a label for each of 4 rows; got shape \(3,\)"):
        model.score(np.eye(4), [Mood.GOOD] * 3)
