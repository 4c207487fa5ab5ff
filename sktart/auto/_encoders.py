"""Frozen encoders, each loaded once, and run once on all rows of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.preprocessing import normalize
from sklearn.utils import get_tags

from sktart.encoders import is_trainable
from sktart.estimators._transformer import TartTransformer


def check_frozen(encoder: Any) -> None:
    """Refuse an encoder that learns from rows: it would have seen those that are held out.

    Raises
    ------
    ValueError
        If it does.
    """
    learns = isinstance(encoder, BaseEstimator) and get_tags(encoder).requires_fit
    if isinstance(encoder, TartTransformer):
        check_frozen(encoder.encoder)
        learns = encoder.n_components is not None or encoder.whiten or encoder.protocol != "stream"
        learns = learns or encoder.adapt is not None
    if learns:
        raise ValueError(
            f"encoders must be frozen; {encoder!r} learns from rows, so held-out rows would be known to it: name a "
            "pretrained encoder, or put the search behind it in a Pipeline"
        )


def name_encoders(encoders: Sequence[Any]) -> dict[str, Any]:
    """Return frozen encoders by names that all differ.

    Examples
    --------
    >>> list(name_encoders(["wordllama", len, len]))
    ['wordllama', 'len', 'len#3']
    """
    named: dict[str, Any] = {}
    for place, given in enumerate(encoders, 1):
        check_frozen(given)
        name = given if isinstance(given, str) else getattr(given, "__name__", type(given).__name__)
        named[f"{name}#{place}" if name in named else name] = given
    return named


def first_trainable(names: Sequence[str], named: Mapping[str, Any]) -> list[str]:
    """Return the first encoder that can be trained on labelled texts, if there is any.

    Parameters
    ----------
    names : sequence of str
    named : mapping
        Encoders that go by another name than their own.
    """
    encoders = [named.get(name, name) for name in names]
    return [encoder for encoder in encoders if isinstance(encoder, str) and is_trainable(encoder)][:1]


class SideBySide(TransformerMixin, BaseEstimator):
    """Vectors of several encoders in one row, each scaled to unit length.

    Parameters
    ----------
    encoders : list of (str, TartTransformer)
    """

    def __init__(self, encoders: Sequence[tuple[str, TartTransformer]]) -> None:
        self.encoders = encoders

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit clones."""
        self.encoders_ = [clone(each).fit(X) for _, each in self.encoders]
        return self

    def transform(self, X: Any) -> NDArray[Any]:
        """Return the rows (n, sum of widths)."""
        return np.hstack([normalize(each.transform(X)) for each in self.encoders_])

    def assemble(self, fitted: Sequence[TartTransformer], vectors: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Take encoders that are fitted already, and join what they made of the same rows."""
        self.encoders_ = list(fitted)
        return np.hstack([normalize(each) for each in vectors])

    @property
    def _reads_text(self) -> bool:
        return all(each._reads_text for each in self.encoders_)

    @property
    def _name(self) -> str:
        return "+".join(name for name, _ in self.encoders)
