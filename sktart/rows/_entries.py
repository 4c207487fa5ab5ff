"""Rows of any kind as a sequence, and what counts as a missing one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, TypeVar, overload

import numpy as np

Row = TypeVar("Row")


class LazyRows(Sequence[Row]):
    """Rows of which each is made when it is asked for, so that not all are in memory at once.

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


def without_arrow(X: Any) -> Any:
    """Return an array of Arrow, a list of its scalars or texts of polars as a list of objects, all else as it is.

    Examples
    --------
    >>> without_arrow(["a", "b"])
    ['a', 'b']
    """
    if hasattr(X, "to_pylist") and not hasattr(X, "columns"):
        return X.to_pylist()
    if hasattr(X, "to_list") and str(getattr(X, "dtype", "")) == "String":
        return X.to_list()  # of polars: an array would hold each text at the length of the longest
    if isinstance(X, list | tuple) and any(hasattr(entry, "as_py") for entry in X[:1]):
        return [entry.as_py() for entry in X]
    return X


def as_entries(X: Any, reader: str, what: str) -> list[Any]:
    """Return the rows of `X`, whatever they are, as a list.

    `X` is a list, tuple, array, Series or one-column frame. Messages name the `reader`, and `what` rows are.
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
    check_present(entries, reader, what, "drop these rows")
    return entries


def shown(value: Any) -> str:
    """Return what a message shows of a value: one line, cut where it is long.

    Examples
    --------
    >>> shown(np.eye(2)), len(shown(list(range(1000))))
    ('array([[1., 0.], [0., 1.]])', 100)
    """
    line = " ".join(repr(value).split())
    return line if len(line) <= 100 else f"{line[:97]}..."


def check_present(entries: list[Any], reader: str, what: str, cure: str) -> None:
    """Refuse no rows at all, and missing ones."""
    if not entries:
        raise ValueError(f"{reader} needs at least one {what}; got 0, so pass a longer X")
    missing = [row for row, entry in enumerate(entries) if is_missing(entry)]
    if missing:
        raise ValueError(
            f"{reader} cannot read missing {what}s; X misses {len(missing)}, in rows {missing[:5]}: {cure}"
        )


def is_missing(entry: Any) -> bool:
    """Tell whether an entry stands for nothing: None, NaN, NaT, or what pandas has for it."""
    # By type name, because pandas is no dependency and pd.NA cannot be compared.
    return entry is None or type(entry).__name__ in ("NAType", "NaTType") or _is_nan(entry)


def _is_nan(entry: Any) -> bool:
    if isinstance(entry, Decimal):
        return entry.is_nan()
    return isinstance(entry, float | np.inexact | np.datetime64 | np.timedelta64) and bool(entry != entry)
