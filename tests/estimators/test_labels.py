"""Missing labels, and vectors that describe classes."""

import re
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array

from sktart import TartReasoner, load, save
from sktart.estimators._labels import check_class_vectors, merge_labels, split_labels


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


LARGE = [2**53, 2**53 + 1] * 6
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
    assert model.classes_.tolist() == sorted(set(given))
    assert {type(label) for label in model.predict(X).tolist()} == {kind}
    assert len(model.unlabelled_rows_) == (2 if some_missing else 0)
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


@pytest.mark.parametrize("keys", [[date(2020, 1, 1), date(2021, 1, 1)], [2**70, 2**70 + 1]])
def test_classes_of_any_kind_may_have_descriptions_only(keys):
    X = np.random.default_rng(0).normal(size=(12, 3))
    model = TartReasoner().fit(X, [None] * 12, class_vectors=dict(zip(keys, X, strict=False)))
    assert model.classes_.tolist() == keys
