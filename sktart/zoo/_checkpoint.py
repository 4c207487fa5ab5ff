"""The checkpoint folder: model.safetensors, config.json, recipe.json, metrics.json, README.md."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError

from sktart._files import is_folder, write_atomically
from sktart.exceptions import CheckpointError
from sktart.reasoners._base import Reasoner
from sktart.reasoners._config import config_from_dict
from sktart.reasoners._families import assemble_reasoner
from sktart.zoo._card import model_card
from sktart.zoo._identity import CheckpointIdentity
from sktart.zoo._info import WEIGHTS


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
    """Add entries to ``metrics.json`` of a folder, and renew its model card.

    Raises
    ------
    CheckpointError
        If the folder is no complete checkpoint.
    """
    folder = Path(folder)
    try:
        recipe, known = (
            json.loads((folder / part).read_text(encoding="utf-8"))
            for part in ("recipe.json", "metrics.json")
        )
    except OSError as error:
        raise CheckpointError(
            f"{folder} is no complete checkpoint folder: {error.filename} is missing"
        ) from error
    except ValueError as error:
        raise CheckpointError(
            f"{folder} holds a damaged file ({error}); remove the folder and fetch it again"
        ) from error
    known |= metrics
    write_atomically(folder / "metrics.json", _json(known).encode())
    write_atomically(folder / "README.md", model_card(recipe, known).encode())


def load_folder(
    folder: str | Path,
    name: str | None = None,
    *,
    source: str | None = None,
    read: Callable[[str], bytes] | None = None,
) -> Checkpoint:
    """Load a checkpoint folder strictly.

    Parameters
    ----------
    folder : str or Path
    name : str, optional
        To show to the user; None is the folder as it is given.
    source : str, optional
        Name in the identity; None is `name`, or the absolute folder.
    read : callable, optional
        Returns the content of a file of the folder, or raises if it is not the one that was meant.

    Raises
    ------
    CheckpointError
        If the folder or a file is missing, a file is damaged, or the weights do not fit the config.
    """
    folder = Path(folder)
    if read is None:
        check_complete(folder)
    try:
        text, weights = (
            read(part) if read else (folder / part).read_bytes() for part in ("config.json", WEIGHTS)
        )
        values, state = json.loads(text.decode("utf-8")), safetensors.torch.load(weights)
    except (SafetensorError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CheckpointError(
            f"{folder} holds a damaged file ({error}); remove the folder and fetch it again"
        ) from error
    if not isinstance(values, dict):
        raise CheckpointError(f"config.json in {folder} must hold an object; it holds {values!r}")
    config = config_from_dict(values)
    try:
        reasoner = assemble_reasoner(config, state).float()
    except RuntimeError as error:
        raise CheckpointError(f"the weights in {folder} do not fit its config.json: {error}") from error
    source = source or name or str(folder.absolute())
    identity = CheckpointIdentity(source, hashlib.sha256(weights).hexdigest())
    return Checkpoint(name or str(folder), reasoner, identity)


def check_complete(folder: Path) -> None:
    """Make sure that a folder holds weights and config.

    Raises
    ------
    CheckpointError
        If there is no such folder, or a file is missing.
    """
    if not is_folder(folder):
        raise CheckpointError(
            f"no checkpoint folder at {str(folder)!r}; it must hold {WEIGHTS} and config.json"
        )
    missing = [part for part in (WEIGHTS, "config.json") if not (folder / part).is_file()]
    if missing:
        raise CheckpointError(
            f"{folder} is no complete checkpoint: {', '.join(missing)} missing; fetch it again"
        )


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=1, sort_keys=False) + "\n"
