"""Columns of text in a frame, replaced by vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.preprocessing import normalize

from sktart.estimators._transformer import TartTransformer

# In the names of columns that hold vectors of texts, and hardly in those of others.
VECTOR = "\u241f"
# Words of a typical entry, and the share of distinct entries, from which a column of strings is text.
FEWEST_WORDS, LEAST_DISTINCT = 3.0, 0.3


class TextColumns(TransformerMixin, BaseEstimator):
    """Put vectors of unit length into a frame, in the place of texts. A missing text is read as an empty one.

    Parameters
    ----------
    encoders : list of (str, TartTransformer)
        Clones of each read each column.
    columns : list of str
        Columns of text.
    """

    def __init__(self, encoders: Sequence[tuple[str, TartTransformer]], columns: Sequence[str]) -> None:
        self.encoders = encoders
        self.columns = columns

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Load the encoders."""
        # A frozen encoder learns nothing, so one row is enough, and serves for all columns.
        first = _texts(X[self.columns[0]].iloc[:1])
        self.encoders_ = [clone(each).fit(first) for _, each in self.encoders]
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return a frame with columns of numbers in the place of texts."""
        parts = [X.drop(columns=list(self.columns))]
        for (name, _), encoder in zip(self.encoders, self.encoders_, strict=True):
            for column in self.columns:
                vectors = normalize(encoder.transform(_texts(X[column])))
                names = [f"{column}{VECTOR}{name}{VECTOR}{place}" for place in range(vectors.shape[1])]
                parts.append(pd.DataFrame(vectors, index=X.index, columns=names))
        return pd.concat(parts, axis=1)

    def assemble(self, fitted: Sequence[TextColumns], frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
        """Take encoders that are fitted already, and join what they made of the same rows."""
        self.encoders_ = [encoder for each in fitted for encoder in each.encoders_]
        first, *others = frames
        vectors = [frame[[name for name in frame.columns if VECTOR in name]] for frame in others]
        return pd.concat([first, *vectors], axis=1)


def _texts(column: pd.Series) -> list[str]:
    return ["" if missing else str(entry) for entry, missing in zip(column, column.isna(), strict=True)]


def find_text_columns(frame: pd.DataFrame) -> list[str]:
    """Return the columns whose entries are sentences rather than names of categories.

    Examples
    --------
    >>> find_text_columns(pd.DataFrame({"text": ["it never came", "works as it should"], "kind": ["a", "b"]}))
    ['text']
    """
    return [name for name in frame.columns if _is_text(frame[name].dropna())]


def _is_text(column: pd.Series) -> bool:
    entries = column.head(1000)
    if not len(entries) or not all(isinstance(entry, str) for entry in entries):
        return False
    words = np.mean([len(entry.split()) for entry in entries])
    return bool(words >= FEWEST_WORDS and entries.nunique() >= LEAST_DISTINCT * len(entries))
