"""What an encoder is, and the checks on what it returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from sktart.encoders._options import ModelOptions
from sktart.exceptions import EncoderError

Rows = list[str] | NDArray[Any] | Sequence[Any]
Encodings = Any  # float32, dense or CSR, of shape (n, width); scipy has no types
Reads = Literal["text", "image", "audio", "text or image", "text or audio", "numbers", "any", "rows"]


class Encoder(Protocol):
    """Turns n rows into a matrix of shape (n, width), dense or sparse, float32."""

    name: str
    """Stable and readable; for messages."""
    reads: Reads
    """What its rows are: a list of str, a sequence of images or clips, a numeric array, texts or numbers, or what it is
    given."""

    def fit_encode(self, rows: Rows, y: Any = None) -> Encodings:
        """Fit what there is to fit on the context, and encode it."""

    def encode(self, rows: Rows) -> Encodings:
        """Encode rows, each on its own."""


class CacheableEncoder(Encoder, Protocol):
    """An encoder whose vectors may be kept from session to session.

    If it has a method ``encode_context``, rows given to ``fit`` have other encodings than the same rows given to
    ``encode``, and that method returns them all.
    """

    def fit(self, rows: Rows, y: Any = None) -> None:
        """Remember what later calls must find again, without encoding anything."""

    def identity(self) -> str:
        """Return a hash of all but the row that decides its vector, so not of batch size or device; after `fit`."""


class FrozenEncoder(Encoder):
    """Base of encoders that have nothing to fit."""

    def fit(self, rows: Rows, y: Any = None) -> None:
        """Remember what later calls must find again; here, nothing."""

    def fit_encode(self, rows: Rows, y: Any = None) -> Encodings:
        """Encode rows, and warn of those that were cut."""
        self.fit(rows, y)
        encodings = self.encode(rows)
        self.warn_of_cuts(rows)
        return encodings

    def warn_of_cuts(self, rows: Rows) -> None:
        """Warn once if rows are longer than what the encoder reads; most read all."""


class ModelEncoder(FrozenEncoder):
    """Base of encoders around a pretrained model.

    Of a named model only the name is held, so that pickles stay small. The weights come from a cache of the process
    when they are first used, so that the clones of a grid search share them.
    """

    def __init__(self, source: Any, name: str, options: ModelOptions):
        self.source = source
        self.name = name
        self.options = options

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name})"


class PassThrough(FrozenEncoder):
    """Numbers stay what they are, in their own precision."""

    name = "encoder=None"
    reads: Reads = "numbers"

    def encode(self, rows: Rows) -> Any:
        """Return the rows."""
        return rows

    def __repr__(self) -> str:
        return "PassThrough()"


def encode_distinct(rows: Rows, encode: Callable[[Any], Any], name: str) -> Encodings:
    """Encode each distinct text once, check what comes back, and repeat it where the text is repeated.

    Examples
    --------
    >>> def encode(texts):
    ...     print(texts)
    ...     return [[len(text)] for text in texts]
    >>> encode_distinct(["ab", "c", "ab"], encode, "length")
    ['ab', 'c']
    array([[2.],
           [1.],
           [2.]], dtype=float32)
    """
    if not (isinstance(rows, list) and rows and isinstance(rows[0], str)):
        return as_encodings(encode(rows), count_rows(rows), name)
    places: dict[str, int] = {}
    where = [places.setdefault(row, len(places)) for row in rows]
    encodings = as_encodings(encode(list(places)), len(places), name)
    return encodings if len(places) == len(rows) else encodings[where]


def count_rows(rows: Rows) -> int:
    """Return the number of rows; sparse matrices have no length."""
    return rows.shape[0] if hasattr(rows, "shape") else len(rows)


def as_encodings(result: Any, n_rows: int, name: str) -> Encodings:
    """Turn what an encoder returned into finite float32 of shape (n_rows, width)."""
    if issparse(result):
        # Indexing and the finite check below need a format with rows and explicit values.
        matrix = csr_array(result)
        values = matrix.data
    else:
        matrix = values = _as_array(result, name)
    if matrix.ndim != 2 or matrix.shape[0] != n_rows or matrix.shape[1] == 0:
        raise EncoderError(
            f"encoder {name} must return one vector a row, shape ({n_rows}, width); "
            f"got shape {matrix.shape}, so pool to one vector and keep every row"
        )
    if matrix.dtype.kind not in "fiub":
        raise EncoderError(f"encoder {name} must return real numbers; got dtype {matrix.dtype}: convert them")
    with np.errstate(over="ignore"):
        encodings, values = matrix.astype(np.float32), values.astype(np.float32)
    if not np.isfinite(values).all():
        raise EncoderError(
            f"encoder {name} must return numbers that are finite in float32; got NaN or infinity, "
            "so look for empty or extreme rows"
        )
    return encodings


def _as_array(result: Any, name: str) -> NDArray[Any]:
    try:
        return np.asarray(result)
    except (TypeError, ValueError, RuntimeError) as error:
        raise EncoderError(
            f"encoder {name} must return a matrix of numbers; got {type(result).__name__} ({error}), "
            "so return a numpy array"
        ) from error
