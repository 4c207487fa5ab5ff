"""Read whatever holds sound into clips of one channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sktart._runtime import import_optional
from sktart.rows._entries import LazyRows, as_entries


class Clip(NamedTuple):
    """Sound of one channel: float32 samples of shape (n,), about -1 to 1, and their rate in hertz."""

    samples: NDArray[Any]
    rate: int


def as_clips(X: Any, reader: str, sampling_rate: int | None) -> Sequence[Clip]:
    """Turn `X` into a sequence of clips; files are read when a clip is asked for.

    Parameters
    ----------
    X : sequence of arrays of shape (n,), array of shape (N, n), of dicts, or of paths
        Floats or integers; integers are scaled by the range of their type. A dict holds "array" and
        "sampling_rate". Files are what soundfile reads, such as wav and flac; their channels are averaged.
    reader : str
        Who wants the clips; for the messages.
    sampling_rate : int or None
        Rate in hertz of clips that do not say their own.

    Examples
    --------
    >>> clips = as_clips([np.zeros(3), np.array([2**14], dtype=np.int16)], "this encoder", 16000)
    >>> clips[1]
    Clip(samples=array([0.5], dtype=float32), rate=16000)
    """
    if getattr(X, "ndim", None) == 1 and np.asarray(X).dtype.kind in "fiu":
        raise ValueError(f"X must be a sequence of clips; got a single array of shape {X.shape}, so pass [X]")
    entries = [
        _checked(entry, f"row {row}", reader, sampling_rate)
        for row, entry in enumerate(as_entries(X, reader, "clip"))
    ]
    return LazyRows(entries, lambda row, entry: entry if isinstance(entry, Clip) else _read(row, entry))


def _checked(entry: Any, row: str, reader: str, sampling_rate: int | None) -> Clip | Path:
    """Return a clip, or the path of a file that exists."""
    if isinstance(entry, str | PathLike):
        import_optional("soundfile", "audio")
        if not Path(entry).is_file():
            raise ValueError(
                f"{reader} reads sound, but {row} holds {str(entry)!r}, which is no file; pass 1-D arrays, "
                "dicts with 'array' and 'sampling_rate', or paths of wav or flac files"
            )
        return Path(entry)
    if isinstance(entry, Mapping):
        if not {"array", "sampling_rate"} <= set(entry):
            raise ValueError(
                f"a clip given as a dict must hold 'array' and 'sampling_rate'; {row} holds {sorted(entry)}"
            )
        rate = entry["sampling_rate"]
        if not isinstance(rate, Integral) or rate < 1:
            raise ValueError(
                f"the sampling_rate of a clip must be an integer of at least 1, in hertz; {row} has {rate!r}"
            )
        return _clip(entry["array"], row, int(rate))
    if sampling_rate is None:
        raise ValueError(
            f"{reader} must know the rate of the samples; {row} does not say it, so pass sampling_rate=..., "
            "in hertz, or dicts with 'array' and 'sampling_rate'"
        )
    return _clip(entry, row, sampling_rate)


def _clip(entry: Any, row: str, rate: int) -> Clip:
    """Check samples, and bring them to floats of about -1 to 1."""
    try:
        samples = np.asarray(entry)
    except ValueError as error:
        raise ValueError(f"a clip must be an array of numbers; {row} is ragged ({error})") from error
    if samples.dtype.kind not in "fi" or samples.dtype == np.int8:
        raise ValueError(
            f"a clip must hold samples as floats, int16 or int32; {row} holds {_kind(entry, samples)}, "
            "so convert it"
        )
    if samples.ndim != 1:
        raise ValueError(
            f"a clip must have one channel, shape (n,); {row} has shape {samples.shape}, so average its "
            "channels, for instance with clip.mean(axis=0) if they come first"
        )
    if samples.size == 0:
        raise ValueError(f"a clip must have at least one sample; {row} is empty, so drop it")
    if samples.dtype.kind == "i":
        # A plain list of int has no range to scale by.
        if samples.dtype not in (np.int16, np.int32):
            raise ValueError(
                f"a clip of integers must be int16 or int32, whose range is known; {row} is {samples.dtype}, "
                "so convert it"
            )
        return Clip((samples / -float(np.iinfo(samples.dtype).min)).astype(np.float32), rate)
    with np.errstate(over="ignore"):
        samples = samples.astype(np.float32)
    if not np.isfinite(samples).all():
        raise ValueError(
            f"a clip must hold finite numbers; {row} has NaN or infinity in float32, so mend or drop it"
        )
    return Clip(samples, rate)


def _kind(entry: Any, samples: NDArray[Any]) -> str:
    return str(samples.dtype) if isinstance(entry, np.ndarray) else f"{type(entry).__name__} {entry!r:.40}"


def _read(row: int, path: Path) -> Clip:
    soundfile = import_optional("soundfile", "audio")
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ValueError(
            f"row {row} must be a file of sound; {str(path)!r} cannot be read ({error})"
        ) from error
    return _clip(samples.mean(axis=1), f"row {row} ({str(path)!r})", rate)
