"""Tell what rows are by looking at them: texts, images, sound or numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sktart.rows._images import is_pil
from sktart.rows._texts import holds_text

Modality = Literal["text", "image", "audio", "numbers"]

_SUFFIXES: dict[Modality, frozenset[str]] = {
    "image": frozenset(".bmp .gif .jpeg .jpg .png .tif .tiff .webp".split()),
    "audio": frozenset(".aif .aiff .flac .mp3 .oga .ogg .opus .wav".split()),
}
_LOOKED_AT = 100


def modality_of(X: Any, sampling_rate: int | None = None) -> Modality:
    """Return what the rows of `X` are.

    Strings are texts unless each of the first hundred names an existing file of an image or of sound. Arrays of shape
    (n,) are sound if `sampling_rate` says at which rate; uint8 arrays of shape (H, W) or (H, W, C) are images.

    Examples
    --------
    >>> modality_of(["good film", "bad film"]), modality_of([[1.0, 2.0]])
    ('text', 'numbers')
    >>> modality_of(np.zeros((5, 8, 8), dtype=np.uint8)), modality_of([{"array": [0.0], "sampling_rate": 8000}])
    ('image', 'audio')
    """
    rows = _first_rows(X)
    if rows and all(isinstance(row, str | PathLike) for row in rows):
        return next((kind for kind in _SUFFIXES if all(_is_file(row, kind) for row in rows)), "text")
    if holds_text(X):
        return "text"
    if rows and all(is_pil(row) or _is_pixels(row) for row in rows):
        return "image"
    flat = [getattr(row, "ndim", None) == 1 and row.dtype.kind in "fi" for row in rows]
    if rows and (all(isinstance(row, Mapping) for row in rows) or (sampling_rate is not None and all(flat))):
        return "audio"
    return "numbers"


def _first_rows(X: Any) -> list[Any]:
    if isinstance(X, Sequence) and not isinstance(X, str | bytes):
        return list(islice(X, _LOOKED_AT))
    if not hasattr(X, "shape") or not hasattr(X, "__array__"):
        return []
    array = np.asarray(X)
    return list(array[:_LOOKED_AT, 0] if array.ndim == 2 and array.shape[1] == 1 else array[:_LOOKED_AT])


def _is_file(row: str | PathLike[str], kind: Modality) -> bool:
    path = Path(row)
    try:
        return path.suffix.lower() in _SUFFIXES[kind] and path.is_file()
    except (OSError, ValueError):  # a text is no name that a file can have
        return False


def _is_pixels(row: Any) -> bool:
    return isinstance(row, np.ndarray) and row.dtype == np.uint8 and row.ndim in (2, 3)
