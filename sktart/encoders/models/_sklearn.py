"""Encoders from a scikit-learn transformer or a plain function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn import config_context
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import get_tags

from sktart.encoders._base import (
    Encodings,
    FrozenEncoder,
    Reads,
    Rows,
    as_encodings,
    count_rows,
    encode_distinct,
)
from sktart.encoders.cache._hashing import digest
from sktart.encoders.cache._identity import identify


class SklearnEncoder:
    """A scikit-learn transformer, fitted on the context; it checks its rows itself, be they frames, sparse or dicts."""

    def __init__(self, transformer: Any):
        self.transformer = transformer
        self.name = type(transformer).__name__
        self.reads: Reads = "text" if is_vectorizer(transformer) else "rows"

    def fit_encode(self, rows: Rows, y: Any = None) -> Encodings:
        """Fit the transformer, and encode the rows it was fitted on."""
        with config_context(transform_output="default"):
            if hasattr(self.transformer, "fit_transform"):
                result = self.transformer.fit_transform(rows, y)
            else:
                result = self.transformer.fit(rows, y).transform(rows)
        return as_encodings(result, count_rows(rows), self.name)

    def encode(self, rows: Rows) -> Encodings:
        """Encode rows with the fitted transformer."""
        with config_context(transform_output="default"):
            return encode_distinct(rows, self.transformer.transform, self.name)

    def __repr__(self) -> str:
        return f"SklearnEncoder({self.transformer!r})"


class CallableEncoder(FrozenEncoder):
    """A function from rows to vectors.

    Parameters
    ----------
    function : callable
        Takes a list of str or a numeric array, and returns an array of shape (n, width).
    """

    reads: Reads = "any"

    def __init__(self, function: Callable[[Any], Any]):
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)

    def encode(self, rows: Rows) -> Encodings:
        """Call the function on the rows, of texts on the distinct ones."""
        return encode_distinct(rows, self.function, self.name)

    def identity(self) -> str:
        """Return a hash of the function's code and of what it holds, as it is now."""
        return digest("callable", identify(self.function, self.name))

    def __repr__(self) -> str:
        return f"CallableEncoder({self.name})"


def is_vectorizer(transformer: Any) -> bool:
    """Tell whether the transformer takes nothing but a column of strings, like a ``TfidfVectorizer``."""
    if isinstance(transformer, Pipeline):
        # A pipeline does not pass these tags of its first step on.
        return bool(transformer.steps) and is_vectorizer(transformer.steps[0][1])
    if isinstance(transformer, FeatureUnion):
        return all(is_vectorizer(part) for _, part in transformer.transformer_list)
    if not hasattr(transformer, "__sklearn_tags__"):
        return False
    tags = get_tags(transformer).input_tags
    return tags.string and not tags.two_d_array
