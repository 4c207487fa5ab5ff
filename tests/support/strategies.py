"""Hypothesis strategies: rows of numbers in any container, labels of any kind, and what is neither.

Arrays come from numpy's generator, whose seed hypothesis draws: it shrinks shapes and kinds, and does not draw each
number on its own.
"""

import datetime
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

# A quarter of a profile: 25 examples in "quick", 500 in "fuzz".
examples = settings(max_examples=settings.default.max_examples // 4)
seeds = st.integers(0, 2**32 - 1)


@dataclass
class Task:
    """Labelled rows and queries, as float64."""

    X: np.ndarray
    codes: np.ndarray
    queries: np.ndarray

    def __repr__(self) -> str:
        return f"Task({self.X.shape}, {self.codes.max() + 1} classes, {len(self.queries)} queries)"


def _frame(values: np.ndarray, dtype: Any = None) -> pd.DataFrame:
    return pd.DataFrame(values, columns=[f"column {place}" for place in range(values.shape[1])], dtype=dtype)


def _wider(values: np.ndarray) -> np.ndarray:
    return np.repeat(values, 2, axis=1)[:, ::2]


def _locked(values: np.ndarray) -> np.ndarray:
    locked = values.copy()
    locked.flags.writeable = False
    return locked


CONTAINERS = {
    "list": np.ndarray.tolist,
    "tuple of arrays": tuple,
    "list of tuples": lambda values: [tuple(row) for row in values.tolist()],
    **{
        name: lambda values, name=name: values.astype(name)
        for name in (
            "float16",
            "float32",
            "longdouble",
            "int8",
            "uint8",
            "int64",
            "uint64",
            ">f8",
            ">i4",
            "object",
        )
    },
    "columns first": np.asfortranarray,
    "every other column": _wider,
    "backwards": lambda values: np.ascontiguousarray(values[::-1])[::-1],
    "read-only": _locked,
    "masked array without a mask": np.ma.MaskedArray,
    "fractions": lambda values: [[Fraction(entry) for entry in row] for row in values.tolist()],
    "frame": _frame,
    **{
        f"frame of {name}": lambda values, name=name: _frame(values).astype(name)
        for name in (
            "float32",
            "Int64",
            "UInt8",
            "Float64",
            "Float32",
            "int64[pyarrow]",
            "double[pyarrow]",
            "object",
        )
    },
    "frame of two types": lambda values: _frame(values).astype({"column 0": "Int64"}),
    "polars": lambda values: pl.DataFrame(values, schema=[f"{place}" for place in range(values.shape[1])]),
}


@st.composite
def tasks(draw, max_rows=20, max_features=5, max_classes=4, whole=False):
    """Draw labelled rows and queries: classes far apart or not, with equal rows, constant columns, any scale."""
    rng = np.random.default_rng(draw(seeds))
    n_rows, n_features = draw(st.integers(1, max_rows)), draw(st.integers(1, max_features))
    n_queries = draw(st.integers(1, 20))
    codes = rng.integers(draw(st.integers(1, min(max_classes, n_rows))), size=n_rows)
    codes = np.unique(codes, return_inverse=True)[1]
    X = rng.normal(size=(n_rows, n_features)) + draw(st.sampled_from([0, 3])) * codes[:, None]
    queries = rng.normal(size=(n_queries, n_features))
    if draw(st.booleans()):  # equal rows, some with different labels
        X = X[rng.integers(n_rows, size=n_rows)]
    if draw(st.booleans()):
        X[:, rng.integers(n_features)] = 2.0
    if draw(st.booleans()):
        queries[0] = X[0]
    if whole:  # what each container of numbers holds exactly
        X, queries = (np.clip(np.rint(8 * part) + 60, 0, 120) for part in (X, queries))
    return Task(X, codes, queries)


sizes = st.sampled_from(
    [0.0, 5e-324, 1e-310, 1e-300, 1e-160, 1e-30, 1e-8, 1e8, 1e30, 1e38, 1e39, 1e154, 1e300]
)


def _dates(codes: np.ndarray) -> list[datetime.date]:
    return [datetime.date(2020, 1, 1 + code) for code in codes]


# From codes to labels, and what kind a single label then has.
LABELS = {
    "int": (lambda codes: codes, int),
    "negative int": (lambda codes: (codes - 2).astype("int8"), int),
    "huge int": (lambda codes: [2**70 + int(code) for code in codes], int),
    "unsigned": (lambda codes: codes.astype("uint64") + 2**63 + 1, int),
    "whole floats": (lambda codes: codes.astype("float32"), float),
    "bool": (lambda codes: codes > 0, bool),
    "bool as objects": (lambda codes: (codes > 0).astype(object), bool),
    "text": (lambda codes: np.array(["b", "a", "", "ab"])[codes], str),
    "unicode": (lambda codes: [["é", "日本", "\U0001f600", "e\u0301"][code] for code in codes], str),
    "long text": (lambda codes: np.array(["x" * 200 + str(code) for code in codes], dtype=object), str),
    "bytes": (lambda codes: [bytes([code]) + b"x" for code in codes], bytes),
    "dates": (_dates, datetime.date),
    "decimals": (lambda codes: [Decimal(int(code)) / 8 for code in codes], Decimal),
    "Int64": (lambda codes: pd.Series(codes, dtype="Int64"), int),
    "boolean": (lambda codes: pd.Series(codes > 0, dtype="boolean"), bool),
    "string": (lambda codes: pd.Series(codes, dtype=str).astype("string"), str),
    "category": (lambda codes: pd.Series(codes, dtype=str).astype("category"), str),
    "polars": (lambda codes: pl.Series(codes), int),
    "polars text": (lambda codes: pl.Series([str(code) for code in codes]), str),
    "arrow": (lambda codes: pa.array(codes.tolist()), int),
    "numpy text": (lambda codes: np.array(codes, dtype=str).astype(np.dtypes.StringDType()), str),
}

# What no parameter, no X and no y may be, beside what just some may not.
JUNK = [
    None,
    True,
    -1,
    0,
    2**70,
    0.5,
    float("nan"),
    float("inf"),
    1j,
    "",
    "a text",
    b"bytes",
    [],
    [None],
    {},
    {"a": 1},
    {1, 2},
    object(),
    range(3),
    np.array(3.0),
    np.array([]),
    np.zeros((2, 2, 2)),
    np.array([1, "a", None], dtype=object),
    np.array(["2020-01-01"], dtype="datetime64[D]"),
    np.zeros((3, 2), dtype="timedelta64[s]"),
    pd.DataFrame({"a": pd.to_datetime(["2020-01-01"])}),
    pd.Timestamp("2020-01-01"),
    pd.DataFrame(),
    csr_array(np.eye(2)),
    len,
    int,
]
junk = st.sampled_from(JUNK)


def _with(value: Any) -> Any:
    def put(values: np.ndarray) -> np.ndarray:
        values = values.astype(object if isinstance(value, str | None) else type(value))
        values.flat[-1] = value
        return values

    return put


# From rows of numbers to something that is none, whatever the number of rows.
BROKEN = {
    "nan": _with(float("nan")),
    "infinity": _with(float("-inf")),
    "none": _with(None),
    "text": _with("a"),
    "complex": _with(1j),
    "huge integers": lambda values: [[10**400] * values.shape[1]] * len(values),
    "flat": lambda values: values[0],
    "one number": lambda values: 1.5,
    "no rows": lambda values: values[:0],
    "no columns": lambda values: values[:, :0],
    "deep": lambda values: values[..., None],
    "ragged": lambda values: [[1.0], [1.0, 2.0]],
    "ragged objects": lambda values: np.array([[1.0], [1.0, 2.0]], dtype=object),
    "sparse": csr_array,
    "sparse frame": lambda values: pd.DataFrame.sparse.from_spmatrix(csr_array(values)),
    "frame with missing": lambda values: (
        _frame(values).astype("Float64").where(_frame(values) != values.flat[0])
    ),
    "frame of texts": lambda values: _frame(values).astype(str),
    "dict": lambda values: dict(enumerate(values)),
    "iterator": iter,
    "set": lambda values: {1.0, 2.0},
    "texts": lambda values: ["a"] * len(values),
    "missing": lambda values: None,
    "strings of numbers": lambda values: values.astype(str),
    "records": lambda values: values.astype([("a", "f8")])[:, 0],
    "raw bytes": lambda values: np.ascontiguousarray(values).view("V8"),
    "objects": lambda values: [[object()] * values.shape[1]] * len(values),
}


def answer_or_refuse(function: Any, *arguments: Any, **options: Any) -> Any:
    """Return what a function returns, or None where it refuses: by a ValueError or TypeError of one paragraph."""
    try:
        return function(*arguments, **options)
    except (ValueError, TypeError) as error:
        message = str(error)
    assert len(message) > 20, repr(message)
    assert "\n\n" not in message.strip(), message
    return None


def check_answers(model: Any, rows: Any, n_rows: int) -> np.ndarray:
    """Compare all methods that answer with each other, and return the probabilities."""
    proba = model.predict_proba(rows)
    assert proba.dtype == np.float64
    assert proba.shape == (n_rows, len(model.classes_))
    assert np.isfinite(proba).all()
    assert (proba >= 0).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-9)
    np.testing.assert_array_equal(np.exp(model.predict_log_proba(rows)), proba)
    log_proba = model.predict_log_proba(rows)
    decision = model.decision_function(rows)
    expected = log_proba[:, 1] - log_proba[:, 0] if len(model.classes_) == 2 else log_proba
    np.testing.assert_array_equal(decision, expected)
    answers = model.predict(rows)
    assert answers.dtype == model.classes_.dtype
    assert answers.tolist() == model.classes_[proba.argmax(axis=1)].tolist()
    return proba


# All of Unicode, with what no encoder of bytes takes: halves of pairs are no text, and refused.
texts = st.text(max_size=12)


def letters(rows: list[str]) -> np.ndarray:
    """Encode texts by their length and their characters."""
    counts = np.zeros((len(rows), 6))
    for row, text in enumerate(rows):
        counts[row, 0] = len(text)
        for letter in text:
            counts[row, 1 + ord(letter) % 5] += 1
    return counts
