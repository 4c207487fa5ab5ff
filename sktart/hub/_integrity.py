"""Objects in JSON files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sktart.exceptions import CheckpointError


def json_object(path: Path, content: bytes) -> dict[str, Any]:
    """Return what the JSON file at `path` with this content holds.

    Raises
    ------
    CheckpointError
        If it is no JSON, or no object.
    """
    try:
        values = json.loads(content)
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged ({error}); copy or fetch the folder again") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} must hold a JSON object; it holds a {type(values).__name__}")
    return values
