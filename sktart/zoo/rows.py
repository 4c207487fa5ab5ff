"""Make the row of the registry that describes a checkpoint folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from sktart.exceptions import CheckpointError
from sktart.zoo.card import spdx_licence
from sktart.zoo.checkpoint import load_folder, write_atomically
from sktart.zoo.info import PARTS, WEIGHTS, CheckpointInfo
from sktart.zoo.integrity import json_object


def row_of(
    folder: str | Path,
    *,
    modality: str | None = None,
    embedded: str | None = None,
    commit: str | None = None,
) -> CheckpointInfo:
    """Describe a checkpoint folder; it is loaded strictly, so that only what works gets a row.

    Parameters
    ----------
    folder : str or Path
    modality : str, optional
        What the checkpoint is meant for. None takes it from a folder ``<dimension>/<modality>/<name>``, else ``"any"``.
    embedded : str, optional
        Its place inside the package, if it has one.
    commit : str, optional
        Of the Hub repository, once it is published.

    Raises
    ------
    CheckpointError
        If the folder is no complete checkpoint, or its recipe has no name.
    """
    folder = Path(folder)
    reasoner = load_folder(folder).reasoner
    contents = {part: _read(folder / part) for part in PARTS}
    recipe, metrics = (json_object(folder / part, contents[part]) for part in ("recipe.json", "metrics.json"))
    if not isinstance(recipe.get("name"), str):
        raise CheckpointError(
            f"{folder / 'recipe.json'} must hold a name; it holds {', '.join(recipe) or 'nothing'}"
        )
    dimension = str(reasoner.max_features or "any")
    parents = folder.absolute().parts[-3:-1]
    if modality is None:
        modality = parents[1] if parents and parents[0] == dimension else "any"
    return CheckpointInfo(
        name=recipe["name"],
        family=reasoner.config.family,
        dimension=dimension,
        modality=modality,
        path=f"{dimension}/{modality}/{recipe['name']}",
        embedded=embedded,
        commit=commit,
        files={
            part: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            for part, content in contents.items()
        },
        limits={"rows": reasoner.max_context, "features": reasoner.max_features, "classes": None},
        recipe=hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest(),
        metrics={f"kl_{row['rows']}": row["kl"] for row in metrics.get("bayes", [])},
        licence=spdx_licence(metrics),
    )


def complete_folders(root: str | Path) -> list[Path]:
    """Return `root` if it is a checkpoint folder, or those below it, sorted.

    Raises
    ------
    CheckpointError
        If there is none.
    """
    root = Path(root)
    folders = sorted(path.parent for path in root.rglob(WEIGHTS))
    if not folders:
        raise CheckpointError(f"no checkpoint folder at {root} or below it; one holds {', '.join(PARTS)}")
    return folders


def write_rows(registry: str | Path, rows: Iterable[CheckpointInfo]) -> None:
    """Put rows into a registry file, each in the place of the row of its name; a new name comes last.

    What only the registry knows, the place inside the package, is kept.
    """
    registry = Path(registry)
    known = {row["name"]: row for row in json.loads(registry.read_text(encoding="utf-8"))}
    for row in rows:
        embedded = row.embedded or known.get(row.name, {}).get("embedded")
        known[row.name] = row.to_dict() | {"embedded": embedded}
    write_atomically(registry, (json.dumps(list(known.values()), indent=1) + "\n").encode())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path.parent} is no complete checkpoint: {path.name} missing") from error
