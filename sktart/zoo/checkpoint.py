"""The checkpoint folder: model.safetensors, config.json, recipe.json, metrics.json, README.md."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError

from sktart.exceptions import CheckpointError
from sktart.reasoners.base import Reasoner
from sktart.reasoners.config import config_from_dict
from sktart.reasoners.families import build_reasoner

WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint.

    Parameters
    ----------
    name : str
        Name in the registry, or the folder it came from.
    reasoner : Reasoner
        In float32, in evaluation mode, without gradients.
    """

    name: str
    reasoner: Reasoner


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a kill at any moment leaves the former content or the new one."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(content)
    temporary.replace(path)


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


def load_folder(folder: str | Path, name: str | None = None) -> Checkpoint:
    """Load a checkpoint folder strictly.

    Raises
    ------
    CheckpointError
        If the folder or a file is missing, a file is damaged, or the weights do not fit the config.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CheckpointError(f"no checkpoint folder at {folder}; it must hold {WEIGHTS} and config.json")
    missing = [part for part in (WEIGHTS, "config.json") if not (folder / part).is_file()]
    if missing:
        raise CheckpointError(
            f"{folder} is no complete checkpoint: {', '.join(missing)} missing; fetch it again"
        )
    try:
        values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        state = safetensors.torch.load((folder / WEIGHTS).read_bytes())
    except (SafetensorError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CheckpointError(
            f"{folder} holds a damaged file ({error}); remove the folder and fetch it again"
        ) from error
    if not isinstance(values, dict):
        raise CheckpointError(f"config.json in {folder} must hold an object; it holds {values!r}")
    config = config_from_dict(values)
    # On "meta" nothing is drawn, so that loading leaves torch's global generator alone.
    with torch.device("meta"):
        reasoner = build_reasoner(config)
    try:
        reasoner.load_state_dict(state, strict=True, assign=True)
    except RuntimeError as error:
        raise CheckpointError(f"the weights in {folder} do not fit its config.json: {error}") from error
    return Checkpoint(name or str(folder), reasoner.float().eval().requires_grad_(False))


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=1, sort_keys=False) + "\n"


def model_card(recipe: dict[str, Any], metrics: dict[str, Any]) -> str:
    """Compose README.md with the Hub's metadata on top."""
    bayes = metrics.get("bayes", [])
    lines = [
        "---",
        "library_name: sktart",
        *(["license: bsd-3-clause"] if "training" in metrics else []),
        "tags: [sktart, in-context-learning, tabular-classification, few-shot]",
        "---",
        f"# {recipe['name']}",
        "",
        "A reasoner for [sktart]: it reads labelled feature rows and classifies new ones in context, without training.",
        "",
        *(_training_lines(recipe, metrics["training"]) if "training" in metrics else _import_lines(metrics)),
        "",
    ]
    if bayes:
        prior = metrics.get("bayes_prior", {"n_features": [1, 16], "scale": [0.5, 10.0]})
        low, high = prior["n_features"]
        lines += [
            f"On logistic regression tasks with {low} to {high} features, weights of standard deviation "
            f"{prior['scale'][0]:g} to {prior['scale'][1]:g}:",
            "",
        ]
        lines.append("| rows | KL(Bayes, reasoner) | log-loss | of Bayes | of LogisticRegressionCV |")
        lines.append("| --- | --- | --- | --- | --- |")
        keys = ("kl", "log_loss", "bayes_log_loss", "lr_log_loss")
        lines += [
            "| " + " | ".join([str(row["rows"]), *(f"{row[key]:.4f}" for key in keys)]) + " |"
            for row in bayes
        ]
        lines.append("")
    return "\n".join(lines)


def _training_lines(recipe: dict[str, Any], training: dict[str, Any]) -> list[str]:
    families = sorted({component["family"] for component in recipe["prior"]})
    low, high = recipe["context_rows"]
    return [
        f"- trained on synthetic tasks only ({', '.join(families)}), {training['steps']} steps, seed {recipe['seed']}",
        # A decoder learns from the beginnings of its sequences as well.
        f"- contexts of {f'{low} to' if low < high else 'up to'} {high} rows were seen in training",
        f"- made by `sktart pretrain recipe.json` in {training['seconds'] / 60:.0f} minutes "
        f"on {training['device']} ({training['cores']} cores)"
        + (f", starting from {recipe['start']}" if recipe.get("start") else ""),
    ]


def _import_lines(metrics: dict[str, Any]) -> list[str]:
    source = metrics["imported"]
    return [f"- imported by `sktart import-tart {source['file']}` (sha256 {source['sha256']})"]
