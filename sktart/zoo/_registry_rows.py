"""Make the row of the registry that describes a checkpoint folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sktart._files import write_atomically
from sktart.exceptions import CheckpointError
from sktart.zoo._card import spdx_licence
from sktart.zoo._folder import CheckpointFolder
from sktart.zoo._info import PARTS, WEIGHTS, CheckpointInfo


def describe_folder(
    folder: str | Path | CheckpointFolder,
    *,
    modality: str | None = None,
    embedded: str | None = None,
    commit: str | None = None,
) -> CheckpointInfo:
    """Describe a checkpoint folder; it is loaded strictly, so that only what works gets a row.

    `modality` None takes it from a folder ``<dimension>/<modality>/<name>``, else ``"any"``. `embedded` is its place
    inside the package, `commit` that of the Hub repository.
    """
    opened = folder if isinstance(folder, CheckpointFolder) else CheckpointFolder.read(folder)
    reasoner, name = opened.reasoner, opened.recipe.get("name")
    if not isinstance(name, str):
        raise CheckpointError(
            f"{opened.folder / 'recipe.json'} must hold a name; it holds {', '.join(opened.recipe) or 'nothing'}"
        )
    dimension = str(reasoner.max_features or "any")
    parents = opened.folder.absolute().parts[-3:-1]
    if modality is None:
        modality = parents[1] if parents and parents[0] == dimension else "any"
    return CheckpointInfo(
        name=name,
        family=reasoner.config.family,
        dimension=dimension,
        modality=modality,
        path=f"{dimension}/{modality}/{name}",
        embedded=embedded,
        commit=commit,
        files={
            part: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            for part, content in opened.contents.items()
        },
        limits={"rows": reasoner.max_context, "features": reasoner.max_features, "classes": None},
        recipe=hashlib.sha256(json.dumps(opened.recipe, sort_keys=True).encode()).hexdigest(),
        metrics={f"kl_{row['rows']}": row["kl"] for row in opened.metrics.get("bayes", [])},
        licence=spdx_licence(opened.metrics),
    )


def complete_folders(root: str | Path) -> list[Path]:
    """Return `root` if it is a checkpoint folder, or those below it, sorted."""
    root = Path(root)
    folders = sorted(path.parent for path in root.rglob(WEIGHTS))
    if not folders:
        raise CheckpointError(f"no checkpoint folder at {root} or below it; one holds {', '.join(PARTS)}")
    return folders


def read_registry_file(registry: str | Path) -> dict[str, dict[str, Any]]:
    """Return the rows of a registry file that shall be written to, by name."""
    registry = Path(registry)
    try:
        rows = json.loads(registry.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(
            f"the registry file {registry} cannot be read ({error.strerror}); a new one holds []"
        ) from error
    except ValueError as error:
        raise CheckpointError(
            f"the registry file {registry} is damaged ({error}); a new one holds []"
        ) from error
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and isinstance(row.get("name"), str) for row in rows
    ):
        raise CheckpointError(f"the registry file {registry} must hold a list of rows with names")
    return {row["name"]: row for row in rows}


def write_registry_file(registry: str | Path, rows: Iterable[CheckpointInfo]) -> None:
    """Put rows into a registry file, each in the place of the row of its name; a new name comes last.

    What only the registry knows, the place inside the package, is kept.
    """
    known = read_registry_file(registry)
    for row in rows:
        embedded = row.embedded or known.get(row.name, {}).get("embedded")
        known[row.name] = row.to_dict() | {"embedded": embedded}
    write_atomically(Path(registry), (json.dumps(list(known.values()), indent=1) + "\n").encode())
