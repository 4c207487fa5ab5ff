"""Read whatever holds images into RGB arrays."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sktart._runtime import import_optional
from sktart.rows._entries import LazyRows, as_entries

if TYPE_CHECKING:
    from PIL.Image import Image


def as_images(X: Any, reader: str) -> Sequence[NDArray[Any]]:
    """Turn `X` into a sequence of RGB images, uint8 of shape (H, W, 3); each is made when it is asked for.

    Parameters
    ----------
    X : sequence of PIL images, uint8 arrays or paths, or uint8 array of shape (N, H, W) or (N, H, W, C)
        Arrays have shape (H, W) or (H, W, C), where C is 1 for grey, 3 for RGB or 4 for RGB and alpha. Sizes may
        differ. Alpha is dropped; 16 bits of grey are reduced to 8. A photo is turned as its EXIF data say.
    reader : str
        Who wants the images; for the messages.

    Examples
    --------
    >>> images = as_images(np.zeros((5, 8, 6), dtype=np.uint8), "this encoder")
    >>> len(images), images[0].shape
    (5, (8, 6, 3))
    """
    _check_whole(X, reader)
    entries = [_checked(entry, row, reader) for row, entry in enumerate(as_entries(X, reader, "image"))]
    return LazyRows(entries, _to_rgb)


def _check_whole(X: Any, reader: str) -> None:
    """Refuse arrays whose shape as a whole is that of something else."""
    shape = getattr(X, "shape", None)
    if shape is None or np.asarray(X).dtype.kind not in "fiub":
        return
    if len(shape) == 2:
        raise ValueError(
            f"{reader} reads images; got numbers of shape {shape}: reshape flat pixels to (N, height, width) "
            "or (N, height, width, 3), or pass [X] if X is one grey image"
        )
    if len(shape) == 3 and shape[2] == 3:
        raise ValueError(
            f"{reader} reads a sequence of images; shape {shape} is that of a single one: pass [X]"
        )


def _checked(entry: Any, row: int, reader: str) -> NDArray[Any] | Image | Path:
    """Return the entry of a row if it is an array or file that can be an image, or a PIL image."""
    if isinstance(entry, str | PathLike):
        if not Path(entry).is_file():
            raise ValueError(
                f"{reader} reads images, but row {row} holds {str(entry)!r}, which is no file; pass PIL images, "
                "uint8 arrays or paths"
            )
        return Path(entry)
    if is_pil(entry):
        return entry
    if not isinstance(entry, np.ndarray):
        raise ValueError(
            f"{reader} reads images, but row {row} holds {entry!r:.80} ({type(entry).__name__}); pass PIL "
            "images, uint8 arrays or paths"
        )
    if entry.dtype != np.uint8:
        raise ValueError(
            f"an image must hold uint8, 0 to 255; row {row} holds {entry.dtype}: convert it, for instance with "
            "(255 * X).round().astype('uint8') if its values go from 0 to 1"
        )
    if entry.ndim not in (2, 3) or (entry.ndim == 3 and entry.shape[2] not in (1, 3, 4)) or entry.size == 0:
        raise ValueError(
            f"an image must have shape (height, width) or (height, width, 1, 3 or 4); row {row} has shape "
            f"{entry.shape}: put the channels last, for instance with np.moveaxis"
        )
    return entry


def is_pil(entry: Any) -> bool:
    """Tell whether an entry is an image of Pillow."""
    # Whoever has an image has imported the module.
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(entry, module.Image)


def _to_rgb(row: int, entry: NDArray[Any] | Image | Path) -> NDArray[Any]:
    if isinstance(entry, np.ndarray):
        image = entry if entry.ndim == 3 else entry[:, :, np.newaxis]
        return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else np.ascontiguousarray(image[:, :, :3])
    opener = import_optional("PIL.Image", "images")
    operations = import_optional("PIL.ImageOps", "images")
    try:
        with opener.open(entry) if isinstance(entry, Path) else nullcontext(entry) as opened:
            upright = operations.exif_transpose(opened)
            if upright.mode.startswith("I"):
                # Pillow would cut the 16 bits at 255, not scale them.
                upright = opener.fromarray((np.asarray(upright) / 257).round().clip(0, 255).astype(np.uint8))
            rgb = None if upright.mode == "F" else np.array(upright.convert("RGB"))
    except (OSError, SyntaxError, opener.DecompressionBombError) as error:
        raise ValueError(f"row {row} must be an image; {str(entry)!r} cannot be read ({error})") from error
    if rgb is None:
        raise ValueError(f"an image must hold whole numbers; row {row} holds floats, so scale it to uint8")
    return rgb
