"""Which checkpoints there are, and how a name becomes a reasoner that is ready to run."""

from __future__ import annotations

import difflib
import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from sktart.exceptions import CheckpointError

if TYPE_CHECKING:
    import torch

    from sktart.zoo.checkpoint import Checkpoint

PACKAGE = Path(str(files("sktart.zoo")))
DEFAULT = "gram-base"


@dataclass(frozen=True)
class CheckpointInfo:
    """One row of the registry.

    Parameters
    ----------
    name : str
    family : str
    dimension, modality : str
        ``"any"`` or what the checkpoint is meant for.
    folder : str
        Place inside the package.
    path : str
        Place inside the zoo, ``<dimension>/<modality>/<name>``.
    sha256 : str
        Of ``model.safetensors``.
    bytes : int
        Of ``model.safetensors``.
    licence : str
    """

    name: str
    family: str
    dimension: str
    modality: str
    folder: str
    path: str
    sha256: str
    bytes: int
    licence: str


def list_checkpoints() -> list[CheckpointInfo]:
    """Return what the registry knows; needs no network.

    Examples
    --------
    >>> from sktart import list_checkpoints
    >>> [info.name for info in list_checkpoints()]
    ['gram-base', 'tart-decoder-d16']
    """
    rows = json.loads((PACKAGE / "registry.json").read_text(encoding="utf-8"))
    return [CheckpointInfo(**row) for row in rows]


def load_checkpoint(
    checkpoint: str | PathLike[str] = "auto",
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
) -> Checkpoint:
    """Load a reasoner; loading the same once more in a process costs nothing.

    Parameters
    ----------
    checkpoint : str or path
        ``"auto"`` (the embedded default), a name of :func:`list_checkpoints`, or a checkpoint folder. A name
        of the registry wins over a folder of the same name; write ``./name`` or a path for the folder.
    device : str or torch.device
    dtype : torch.dtype, optional
        None is float32.

    Returns
    -------
    Checkpoint
        Its network is shared: do not change it.

    Raises
    ------
    CheckpointError
        If there is no such checkpoint, or its files are damaged.

    Examples
    --------
    >>> from sktart import load_checkpoint
    >>> load_checkpoint().name
    'gram-base'
    """
    known = {info.name: info for info in list_checkpoints()}
    name = DEFAULT if checkpoint == "auto" else str(checkpoint)
    info = known.get(name) if isinstance(checkpoint, str) else None
    folder = PACKAGE / info.folder if info else Path(name)
    if info is None and not folder.is_dir():
        raise CheckpointError(_unknown(name, list(known)))
    stamp = tuple(_stamp(folder / part) for part in ("model.safetensors", "config.json"))
    return _load(folder, name, info.sha256 if info else None, stamp, str(device), dtype)


@lru_cache(maxsize=8)
def _load(
    folder: Path,
    name: str,
    sha256: str | None,
    stamp: tuple[tuple[int, int] | None, ...],
    device: str,
    dtype: torch.dtype | None,
) -> Checkpoint:
    from sktart.zoo.checkpoint import Checkpoint, load_folder

    if sha256 is not None:
        _verify(folder / "model.safetensors", sha256)
    return Checkpoint(name, load_folder(folder, name).reasoner.to(device=device, dtype=dtype))


def _stamp(path: Path) -> tuple[int, int] | None:
    """Time and size of a file, by which a change is seen; None where there is none."""
    return (path.stat().st_mtime_ns, path.stat().st_size) if path.is_file() else None


def _verify(path: Path, sha256: str) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no such file"
    if found != sha256:
        raise CheckpointError(
            f"{path} is not the file that the registry describes: sha256 {found} instead of {sha256}; "
            "install sktart again"
        )


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, [*known, "auto"], n=2, cutoff=0.5)
    hint = (
        f"did you mean {' or '.join(map(repr, near))}?"
        if near
        else f"known are 'auto', {', '.join(map(repr, known))}"
    )
    return f"checkpoint {name!r} is neither a name of the registry nor a folder; {hint}"
