"""What is no table of numbers is named, and the line of Python in the message makes it one."""

import re
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from sklearn import config_context
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sktart import AutoTartClassifier, TartClassifier, TartReasoner, TartTransformer
from sktart.rows._numbers import holds_vectors_as_text

VECTORS = np.arange(36.0).reshape(12, 3) ** 1.5
LABELS = np.arange(12) % 2
LISTS = VECTORS.tolist()
AS_TEXT = list(map(str, LISTS))
SIZE = np.arange(12.0)
DAYS = pd.date_range("2020-03-01", periods=12)
SECONDS = DAYS.to_numpy("datetime64[s]").astype(float)
HOURS = pd.to_timedelta(np.arange(12), "h")
DATES = [day.date() for day in DAYS]
WITH_SIZE = np.column_stack([SIZE, VECTORS])

# Words that scikit-learn's checks of estimators look for.
NO_COMPLEX = " (Complex data not supported)"


def arrow(**columns):
    return pa.table(columns)


def objects(*columns):
    table = np.empty((12, len(columns)), dtype=object)
    for place, column in enumerate(columns):
        for row, entry in enumerate(column):
            table[row, place] = entry
    return table


CURED = {
    "a frame of lists": (pd.DataFrame({"v": LISTS}), "vectors in column 'v', row 0", VECTORS),
    "a frame of arrays": (pd.DataFrame({"v": list(VECTORS)}), "vectors in column 'v', row 0", VECTORS),
    "a series": (pd.Series(LISTS, index=range(5, 17)), "vectors, row 0", VECTORS),
    "polars": (pl.DataFrame({"v": LISTS}), "vectors in column 'v'", VECTORS),
    "arrays of polars": (
        pl.DataFrame({"v": LISTS}, schema={"v": pl.Array(pl.Float64, 3)}),
        "vectors in column 'v'",
        VECTORS,
    ),
    "a table of Arrow": (arrow(v=LISTS), "vectors in column 'v'", VECTORS),
    "objects": (pd.Series(list(VECTORS)).to_numpy(), "vectors, row 0", VECTORS),
    "vectors beside numbers": (pd.DataFrame({"s": SIZE, "v": LISTS}), "vectors in column 'v'", WITH_SIZE),
    "beside numbers in polars": (pl.DataFrame({"s": SIZE, "v": LISTS}), "vectors in column 'v'", WITH_SIZE),
    "beside numbers in Arrow": (arrow(s=SIZE, v=LISTS), "vectors in column 'v'", WITH_SIZE),
    "beside numbers in objects": (objects(SIZE, LISTS), "vectors in column 1", WITH_SIZE),
    "beside numbers in lists": (objects(SIZE, LISTS).tolist(), "vectors in column 1", WITH_SIZE),
    "vectors as text": (AS_TEXT, "vectors as text, row 0", VECTORS),
    "vectors as text, printed by numpy": (
        [str(v) for v in VECTORS.round(2)],
        "vectors as text",
        VECTORS.round(2),
    ),
    "vectors as text in a frame": (pd.DataFrame({"v": AS_TEXT}), "vectors as text in column 'v'", VECTORS),
    "vectors as text in Arrow": (pa.array(AS_TEXT), "vectors as text, row 0", VECTORS),
    "vectors as text beside numbers": (pd.DataFrame({"s": SIZE, "v": AS_TEXT}), "vectors as text", WITH_SIZE),
    "numbers as text": ([str(s) for s in SIZE], "numbers as text, row 0", SIZE[:, None]),
    "numbers as text in a table": ([[str(s)] for s in SIZE], "numbers as text, row 0", SIZE[:, None]),
    "numbers as text in a column": (
        pd.DataFrame({"a": SIZE, "b": SIZE.astype(str)}),
        "numbers as text in column 'b'",
        np.column_stack([SIZE, SIZE]),
    ),
    "dates": (pd.DataFrame({2: SIZE, 7: DAYS}), "dates in column 7", np.column_stack([SIZE, SECONDS])),
    "dates of a zone": (
        pd.DataFrame({"s": SIZE, "when": DAYS.tz_localize("UTC")}),
        "dates in column 'when'",
        np.column_stack([SIZE, SECONDS]),
    ),
    "dates of polars": (
        pl.DataFrame({"s": SIZE, "when": DATES}),
        "dates in column 'when'",
        np.column_stack([SIZE, SECONDS]),
    ),
    "dates of Arrow": (
        arrow(s=SIZE, when=DATES),
        "dates in column 'when'",
        np.column_stack([SIZE, SECONDS]),
    ),
    "dates of objects": (objects(DATES, SIZE), "dates in column 0", np.column_stack([SECONDS, SIZE])),
    "dates of lists": (objects(DATES, SIZE).tolist(), "dates in column 0", np.column_stack([SECONDS, SIZE])),
    "complex numbers": (VECTORS + 1j, "complex numbers, row 0", VECTORS),
    "a complex column": (
        pd.DataFrame({"s": SIZE, "z": SIZE + 2j}),
        "complex numbers in column 'z'",
        np.column_stack([SIZE, SIZE]),
    ),
    "complex objects": (
        objects(SIZE, SIZE + 2j),
        "complex numbers in column 1",
        np.column_stack([SIZE, SIZE]),
    ),
    "nothing but dates": (DAYS.to_numpy().reshape(6, 2), "dates, row 0", SECONDS.reshape(6, 2)),
    "a column of dates": (DAYS, "dates, row 0", SECONDS[:, None]),
    "durations": (
        pd.DataFrame({"took": HOURS, "s": SIZE}),
        "durations in column 'took'",
        np.column_stack([3600 * SIZE, SIZE]),
    ),
    "durations of objects": (
        objects(SIZE, [timedelta(hours=n) for n in range(12)]),
        "durations in column 1",
        np.column_stack([SIZE, 3600 * SIZE]),
    ),
}


@pytest.mark.parametrize("X, message, wanted", CURED.values(), ids=CURED)
@pytest.mark.parametrize(
    "model", [TartReasoner(), TartTransformer(), TartClassifier(None)], ids=lambda m: type(m).__name__
)
def test_the_cure_in_the_message_works_to_the_letter(model, X, message, wanted):
    labels = LABELS[: len(wanted)]
    reader = "TartReasoner" if isinstance(model, TartReasoner) else "encoder=None"
    with pytest.raises(ValueError, match=f"{reader} takes numbers; got {message}") as caught:
        model.fit(X, labels)
    variables = {"X": X.copy() if hasattr(X, "copy") else X, "np": np, "pd": pd, "pl": pl}
    exec(re.search(r"X(\[.*?\])? = .*", str(caught.value))[0].removesuffix(NO_COMPLEX), variables)
    np.testing.assert_allclose(np.asarray(variables["X"], dtype=float), wanted)
    model.fit(variables["X"], labels)


TEXTS = ["good film", "bad film"] * 6


@pytest.mark.parametrize(
    "X",
    [
        pa.array(TEXTS),
        pa.chunked_array([TEXTS[:5], TEXTS[5:]]),
        pa.array(TEXTS, pa.large_string()),
        pa.array(TEXTS).dictionary_encode(),
        list(pa.array(TEXTS)),
        [text.encode() for text in TEXTS],
        np.array(TEXTS, dtype="S"),
        [[text] for text in TEXTS],
    ],
    ids=lambda X: type(X).__name__,
)
def test_texts_in_any_container_are_read(X):
    encoder = HashingVectorizer(n_features=8)
    wanted = TartTransformer(encoder).fit_transform(TEXTS)
    np.testing.assert_array_equal(TartTransformer(encoder).fit(TEXTS).transform(X), wanted)
    np.testing.assert_array_equal(TartTransformer(encoder).fit_transform(X), wanted)
    assert TartClassifier(encoder).fit(X, LABELS).predict(X).tolist() == LABELS.tolist()
    model = AutoTartClassifier(encoders=[encoder], max_candidates=1, random_state=0)
    assert model.fit(X, LABELS).predict(X).tolist() == LABELS.tolist()


@pytest.mark.parametrize(
    "X",
    [AS_TEXT, pd.Series(AS_TEXT), pd.DataFrame({"v": AS_TEXT}), pa.array(AS_TEXT)],
    ids=lambda X: type(X).__name__,
)
@pytest.mark.parametrize(
    "model",
    [TartTransformer("auto"), TartTransformer(HashingVectorizer()), AutoTartClassifier()],
    ids=["auto", "named", "AutoML"],
)
def test_vectors_as_text_are_not_taken_for_sentences(model, X):
    with pytest.raises(
        ValueError, match=r"reads no vectors in a column; got vectors as text.*; read them: X = "
    ) as caught:
        model.fit(X, LABELS)
    variables = {"X": X, "np": np}
    exec(re.search("X = .*", str(caught.value))[0], variables)
    np.testing.assert_allclose(variables["X"], VECTORS)


@pytest.mark.parametrize("column", [LISTS, AS_TEXT], ids=["lists", "texts"])
def test_vectors_beside_words_get_columns_of_their_own_in_a_search(column):
    X = pd.DataFrame({"colour": ["red", "blue"] * 6, "v": column})
    model = AutoTartClassifier(max_candidates=1, random_state=0)
    with pytest.raises(
        ValueError, match=r"reads no vectors in a column; got vectors.* in column 'v'"
    ) as caught:
        model.fit(X, LABELS)
    variables = {"X": X, "np": np, "pd": pd}
    exec(re.search("X = .*", str(caught.value))[0], variables)
    assert list(variables["X"].columns) == ["colour", "v_0", "v_1", "v_2"]
    model.fit(variables["X"], LABELS)


@pytest.mark.parametrize(
    "X", [list(VECTORS), pd.Series(LISTS), pd.DataFrame({"v": LISTS})], ids=lambda X: type(X).__name__
)
def test_vectors_given_to_an_encoder_of_texts(X):
    with pytest.raises(
        ValueError, match=r"row 0 holds .*; pass vectors as a table, np.stack\(.*\), to encoder=None"
    ) as caught:
        TartTransformer(HashingVectorizer()).fit(X)
    table = eval(re.search(r"np.stack\(.*\)(?=, to)", str(caught.value))[0], {"X": X, "np": np})
    np.testing.assert_array_equal(TartTransformer(None).fit_transform(table), VECTORS)


@pytest.mark.parametrize(
    "X",
    [
        pd.DataFrame({"s": SIZE, "c": pd.Series(["red", "blue"] * 6, dtype="category")}),
        pl.DataFrame({"s": SIZE, "c": pl.Series(["red", "blue"] * 6, dtype=pl.Categorical)}),
        arrow(s=SIZE, c=["red", "blue"] * 6),
        objects(SIZE, ["red", "blue"] * 6),
        objects(SIZE, ["red", "blue"] * 6).tolist(),
    ],
    ids=lambda X: type(X).__module__,
)
def test_categories_are_encoded_as_the_message_says(X):
    with pytest.raises(
        ValueError, match=r"got text in column ('c'|1), row 0: 'red'; .*encode columns one by one"
    ) as caught:
        TartReasoner().fit(X, LABELS)
    before = re.search(r"X = .*?(?=; encode)", str(caught.value))
    variables = {"X": X, "np": np}
    exec(before[0] if before else "", variables)
    encode = re.search(r"make_column_transformer\(.*'passthrough'\)", str(caught.value))[0]
    names = {"make_column_transformer": make_column_transformer, "OneHotEncoder": OneHotEncoder}
    model = make_pipeline(eval(encode, names), TartReasoner()).fit(variables["X"], LABELS)
    assert model.predict(variables["X"]).tolist() == LABELS.tolist()


@pytest.mark.parametrize(
    "X, kind, message",
    [
        (pd.DataFrame({"a": [1.0, {}]}), TypeError, "got dict in column 'a', row 1: {}; turn X"),
        (objects([np.float64(1)] * 11 + [pd.NA]), ValueError, "X misses one, row 11: fill it, or leave"),
        (
            pd.DataFrame({"a": [1.0, 2.0], "b": [datetime(2020, 1, 1), None]}),
            ValueError,
            "dates in column 'b', row 0: .*; row 1 misses one",
        ),
        (
            pd.DataFrame({"a": [[1, 2], [3]]}),
            ValueError,
            r"all need one length, and row 1 has the shape \(1,\): mend it",
        ),
        ([[1, 2], [3]], ValueError, r"all need one length, and row 1 has the shape \(1,\): mend it"),
        ([np.eye(2), np.eye(3)], ValueError, r"row 1 has the shape \(3, 3\)"),
        (
            pd.DataFrame({"a": [1.0, "?"]}),
            ValueError,
            r"got text beside numbers in column 'a', row 1: '\?'; put a number",
        ),
        ((row for row in LISTS), TypeError, r"a table of numbers; got generator: pass list\(X\)"),
        ({"a": [1.0, 2.0]}, TypeError, r"a table of numbers; got dict: pass pandas.DataFrame\(X\)"),
        (
            pd.DataFrame(np.eye(2), columns=["a", "a"]),
            ValueError,
            "needs different names of columns; got 'a' 2 times: rename",
        ),
        (pd.DataFrame(index=[0, 1]), ValueError, r"needs a column; got a frame of shape \(2, 0\)"),
        (torch.ones(2, 2, requires_grad=True), TypeError, r"got Tensor: .*detach"),
    ],
)
def test_what_no_line_can_cure(X, kind, message):
    with pytest.raises(kind, match=f"(?s)TartReasoner (takes .*)?{message}"):
        TartReasoner().fit(X, LABELS[:2])


def test_numbers_as_objects_are_read():
    table = objects(SIZE, [n % 2 == 0 for n in range(12)])
    wanted = TartReasoner().fit(table.astype(float), LABELS).predict_proba(table.astype(float))
    np.testing.assert_array_equal(TartReasoner().fit(table, LABELS).predict_proba(table), wanted)


@pytest.mark.parametrize(
    "model", [TartReasoner(), TartTransformer(), TartClassifier(None)], ids=lambda m: type(m).__name__
)
def test_missing_numbers_are_found_where_scikit_learn_looks_for_none(model):
    X = VECTORS.copy()
    X[3, 1] = np.nan
    with config_context(assume_finite=True):
        with pytest.raises(ValueError, match="NaN"):
            model.fit(X, LABELS)
        model.fit(VECTORS, LABELS)
        with pytest.raises(ValueError, match="NaN"):
            getattr(model, "predict", getattr(model, "transform", None))(X)
        with pytest.raises(ValueError, match="sample_weight contains NaN"):
            TartReasoner().fit(VECTORS, LABELS, sample_weight=np.full(12, np.nan))


def test_a_long_text_among_many_takes_neither_time_nor_memory():
    texts = ["[" + "1111 " * 20_000 + "and more", *["short"] * 20_000]  # 8 GB as one array of texts
    assert not holds_vectors_as_text(texts)
    for X in (texts, pl.Series(texts), pl.DataFrame({"t": texts})):
        assert TartTransformer(HashingVectorizer(n_features=4)).fit_transform(X).shape == (20_001, 4)
    with pytest.raises(ValueError, match="TartReasoner takes numbers; got text, row 0"):
        TartReasoner().fit(texts, [0] * 20_001)
