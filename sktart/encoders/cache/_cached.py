"""CachedEncoder: an encoder that asks a store before it works."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from sktart.encoders._base import CacheableEncoder, Encoder, Encodings, PassThrough, Reads, Rows
from sktart.encoders.cache._hashing import digest
from sktart.encoders.cache._store import VectorStore
from sktart.exceptions import EncoderError
from sktart.rows._entries import LazyRows


class CachedEncoder:
    """An encoder whose vectors are kept, by the content of the row and all that decides its vector.

    Rows that the store lacks are encoded in one call, each distinct one once. Two processes do not encode with
    the same encoder at the same time: the second waits, and finds what the first has done.
    """

    def __init__(self, encoder: CacheableEncoder, store: VectorStore):
        self.encoder = encoder
        self.store = store
        self.name = encoder.name
        self.reads: Reads = encoder.reads

    def fit_encode(self, rows: Rows, y: Any = None) -> Encodings:
        """Fit the encoder, and return the encodings of the rows it was fitted on."""
        self.encoder.fit(rows, y)
        if not hasattr(self.encoder, "encode_context"):
            return self._encode_rows(rows, self.encoder.fit_encode)
        encode_context = self.encoder.encode_context
        # One vector for each place, which says more than the row: the others differ from place to place.
        places = [digest("place", str(place)) for place in range(len(rows))]
        return self._recall(places, lambda missing: encode_context()[missing])

    def encode(self, rows: Rows) -> Encodings:
        """Return the encodings of the rows, those kept or else new ones."""
        return self._encode_rows(rows, self.encoder.encode)

    def _encode_rows(self, rows: Rows, encode: Callable[[Rows], Encodings]) -> Encodings:
        def encode_missing(missing: list[int]) -> Encodings:
            if isinstance(rows, list):
                return encode([rows[place] for place in missing])
            if isinstance(rows, np.ndarray):
                return encode(rows[missing])
            # Images and clips stay in their files until it is their turn.
            return encode(LazyRows(missing, lambda _, place: rows[place]))

        return self._recall([digest_row(row) for row in rows], encode_missing)

    def _recall(self, rows: list[str], encode: Callable[[list[int]], Encodings]) -> NDArray[np.float32]:
        """Return the vectors of rows given by their hashes; `encode` makes those of the places it is given."""
        identity = self.encoder.identity()
        keys = [hashlib.sha256(f"{identity} {row}".encode()).digest() for row in rows]
        places: dict[bytes, int] = {}
        for place, key in enumerate(keys):
            places.setdefault(key, place)
        vectors = self.store.read(list(places))
        if len(vectors) < len(places):
            with self.store.reserve(identity[:16]):
                # Meanwhile another process may have encoded the same rows.
                vectors |= self.store.read([key for key in places if key not in vectors])
                missing = {key: place for key, place in places.items() if key not in vectors}
                if missing:
                    vectors |= self._encode_new(missing, encode)
        _check_widths(vectors.values(), self.name)
        return np.stack([vectors[key] for key in keys])

    def _encode_new(
        self, places: dict[bytes, int], encode: Callable[[list[int]], Encodings]
    ) -> dict[bytes, NDArray[np.float32]]:
        """Encode the rows at these places and keep their vectors."""
        # Before work that would be lost: can it be written?
        self.store.write({})
        encodings = encode(list(places.values()))
        if issparse(encodings):
            raise EncoderError(
                f"memory keeps dense vectors; encoder {self.name} returns sparse ones: pass memory=None, or "
                "make the result dense and narrow"
            )
        vectors = dict(zip(places, encodings, strict=True))
        self.store.write(vectors)
        return vectors

    def __repr__(self) -> str:
        return f"CachedEncoder({self.encoder!r}, {self.store!r})"


def with_memory(encoder: Encoder, memory: Any) -> Encoder:
    """Return the encoder, wrapped in a CachedEncoder if there is a place to keep its vectors.

    `memory` is a folder; entries go to ``joblib/sktart`` in it, where ``joblib.Memory(folder).clear()`` finds them.
    """
    folder = _folder_of(memory)
    # Numbers that pass through would be kept a second time for nothing.
    if folder is None or isinstance(encoder, PassThrough):
        return encoder
    if not hasattr(encoder, "identity"):
        raise ValueError(
            f"memory keeps encodings that depend on nothing but the row; {encoder.name} is fitted on the rows, so "
            "pass memory=None here, and cache the whole step with sklearn.pipeline.Pipeline(..., memory=...)"
        )
    return CachedEncoder(cast(CacheableEncoder, encoder), VectorStore(folder / "sktart"))


def digest_row(row: Any) -> str:
    """Return a hash of what a row holds, be it a text, or an image or clip as an array.

    Examples
    --------
    >>> digest_row("1") == digest_row(np.array(1.0))
    False
    """
    if isinstance(row, str | bytes | int | float):
        return digest(type(row).__name__, row if isinstance(row, str | bytes) else repr(row))
    if isinstance(row, np.ndarray | np.generic) and not row.dtype.hasobject:
        return digest("array", row.dtype.str, str(row.shape), row.tobytes())
    if isinstance(row, Sequence):  # a clip is a tuple of samples and rate
        return digest("sequence", *(digest_row(part) for part in row))
    raise EncoderError(
        f"memory= must hash each row, so rows must be texts, arrays, or sequences of these; got {row!r:.80} "
        f"({type(row).__name__}), so pass memory=None"
    )


def _check_widths(vectors: Iterable[NDArray[Any]], name: str) -> None:
    widths = sorted({vector.shape[-1] for vector in vectors})
    if len(widths) > 1:
        raise EncoderError(
            f"encoder {name} must return vectors of one width; got {' and '.join(map(str, widths))} for rows of one "
            "call, in part from the cache, so make the width depend on nothing but the encoder's own state"
        )


def _folder_of(memory: Any) -> Path | None:
    """Return the folder where joblib.Memory would keep its own entries; None for no memory."""
    if hasattr(memory, "cache") and hasattr(memory, "store_backend"):
        if memory.store_backend is None:
            return None
        memory = getattr(memory.store_backend, "location", None)
        if isinstance(memory, str | PathLike):
            return Path(memory)
    elif memory is None:
        return None
    elif isinstance(memory, str | PathLike) and str(memory):
        return Path(memory) / "joblib"
    raise ValueError(
        f"memory must be None, the path of a folder, or a joblib.Memory that has one; got {memory!r}"
    )
