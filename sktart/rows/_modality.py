"""Tell what rows are by looking at them: texts, images, sound or numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from os import PathLike
from os.path import isfile
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sktart.rows._entries import is_missing
from sktart.rows._images import is_pil
from sktart.rows._texts import holds_text

Modality = Literal["text", "image", "audio", "numbers"]

SUFFIXES: dict[Modality, frozenset[str]] = {
    "image": frozenset(".bmp .gif .jpeg .jpg .png .tif .tiff .webp".split()),
    "audio": frozenset(".aif .aiff .flac .mp3 .oga .ogg .opus .wav".split()),
}
_LOOKED_AT = 100


def modality_of(X: Any, sampling_rate: int | None = None) -> Modality:
    """Return what the rows of `X` are, by the first hundred that are not missing.

    Strings are texts, unless all are names of files of images or of sound. Arrays of shape (n,) are sound if
    `sampling_rate` says at which rate, or if they differ in length; uint8 arrays of shape (H, W) or (H, W, C) are
    images.

    Raises
    ------
    ValueError
        If all rows are names of such files, and one is not there.

    Examples
    --------
    >>> modality_of(["good film", "bad film"]), modality_of([[1.0, 2.0]])
    ('text', 'numbers')
    >>> modality_of(np.zeros((5, 8, 8), dtype=np.uint8)), modality_of([{"array": [0.0], "sampling_rate": 8000}])
    ('image', 'audio')
    """
    rows = _first_rows(X)
    named = next((kind for kind in SUFFIXES if rows and all(_is_named(row, kind) for row in rows)), None)
    if named is not None:
        _check_files(rows, named)
        return named
    if rows and all(is_pil(row) or _is_pixels(row) or _is_named(row, "image") for row in rows):
        return "image"
    if any(isinstance(row, Mapping) for row in rows):
        return "audio"
    if holds_text(X) or any(isinstance(row, PathLike) for row in rows):
        return "text"
    lengths = {row.shape for row in rows if getattr(row, "ndim", None) == 1}
    return "audio" if sampling_rate is not None or len(lengths) > 1 else "numbers"


def _first_rows(X: Any) -> list[Any]:
    if isinstance(X, Sequence) and not isinstance(X, str | bytes):
        rows: Any = X
    elif hasattr(X, "shape") and hasattr(X, "__array__"):
        array = np.asarray(X)
        rows = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    else:
        return []
    return list(islice((row for row in rows if not is_missing(row)), _LOOKED_AT))


def _is_named(row: Any, kind: Modality) -> bool:
    return isinstance(row, str | PathLike) and Path(row).suffix.lower() in SUFFIXES[kind]


def _check_files(rows: list[Any], kind: Modality) -> None:
    # Taken for a text, a mistyped path would be classified by its letters.
    for row in rows:
        if not isfile(row):  # noqa: PTH113 - unlike that of Path, it raises for no name
            raise ValueError(
                f"rows that end like files of {kind} must be such files; there is no {str(row)!r} in "
                f"{str(Path.cwd())!r}, so correct the path, or name an encoder of texts if these are texts"
            )


def _is_pixels(row: Any) -> bool:
    return isinstance(row, np.ndarray) and row.dtype == np.uint8 and row.ndim in (2, 3)
