"""Which checkpoints there are, and how a name becomes a reasoner that is ready to run."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from sktart.zoo._info import CheckpointInfo
from sktart.zoo._networks import load_shared
from sktart.zoo._resolve import FoundCheckpoint, NoZooError, locate, resolve
from sktart.zoo._table import CheckpointTable

if TYPE_CHECKING:
    import torch

    from sktart.zoo._checkpoint import Checkpoint

PACKAGE = Path(str(files("sktart.zoo")))


def read_registry() -> dict[str, CheckpointInfo]:
    """Return the rows of the registry by name, in its order."""
    rows = json.loads((PACKAGE / "registry.json").read_text(encoding="utf-8"))
    return {row["name"]: CheckpointInfo(**row) for row in rows}


def list_checkpoints(
    dim: int | None = None,
    modality: str | None = None,
    family: str | None = None,
    cached: bool | None = None,
) -> CheckpointTable:
    """Return the checkpoints in the registry, without a network.

    Parameters
    ----------
    dim : int, optional
        Keep checkpoints that read this many features.
    modality : {"any", "text", "image", "audio", "tabular"}, optional
        Keep checkpoints for this modality, and those for any.
    family : str, optional
        Keep checkpoints of this family, ``"gram"`` or ``"decoder"``.
    cached : bool, optional
        True keeps checkpoints that need no download, False those that do.

    Returns
    -------
    CheckpointTable
        A list of :class:`CheckpointInfo` that prints as a table and has a method ``to_frame``.

    Raises
    ------
    ValueError
        If the modality is unknown.

    Examples
    --------
    >>> from sktart import list_checkpoints
    >>> [info.name for info in list_checkpoints(family="decoder")]
    ['tart-decoder-d16', 'tart-decoder-d32', 'tart-decoder-d8']
    >>> [info.name for info in list_checkpoints(dim=384, cached=True)]
    ['gram-base']
    """
    known = read_registry().values()
    here = {row.name for row in known if _is_here(row)}
    rows = [
        row
        for row in known
        if row.reads(dim, modality) and family in (None, row.family) and cached in (None, row.name in here)
    ]
    return CheckpointTable(rows, here)


def _is_here(row: CheckpointInfo) -> bool:
    try:
        return locate(row, PACKAGE) is not None
    except NoZooError:
        return False  # whoever asks for it is told


def find_checkpoint(
    checkpoint: str | PathLike[str] = "auto",
    *,
    n_features: int | None = None,
    modality: str | None = None,
    download: bool = True,
) -> FoundCheckpoint:
    """Return where on this machine the files of a checkpoint are, and fetch them if they are not; nothing is loaded.

    Takes and raises what :func:`load_checkpoint` does; with ``download=False`` no request is made.

    Examples
    --------
    >>> find_checkpoint().place
    'embedded'
    """
    return resolve(
        checkpoint, read_registry(), PACKAGE, n_features=n_features, modality=modality, download=download
    )


def load_checkpoint(
    checkpoint: str | PathLike[str] = "auto",
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
    n_features: int | None = None,
    modality: str | None = None,
) -> Checkpoint:
    """Load a reasoner; a second load in the same process only copies it.

    Parameters
    ----------
    checkpoint : str or path
        ``"auto"``, a name of :func:`list_checkpoints`, a checkpoint folder, or a folder of the Hub:
        ``"org/repo/path@revision"`` or ``"hf://org/repo@revision/path"``. A name in the registry wins over a folder of
        that name, and a folder over the Hub; write ``./name`` or a path for the folder. ``"auto"`` is the first
        checkpoint in the registry that comes with the package and reads features like the data's.
    device : str or torch.device
    dtype : torch.dtype, optional
        Precision of the network; None means float32.
    n_features, modality : int, str, optional
        What the data have; ``"auto"`` chooses by them.

    Returns
    -------
    Checkpoint
        Its network is a copy, so changing it changes no estimator.

    Raises
    ------
    CheckpointError
        If there is no such checkpoint, it cannot be fetched, or its files are damaged.

    Examples
    --------
    >>> from sktart import load_checkpoint
    >>> load_checkpoint().name
    'gram-base'
    """
    found = find_checkpoint(checkpoint, n_features=n_features, modality=modality)
    shared = load_shared(found, device, dtype)
    return replace(shared, reasoner=deepcopy(shared.reasoner))


def share_checkpoint(
    checkpoint: str | PathLike[str] = "auto",
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
    n_features: int | None = None,
) -> Checkpoint:
    """Load a reasoner whose network all estimators of the process share, so that nobody may change it.

    Takes and raises what :func:`load_checkpoint` does.

    Examples
    --------
    >>> share_checkpoint().reasoner is share_checkpoint("gram-base").reasoner
    True
    """
    return load_shared(find_checkpoint(checkpoint, n_features=n_features), device, dtype)
