"""Checkpoints: a reasoner with what it is called, saved to a folder and loaded from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch

from sktart._files import write_atomically
from sktart.reasoners._base import Reasoner
from sktart.zoo._card import model_card
from sktart.zoo._folder import CheckpointFolder
from sktart.zoo._info import CONTENT, WEIGHTS, CheckpointIdentity


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint.

    Parameters
    ----------
    name : str
        Name in the registry, or the folder it came from.
    reasoner : Reasoner
        In float32, in evaluation mode, without gradients.
    identity : CheckpointIdentity
        By which it can be loaded again and recognised.
    """

    name: str
    reasoner: Reasoner
    identity: CheckpointIdentity


def save_checkpoint(
    folder: str | Path, reasoner: Reasoner, *, recipe: dict[str, Any], metrics: dict[str, Any]
) -> None:
    """Write a complete checkpoint folder; the weights come last, so that they are there only when all is."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "config.json": _json(reasoner.config.to_dict()),
        "recipe.json": _json(recipe),
        "metrics.json": _json(metrics),
        "README.md": model_card(recipe, metrics),
    }
    for name, text in texts.items():
        write_atomically(folder / name, text.encode())
    state = {key: value.detach().cpu().contiguous() for key, value in reasoner.state_dict().items()}
    write_atomically(folder / WEIGHTS, safetensors.torch.save(state))


def update_metrics(folder: str | Path, **metrics: Any) -> None:
    """Add entries to ``metrics.json`` of a folder, and renew its model card."""
    read = CheckpointFolder.read(folder, ("recipe.json", "metrics.json"))
    recipe, known = read.recipe, read.metrics | metrics
    write_atomically(read.folder / "metrics.json", _json(known).encode())
    write_atomically(read.folder / "README.md", model_card(recipe, known).encode())


def load_folder(
    folder: str | Path,
    name: str | None = None,
    *,
    source: str | None = None,
    read: Callable[[str], bytes] | None = None,
) -> Checkpoint:
    """Load a checkpoint folder strictly.

    `name` is shown to the user, and `source` is for the identity; they stand for each other, and the folder for both.
    `read` returns the content of a file by its name, or raises if it is not the one that was meant.
    """
    opened = CheckpointFolder.read(folder, CONTENT, read)
    identity = CheckpointIdentity(
        source or name or str(opened.folder.absolute()), hashlib.sha256(opened.contents[WEIGHTS]).hexdigest()
    )
    return Checkpoint(name or str(folder), opened.reasoner, identity)


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=1, sort_keys=False) + "\n"
