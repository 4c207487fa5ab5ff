"""Read whatever holds texts into a plain list of str, and other rows into a sequence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, overload

import numpy as np
from scipy.sparse import issparse

Row = TypeVar("Row")


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
        return any(isinstance(row, str) or (isinstance(row, list | tuple) and holds_text(row)) for row in X)
    if issparse(X) or not hasattr(X, "__array__"):
        return False
    array = np.asarray(X)
    if array.dtype.kind == "O":
        return any(isinstance(entry, str) for entry in array.flat)
    return array.dtype.kind in "UST"


def is_text_column(X: Any) -> bool:
    """Tell whether `X` is flat and any entry is a string: one text a row, and no table with texts in it.

    Examples
    --------
    >>> is_text_column(["a", "b"]), is_text_column([["a"], ["b"]])
    (True, False)
    """
    if isinstance(X, list | tuple):
        return any(isinstance(row, str) for row in X)
    return len(getattr(X, "shape", ())) < 2 and holds_text(X)


def as_texts(X: Any, reader: str) -> list[str]:
    """Turn `X` into a list of str, one a row.

    Parameters
    ----------
    X : sequence of str, of shape (n,) or (n, 1)
        A list, tuple, numpy array, or a Series or one-column frame of pandas or polars.
    reader : str
        Who wants the texts; for the messages.

    Raises
    ------
    ValueError
        If `X` is one bare string, has no row or several columns, or holds a missing value or anything but valid
        Unicode.

    Examples
    --------
    >>> as_texts(np.array([["good"], ["bad"]]), "this encoder")
    ['good', 'bad']
    """
    entries = _one_column(X, reader)
    _check_present(entries, reader, "text", "drop these rows or fill them, for instance with X.fillna('')")
    for row, entry in enumerate(entries):
        if not isinstance(entry, str):
            raise ValueError(
                f"{reader} reads text, but row {row} holds {entry!r} ({type(entry).__name__}); "
                "pass a flat sequence of str, or encoder=None if X holds numbers"
            )
        try:
            entry.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"{reader} reads text, but row {row} is no valid Unicode ({error}); decode its bytes with "
                "errors='replace'"
            ) from error
    return [str(entry) for entry in entries]


class LazyRows(Sequence[Row]):
    """Rows of which each is made when it is asked for, so that not all are in memory at once.

    Parameters
    ----------
    entries : list
        What the rows are made of.
    make : callable
        Takes number and entry of a row, and returns the row.

    Examples
    --------
    >>> LazyRows(["a", "b"], lambda row, entry: entry * (row + 1))[1]
    'bb'
    """

    def __init__(self, entries: list[Any], make: Callable[[int, Any], Row]):
        self._entries = entries
        self._make = make

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, row: int) -> Row: ...

    @overload
    def __getitem__(self, row: slice) -> Sequence[Row]: ...

    def __getitem__(self, row: int | slice) -> Row | Sequence[Row]:
        if isinstance(row, slice):
            return [self[number] for number in range(len(self))[row]]
        return self._make(range(len(self))[row], self._entries[row])


def as_entries(X: Any, reader: str, what: str) -> list[Any]:
    """Return the rows of `X`, whatever they are, as a list.

    Parameters
    ----------
    X : sequence of shape (n,) or (n, 1), or array with one row along its first axis
        A list, tuple, array, Series or one-column frame.
    reader, what : str
        Who wants the rows, and what they are; for the messages.

    Raises
    ------
    ValueError
        If there are no rows, `X` is one bare row, or rows are missing.
    """
    shape = getattr(X, "shape", None)
    if isinstance(X, str | bytes) or shape == () or (shape is None and not isinstance(X, Sequence)):
        kind = f"the single text {X!r}" if isinstance(X, str | bytes) else type(X).__name__
        raise ValueError(f"X must be a list, array or column of {what}s; got {kind}, so pass [X] or list(X)")
    if shape is None:
        entries = list(X)
    else:
        array = np.asarray(X)
        # A column of a frame has shape (n, 1), and holds objects.
        entries = array.ravel().tolist() if array.dtype.kind not in "fiub" and array.ndim < 3 else list(array)
    _check_present(entries, reader, what, "drop these rows")
    return entries


def _check_present(entries: list[Any], reader: str, what: str, cure: str) -> None:
    """Refuse no rows at all, and missing ones."""
    if not entries:
        raise ValueError(f"{reader} needs at least one {what}; got 0, so pass a longer X")
    missing = [row for row, entry in enumerate(entries) if is_missing(entry)]
    if missing:
        raise ValueError(
            f"{reader} cannot read missing {what}s; X misses {len(missing)}, in rows {missing[:5]}: {cure}"
        )


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
        return list(X)
    if len(shape) == 1 or (len(shape) == 2 and shape[1] == 1 and not issparse(X)):
        column = np.asarray(X).ravel()
        return (np.char.decode(column, "utf-8") if column.dtype.kind == "S" else column).tolist()
    if holds_text(X):
        raise ValueError(
            f"{reader} reads one column of text; got X of shape {shape}: pass one column, "
            "or give each its own TartTransformer in a sklearn.compose.ColumnTransformer"
        )
    raise ValueError(f"{reader} reads text; got numbers of shape {shape}, so pass texts or encoder=None")


def is_missing(entry: Any) -> bool:
    """Tell whether an entry stands for nothing: None, NaN, or what pandas has for it."""
    # By type name, because pandas is no dependency and pd.NA cannot be compared.
    return entry is None or type(entry).__name__ in ("NAType", "NaTType") or _is_nan(entry)


def _is_nan(entry: Any) -> bool:
    return isinstance(entry, float) and entry != entry
