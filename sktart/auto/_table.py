"""Columns of a frame to numbers: numbers, dates and categories."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import OneHotEncoder

if TYPE_CHECKING:
    import pandas as pd

Role = Literal["number", "date", "category"]
# Share of the entries of a column that must read as a number, or as a date.
LEAST_READABLE = 0.95
# A date is a point in time, and where that is in a year and a week.
DAY = np.timedelta64(1, "D")
MOST_CATEGORIES = 32


class TableVectors(TransformerMixin, BaseEstimator):
    """Turn a frame into numbers.

    Numbers stay, with NaN where they are missing. Dates become days since 1970, month, and weekday. All else is a
    category: one column each for the most frequent ones, one for the others. A missing category is one too.
    """

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Decide what each column is, and collect categories."""
        self.roles_: dict[str, Role] = {name: _role_of(X[name]) for name in X.columns}
        self.categories_ = None
        if "category" in self.roles_.values():
            self.categories_ = OneHotEncoder(
                max_categories=MOST_CATEGORIES, handle_unknown="infrequent_if_exist", sparse_output=False
            ).fit(self._texts(X))
        return self

    def transform(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return rows (n, D)."""
        parts = [np.empty((len(X), 0))]
        for name, role in self.roles_.items():
            if role == "number":
                parts.append(_numbers(X[name])[:, None])
            elif role == "date":
                parts.append(_parts_of_dates(X[name]))
        if self.categories_ is not None:
            with warnings.catch_warnings():
                # That a category is unknown is no news: it counts as a rare one, or as none.
                warnings.filterwarnings("ignore", message="Found unknown categories")
                parts.append(self.categories_.transform(self._texts(X)))
        return np.hstack(parts)

    def _texts(self, X: pd.DataFrame) -> NDArray[Any]:
        names = [name for name, role in self.roles_.items() if role == "category"]
        columns = [
            X[name].astype(object).where(X[name].notna(), "").astype(str).to_numpy(object) for name in names
        ]
        return np.column_stack(columns)


def _role_of(column: pd.Series) -> Role:
    present = column.dropna()
    if present.dtype.kind in "Mm":
        return "date"
    if present.dtype.kind in "iufb" or _share(_numbers(present)) >= LEAST_READABLE:
        return "number"
    dates = _dates(present)
    return "date" if _share(dates) >= LEAST_READABLE else "category"


def _share(values: NDArray[Any]) -> float:
    """Return the share of entries that could be read."""
    return 1.0 - float(np.mean(np.isnan(values))) if len(values) else 0.0


def _numbers(column: pd.Series) -> NDArray[np.float64]:
    import pandas as pd

    return pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)


def _dates(column: pd.Series) -> NDArray[np.float64]:
    """Return days since 1970."""
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of formats that differ from row to row
        read = pd.to_datetime(column, errors="coerce", utc=True, format=None).dt.tz_localize(None)
    return (read - pd.Timestamp(0)).to_numpy() / DAY


def _parts_of_dates(column: pd.Series) -> NDArray[np.float64]:
    days = _dates(column)
    known = np.where(np.isnan(days), 0, days)
    instant = known.astype("datetime64[D]")
    month = instant.astype("datetime64[M]").astype(int) % 12
    weekday = (np.floor(known) + 3) % 7  # 1970 began on a Thursday
    parts = np.column_stack([days, month, weekday])
    parts[np.isnan(days)] = np.nan
    return parts
