"""Columns of a frame to numbers: numbers, dates and categories."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import OneHotEncoder

if TYPE_CHECKING:
    import pandas as pd

NUMBER, DATE, CATEGORY = "number", "date", "category"
# Share of the entries of a column that must read as a number, or as a date.
LEAST_READABLE = 0.95
# Dates that are written as text. Each has all digits of the year: otherwise "1-2" and "may" would be dates as well.
DATE_FORMATS = (
    "ISO8601",
    *(
        day + time
        for day in ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d")
        for time in ("", " %H:%M:%S", " %H:%M")
    ),
)
SECONDS_A_DAY = 86400.0
MOST_CATEGORIES = 32


class TableVectors(TransformerMixin, BaseEstimator):
    """Turn a frame into numbers.

    Numbers stay, with NaN where they are missing or infinite. Dates become days since 1970, month, and weekday. All
    else is a category: one column each for the most frequent ones, one for the others. A missing category is one too.

    Attributes
    ----------
    roles_ : dict
        From columns to "number", "date", "category", or the format of dates that are written as text.
    """

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Decide what each column is, and collect categories."""
        self.roles_ = {name: _role_of(X[name]) for name in X.columns}
        self.categories_ = None
        if CATEGORY in self.roles_.values():
            self.categories_ = OneHotEncoder(
                max_categories=MOST_CATEGORIES, handle_unknown="infrequent_if_exist", sparse_output=False
            ).fit(self._texts(X))
        return self

    def transform(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return rows (n, D)."""
        parts = [np.empty((len(X), 0))]
        for name, role in self.roles_.items():
            if role == NUMBER:
                parts.append(_numbers(X[name])[:, None])
            elif role != CATEGORY:
                parts.append(_parts_of_dates(X[name], role))
        if self.categories_ is not None:
            with warnings.catch_warnings():
                # That a category is unknown is no news: it counts as a rare one, or as none.
                warnings.filterwarnings("ignore", message="Found unknown categories")
                parts.append(self.categories_.transform(self._texts(X)))
        return np.hstack(parts)

    def _texts(self, X: pd.DataFrame) -> NDArray[Any]:
        names = [name for name, role in self.roles_.items() if role == CATEGORY]
        return np.column_stack([as_words(X[name]) for name in names])


def as_words(column: pd.Series) -> NDArray[Any]:
    """Return the entries of a column as texts, "" where they are missing."""
    return column.astype(object).where(column.notna(), "").astype(str).to_numpy(object)


def _role_of(column: pd.Series) -> str:
    present = column.dropna()
    if present.dtype.kind == "M":
        return DATE
    if present.dtype.kind in "iufbm" or _share(_numbers(present)) >= LEAST_READABLE:
        return NUMBER
    texts = present[[isinstance(entry, str) for entry in present]]
    if len(texts) < len(present):
        return CATEGORY
    return next((each for each in DATE_FORMATS if _share(_days(texts, each)) >= LEAST_READABLE), CATEGORY)


def _share(values: NDArray[Any]) -> float:
    """Return the share of entries that could be read."""
    return 1.0 - float(np.mean(np.isnan(values))) if len(values) else 0.0


def _numbers(column: pd.Series) -> NDArray[np.float64]:
    import pandas as pd

    if column.dtype.kind == "m":
        return column.dt.total_seconds().to_numpy(np.float64)
    values = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def _days(column: pd.Series, role: str) -> NDArray[np.float64]:
    """Return days since 1970."""
    import pandas as pd

    read = pd.to_datetime(column, errors="coerce", utc=True, format=None if role == DATE else role)
    seconds = read.dt.tz_localize(None).to_numpy().astype("datetime64[s]")
    return np.where(np.isnat(seconds), np.nan, seconds.astype(np.int64) / SECONDS_A_DAY)


def _parts_of_dates(column: pd.Series, role: str) -> NDArray[np.float64]:
    days = _days(column, role)
    known = np.where(np.isnan(days), 0, days)
    month = known.astype("datetime64[D]").astype("datetime64[M]").astype(int) % 12
    weekday = (np.floor(known) + 3) % 7  # 1970 began on a Thursday
    parts = np.column_stack([days, month, weekday])
    parts[np.isnan(days)] = np.nan
    return parts
