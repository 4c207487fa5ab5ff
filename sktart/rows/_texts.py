"""Read whatever holds texts into a plain list of str."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from scipy.sparse import issparse

from sktart.rows._entries import check_present, shown
from sktart.rows._numbers import name_of_column


def holds_text(X: Any) -> bool:
    """Tell whether any entry of `X` is a string.

    Examples
    --------
    >>> holds_text([[1.0, "a"]]), holds_text([1.0, 2.0])
    (True, False)
    """
    if isinstance(X, str | bytes):
        return True
    if isinstance(X, list | tuple):
        return any(
            isinstance(row, str | bytes) or (isinstance(row, list | tuple) and holds_text(row)) for row in X
        )
    if issparse(X) or not hasattr(X, "__array__"):
        return False
    array = np.asarray(X)
    if array.dtype.kind == "O":
        return any(isinstance(entry, str | bytes) for entry in array.flat)
    return array.dtype.kind in "UST"


def is_text_column(X: Any) -> bool:
    """Tell whether `X` is flat and any entry is a string: one text a row, and no table with texts in it.

    Examples
    --------
    >>> is_text_column(["a", "b"]), is_text_column([["a"], ["b"]])
    (True, False)
    """
    if isinstance(X, list | tuple):
        return any(isinstance(row, str | bytes) for row in X)
    return len(getattr(X, "shape", ())) < 2 and holds_text(X)


def as_texts(X: Any, reader: str) -> list[str]:
    """Turn `X` into a list of str, one a row.

    Parameters
    ----------
    X : sequence of str, of shape (n,) or (n, 1)
        A list, tuple, numpy array, or a Series or one-column frame of pandas or polars.
    reader : str
        Who wants the texts; for the messages.

    Examples
    --------
    >>> as_texts(np.array([["good"], ["bad"]]), "this encoder")
    ['good', 'bad']
    """
    entries = _one_column(X, reader)
    check_present(entries, reader, "text", "drop these rows or fill them, for instance with ''")
    return [_checked(entry, row, entries, X, reader) for row, entry in enumerate(entries)]


def _checked(entry: Any, row: int, entries: list[Any], X: Any, reader: str) -> str:
    if not isinstance(entry, str | bytes):
        is_vector = isinstance(entry, list | tuple | np.ndarray) and np.ndim(entry) == 1
        if isinstance(entry, Real):
            cure = "turn it into text by str, or pass a table of numbers, of shape (n, D), to encoder=None"
        elif is_vector and len({np.shape(vector) for vector in entries}) == 1:
            cure = f"pass vectors as a table, np.stack({name_of_column(X)}), to encoder=None"
        else:
            cure = "pass a flat sequence of str, or let encoder='auto' choose an encoder of such rows"
        raise ValueError(
            f"{reader} reads text, but row {row} holds {shown(entry)} ({type(entry).__name__}); {cure}"
        )
    try:
        text = entry.decode() if isinstance(entry, bytes) else str(entry)
        text.encode()
    except UnicodeError as error:
        raise ValueError(
            f"{reader} reads text, but row {row} is no valid Unicode ({error}); decode its bytes with "
            "errors='replace'"
        ) from error
    return text


def _one_column(X: Any, reader: str) -> list[Any]:
    """Return the entries of `X`, which must be a single column."""
    if isinstance(X, str | bytes):
        raise ValueError(f"X must be a sequence of texts; got the single text {X!r}, so pass [{X!r}]")
    shape = getattr(X, "shape", None)
    if shape is None:
        if not isinstance(X, Sequence):
            raise ValueError(
                f"X must be a list, tuple, array, Series or one-column frame of texts; "
                f"got {type(X).__name__}, so pass list(X)"
            )
        if not all(isinstance(row, list | tuple) and len(row) == len(X[0]) for row in X):
            return list(X)
        X = np.array(X, dtype=object)
        shape = X.shape
    if len(shape) == 1 or (len(shape) == 2 and shape[1] == 1 and not issparse(X)):
        # numpy's own texts lose zeros at their ends
        entries: list[Any] = np.asarray(X, dtype=object).ravel().tolist()
        return entries
    if holds_text(X):
        raise ValueError(
            f"{reader} reads one column of text; got X of shape {shape}: pass one column, "
            "or give each its own TartTransformer in a sklearn.compose.ColumnTransformer"
        )
    raise ValueError(
        f"{reader} reads text; got numbers of shape {shape}, so pass texts, or let encoder='auto' choose an encoder of "
        "such rows"
    )
