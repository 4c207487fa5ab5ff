"""Rows of any kind, read in ``fit`` and the same way later."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator

from sktart.auto._candidates import Kind
from sktart.auto._table import as_words
from sktart.auto._texts import find_text_columns
from sktart.estimators._validation import FLOATS, record_features, validate_numbers
from sktart.rows._entries import without_arrow
from sktart.rows._modality import modality_of
from sktart.rows._numbers import check_numbers, refuse_vectors
from sktart.rows._texts import as_texts, is_text_column

if TYPE_CHECKING:
    import pandas as pd


def kind_of(X: Any, sampling_rate: int | None = None) -> Kind:
    """Return what the rows of `X` are.

    A frame with one column of texts is texts.

    Examples
    --------
    >>> kind_of(["it never came", "works well"]), kind_of([[1.0, 2.0]])
    ('text', 'numbers')
    """
    if is_frame(X):
        if X.shape[1] == 1 and is_text_column(np.asarray(X)[:, 0]):
            return "text"
        return "frame"
    return "sparse" if issparse(X) else modality_of(X, sampling_rate)


def is_frame(X: Any) -> bool:
    """Tell whether `X` is a table that names its columns, of pandas, polars or the like."""
    return hasattr(X, "columns") and hasattr(X, "shape")


def _holds_numbers(frame: Any) -> bool:
    return np.asarray(frame).dtype.kind in "iubf"


@dataclass
class RowReader:
    """Turns what users pass into rows of one type.

    Parameters
    ----------
    kind : str
        Of `kind_of`.
    text_columns : list of str
        Columns of a frame that an encoder reads.
    columns : list of str
        All columns of a frame that are read; of a frame of texts, the only one.
    word_columns : list of str
        Those of them that hold texts or names, and that a file is to be read as such.
    holds_numbers : bool
        Whether a frame has numbers only. Then its columns must come in the same order, as scikit-learn has it.
    """

    kind: Kind
    text_columns: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    word_columns: list[str] = field(default_factory=list)
    holds_numbers: bool = False

    @classmethod
    def of(cls, X: Any, sampling_rate: int | None, text_columns: Sequence[str] | None) -> RowReader:
        """Look at rows, and at the columns of a frame."""
        X = without_arrow(X)
        kind = kind_of(X, sampling_rate)
        if kind in ("text", "frame"):
            refuse_vectors(X, "AutoTartClassifier")
        if kind != "frame":
            if text_columns is not None and kind != "text":
                raise ValueError(f"text_columns are columns of a frame; got rows of {kind}: leave them out")
            only = [str(X.columns[0])] if kind == "text" and is_frame(X) else []
            return cls(kind, columns=only, word_columns=only)
        frame = _as_frame(X)
        empty = [name for name in frame.columns if frame[name].isna().all()]
        if empty:
            warnings.warn(
                f"columns without an entry are not read: {', '.join(empty)}; fill them, or leave them out of X",
                UserWarning,
                stacklevel=4,
            )
        frame = frame.drop(columns=empty)
        if not frame.shape[1]:
            raise ValueError("X must have a column with entries; all are empty: pass other columns")
        wanted = find_text_columns(frame) if text_columns is None else list(text_columns)
        _take(frame, wanted)
        words = [name for name in frame.columns if isinstance(next(iter(frame[name].dropna())), str)]
        return cls(kind, wanted, list(frame.columns), words, _holds_numbers(X))

    def read(self, estimator: BaseEstimator, X: Any, sampling_rate: int | None, *, reset: bool) -> Any:
        """Return a list of rows, an array, sparse rows or a frame of pandas.

        `estimator` records the features of numbers with `reset`, else they are compared with the recorded ones.
        """
        X = without_arrow(X)
        if self.kind in ("numbers", "sparse"):
            check_numbers(X, "AutoTartClassifier", "pass rows like those of fit")
            return validate_numbers(estimator, X, reset=reset, dtype=FLOATS, accept_sparse="csr")
        if self.kind == "frame":
            if not is_frame(X):
                raise ValueError(
                    f"X must be a frame, as in fit; got {type(X).__name__}: pass the same columns by name"
                )
            if self.holds_numbers:
                record_features(estimator, X, reset=reset)
            return _take(_as_frame(X), self.columns)
        if self.columns and is_frame(X):
            X = _take(_as_frame(X), self.columns)
        found = kind_of(X, sampling_rate)
        if found != self.kind:
            raise ValueError(
                f"X must hold rows of {self.kind}, as in fit; got {found}: pass rows of that kind"
            )
        if self.kind == "text":
            return as_texts(X, "AutoTartClassifier")
        return list(X)

    def fingerprints(self, rows: Any) -> NDArray[np.str_]:
        """Return what tells rows apart, a hash of each."""
        if self.kind == "frame":
            words = np.column_stack([as_words(rows[name]) for name in self.columns])
            rows = [tuple(line) for line in words]
        n_rows = rows.shape[0] if hasattr(rows, "shape") else len(rows)
        return np.array([joblib.hash(rows[place]) for place in range(n_rows)])

    def copies(self, rows: Any) -> NDArray[np.intp] | None:
        """Return a number for each row, the same where texts, or all texts of a frame, are equal; None for others."""
        if self.kind == "frame" and self.text_columns:
            keys = RowReader("frame", columns=self.text_columns).fingerprints(rows)
        elif self.kind in ("text", "frame"):
            keys = self.fingerprints(rows)
        else:
            return None
        return np.unique(keys, return_inverse=True)[1]


def _as_frame(X: Any) -> pd.DataFrame:
    """Return a frame of pandas, with texts as names."""
    import pandas as pd

    if isinstance(X, pd.DataFrame):
        frame = X.reset_index(drop=True)
    else:  # column by column, as a whole frame of polars needs pyarrow
        import narwhals as nw

        columns = nw.from_native(X, eager_only=True).iter_columns()
        dates = (nw.Date, nw.Datetime)
        frame = pd.DataFrame(
            {
                each.name: pd.to_datetime(each.to_list()) if each.dtype in dates else each.to_list()
                for each in columns
            }
        )
    frame.columns = [str(name) for name in frame.columns]
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise ValueError(f"columns must have different names; got {twice[0]!r} twice: rename one of them")
    return frame


def _take(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return some columns, in their order."""
    missing = [name for name in names if name not in frame.columns]
    if missing:
        near = get_close_matches(missing[0], [name for name in frame.columns if name not in names], n=1)
        cure = (
            f"rename {near[0]!r} if it is that one"
            if near
            else "add it, with empty entries where nothing is known"
        )
        raise ValueError(f"X must have the column {missing[0]!r}, and has {list(frame.columns)!r}: {cure}")
    return frame[names]
