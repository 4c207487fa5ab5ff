"""Tables of numbers: which column is none, and the line of Python that makes it one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from numbers import Number
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from sktart.rows._entries import is_missing, without_arrow

# What numpy calls truth values, integers and real numbers.
PLAIN = frozenset("biuf")
# In one way only, or a long text that is none would take forever.
_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?"
_VECTOR = re.compile(rf"\s*[\[(]\s*{_NUMBER}(?:(?:\s*,\s*|\s+){_NUMBER})+\s*,?\s*[\])]\s*", re.IGNORECASE)


class Column(NamedTuple):
    """Entries that may be anything, and how Python speaks of them."""

    entries: list[Any]
    get: str
    put: str
    """A statement with a gap for what replaces the column."""
    spread: str
    """The same for several columns that replace it."""
    label: Any = None
    """Name or place; None where there is neither."""
    is_only: bool = True
    first: str = ""
    """A statement that comes before these."""

    @property
    def where(self) -> str:
        """The place in words."""
        return "" if self.label is None else f" in column {self.label!r}"


def check_numbers(X: Any, reader: str, cure_of_text: str) -> None:
    """Refuse a table with a column that holds no numbers, and say what to do with it.

    Messages name the `reader`, and what to do with texts alone. Missing numbers and the shape are left to scikit-learn.

    Raises
    ------
    ValueError
        If a column holds texts, dates, durations or vectors.
    TypeError
        If it holds other objects, or `X` is no table.

    Examples
    --------
    >>> check_numbers([[0.5, 1], [2, True]], "TartReasoner", "encode it")
    >>> check_numbers([["0.5"], ["2"]], "TartReasoner", "encode it")
    Traceback (most recent call last):
        ...
    ValueError: TartReasoner takes numbers; got numbers as text, row 0: '0.5'; X = np.asarray(X, dtype=float)
    """
    for column in () if issparse(X) else _columns(X, reader):
        odd = [row for row, entry in enumerate(column.entries) if not _is_number(entry)]
        present = [row for row in odd if not is_missing(column.entries[row])]
        if odd and not present:
            raise ValueError(
                f"{reader} takes numbers; X misses one{column.where}, row {odd[0]}: fill it, or leave the row out"
            )
        if odd:
            raise _error(column, present[0], f"{reader} takes numbers", cure_of_text)


def holds_vectors_as_text(entries: list[Any]) -> bool:
    """Tell whether all entries are lists of numbers that were written as text, as they come out of a CSV file.

    Examples
    --------
    >>> holds_vectors_as_text(["[0.1, 0.2]", "[1 2e-3]"]), holds_vectors_as_text(["[sic]", "[1, 2]"])
    (True, False)
    """
    return bool(entries) and all(isinstance(entry, str) and _VECTOR.fullmatch(entry) for entry in entries)


def refuse_vectors(X: Any, reader: str) -> None:
    """Refuse a column of vectors, also of such as text, where other columns may hold anything."""
    for column in _columns(X, reader):
        present = [row for row, entry in enumerate(column.entries) if not is_missing(entry)]
        entries = [column.entries[row] for row in present]
        if entries and (_is_vector(entries[0]) or holds_vectors_as_text(entries)):
            raise _error(column, present[0], f"{reader} reads no vectors in a column", "")


def name_of_column(X: Any) -> str:
    """Return what Python calls the only column of `X`.

    Examples
    --------
    >>> name_of_column([[1.0, 2.0], [3.0, 4.0]])
    'X'
    """
    column = next(_columns(X, ""), None)
    return "X" if column is None else column.get


def _columns(X: Any, reader: str) -> Iterator[Column]:
    """Yield the columns that are not made for numbers."""
    if hasattr(X, "columns") and hasattr(X, "shape"):
        yield from _columns_of_frame(X, reader)
        return
    is_arrow = hasattr(X, "to_pylist")
    table = _as_array(X.to_pylist() if is_arrow else X, reader)
    if table.dtype.kind in PLAIN or table.ndim > 2:
        return
    if isinstance(X, str | bytes):
        yield Column([X], "X", "X = {}", "X = {}")
    elif table.ndim == 0:
        cure = "pandas.DataFrame(X)" if isinstance(X, Mapping) else "list(X)"
        raise TypeError(f"{reader} takes a table of numbers; got {type(X).__name__}: pass {cure}")
    elif table.ndim == 1:
        yield Column(list(table), "X.to_pylist()" if is_arrow else "X", "X = {}[:, None]", "X = {}")
    elif table.shape[1] == 1 or table.dtype.kind in "cmM":  # all columns are alike
        yield Column(list(table.ravel()), "X", "X = {}", "X = {}")
    else:
        first = "" if getattr(X, "dtype", None) is table.dtype else "X = np.array(X, dtype=object); "
        for place in range(table.shape[1]):
            get = f"X[:, {place}]"
            spread = f"X = np.hstack([np.delete(X, {place}, axis=1), {{}}])"
            yield Column(list(table[:, place]), get, f"{get} = {{}}", spread, place, False, first)


def _columns_of_frame(X: Any, reader: str) -> Iterator[Column]:
    is_arrow, is_pandas = hasattr(X, "column_names"), hasattr(X, "iloc")
    names = list(X.column_names if is_arrow else X.columns)
    if not names:
        raise ValueError(f"{reader} needs a column; got a frame of shape {X.shape}: pass one with columns")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(
            f"{reader} needs different names of columns; got {twice[0]!r} {names.count(twice[0])} times: rename one"
        )
    if not is_arrow and all(map(_is_plain, X.dtypes)):
        return
    for place, name in enumerate(names):
        column = X.iloc[:, place] if is_pandas else X.columns[place] if is_arrow else X[name]
        column = column if is_arrow else without_arrow(column)
        values = _as_objects(column) if isinstance(column, list) else np.asarray(column)
        if values.dtype.kind in PLAIN and values.ndim == 1:
            continue
        get = f"X[{name!r}]"
        put = f"{get} = {{}}"
        joined = f"pd.DataFrame({{}}, index=X.index).add_prefix({f'{name}_'!r})"
        spread = f"X = X.drop(columns={name!r}).join({joined})"
        if not (is_arrow or is_pandas):  # polars
            put = f"X = X.with_columns(**{{{{{name!r}: {{}}}}}})"
            spread = f"X = X.drop({name!r}).hstack(pl.DataFrame({{}}))"
        if len(names) == 1:
            spread = "X = {}"
        first = "X = X.to_pandas(); " if is_arrow else ""
        yield Column(list(values), get, put, spread, name, len(names) == 1, first)


def _is_plain(dtype: Any) -> bool:
    return dtype.is_numeric() if hasattr(dtype, "is_numeric") else getattr(dtype, "kind", None) in PLAIN


def _as_array(X: Any, reader: str) -> NDArray[Any]:
    """Return an array with each entry as it is; rows of different lengths are entries themselves."""
    if isinstance(X, list | tuple) and any(map(_has_text, X)):
        return _as_objects(X)  # an array of texts would hold each at the length of the longest
    try:
        table: NDArray[Any] = np.asarray(X)
        return np.asarray(X, dtype=object) if table.dtype.kind in "UST" else table
    except (TypeError, RuntimeError) as error:
        raise TypeError(f"{reader} takes a table of numbers; got {type(X).__name__}: {error}") from error
    except ValueError:
        return _as_objects(X)


def _has_text(row: Any) -> bool:
    return isinstance(row, str | bytes) or (isinstance(row, list | tuple) and any(map(_has_text, row)))


def _as_objects(X: Any) -> NDArray[Any]:
    try:
        return np.asarray(X, dtype=object)
    except ValueError:  # arrays that begin alike
        return np.fromiter(X, dtype=object, count=len(X))


def _is_number(entry: Any) -> bool:
    if type(entry) in (float, int, bool):
        return True
    if entry is None or isinstance(entry, np.timedelta64):  # this one is an integer to Python
        return entry is None  # of which scikit-learn says what is wrong
    return isinstance(entry, Number | np.bool_) and not isinstance(entry, complex | np.complexfloating)


def _is_vector(entry: Any) -> bool:
    return _shape(entry) != ()


def _shape(entry: Any) -> tuple[int, ...]:
    return (len(entry),) if isinstance(entry, list | tuple) else tuple(getattr(entry, "shape", ()))


def _error(column: Column, row: int, rule: str, cure_of_text: str) -> Exception:
    """Return what to raise for a column, of which `row` holds no number."""
    entry = column.entries[row]
    if isinstance(entry, str | bytes):
        what, cure = _of_text(column, cure_of_text)
    elif isinstance(entry, date | np.datetime64):
        what, cure = "dates", _in_seconds(column, "datetime64[s]")
    elif isinstance(entry, timedelta | np.timedelta64):
        what, cure = "durations", _in_seconds(column, "timedelta64[s]")
    elif isinstance(entry, complex | np.complexfloating):
        real = column.put.format(f"np.asarray({column.get}, dtype=complex).real")
        what, cure = "complex numbers", f"{column.first}{real} (Complex data not supported)"
    elif _is_vector(entry):
        what, cure = "vectors", _of_vectors(column, row)
    else:
        # The end has the words that scikit-learn's checks of estimators look for.
        return TypeError(
            f"{rule}; got {type(entry).__name__}{column.where}, row {row}: {entry!r:.80}; turn "
            f"{column.get} into numbers, or leave it out: each argument must be a string or a real number"
        )
    return ValueError(f"{rule}; got {what}{column.where}, row {row}: {entry!r:.80}; {cure}")


def _in_seconds(column: Column, dtype: str) -> str:
    missing = [row for row, entry in enumerate(column.entries) if is_missing(entry)]
    if missing:
        return f"row {missing[0]} misses one: fill it, or leave the row out"
    seconds = f"np.asarray({column.get}, dtype={dtype!r}).astype(float)"
    return f"turn them into seconds: {column.first}{column.put.format(seconds)}"


def _of_vectors(column: Column, row: int) -> str:
    shapes = [_shape(entry) for entry in column.entries]
    other = next((place for place, shape in enumerate(shapes) if shape != shapes[row]), None)
    if other is not None:
        return f"all need one length, and row {other} has the shape {shapes[other]}: mend it, or leave the row out"
    return f"make columns of them: {column.first}{column.spread.format(f'np.stack({column.get})')}"


def _of_text(column: Column, cure_of_text: str) -> tuple[str, str]:
    present = [entry for entry in column.entries if not is_missing(entry)]
    if holds_vectors_as_text(present):
        comma = "," if "," in present[0] else " "
        vectors = (
            f"np.array([np.fromstring(str(text).strip(' []()'), sep={comma!r}) for text in {column.get}])"
        )
        return "vectors as text", f"read them: {column.first}{column.spread.format(vectors)}"
    if not all(isinstance(entry, str | bytes) for entry in present):
        return "text beside numbers", "put a number in its place, or leave the row out"
    if len(present) == len(column.entries) and all(map(_reads_as_number, present)):
        numbers = f"np.asarray({column.get}, dtype=float)"
        return "numbers as text", f"{column.first}{column.put.format(numbers)}"
    if column.is_only:
        return "text", cure_of_text
    return "text", (
        f"{column.first}encode columns one by one, categories as in make_column_transformer((OneHotEncoder("
        f"sparse_output=False), [{column.label!r}]), remainder='passthrough'), sentences by "
        "TartTransformer('all-MiniLM-L6-v2')"
    )


def _reads_as_number(text: str | bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
