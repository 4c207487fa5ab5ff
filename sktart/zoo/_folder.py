"""The one reader of checkpoint folders: config.json, recipe.json, metrics.json, model.safetensors."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError

from sktart import __version__
from sktart._files import is_folder
from sktart.exceptions import CheckpointError
from sktart.reasoners._base import Reasoner
from sktart.reasoners._config import config_from_dict
from sktart.reasoners._families import assemble_reasoner
from sktart.zoo._info import PARTS, WEIGHTS

# Of `format` in config.json, which is left out for 1. A folder of a later format also says which version of sktart
# reads it, as `needs_sktart`.
FORMAT = 1


@dataclass(frozen=True)
class CheckpointFolder:
    """A checkpoint folder whose files were read once, so that what is checked is what is used.

    Parameters
    ----------
    folder : Path
    contents : mapping of str to bytes
        Of each file that was asked for.
    """

    folder: Path
    contents: Mapping[str, bytes]

    @classmethod
    def read(
        cls,
        folder: str | Path,
        parts: Sequence[str] = PARTS,
        read: Callable[[str], bytes] | None = None,
    ) -> CheckpointFolder:
        """Read files of a folder; nothing is decoded yet.

        `read` returns the content of a file by its name, or raises if it is not the one that was meant.
        """
        folder = Path(folder)
        if read is not None:
            return cls(folder, {part: read(part) for part in parts})
        if not is_folder(folder):
            raise CheckpointError(
                f"no checkpoint folder at {str(folder)!r}; it must hold {WEIGHTS} and config.json"
            )
        missing = [part for part in parts if not (folder / part).is_file()]
        if missing:
            raise CheckpointError(
                f"{folder} is no complete checkpoint: {', '.join(missing)} missing; fetch it again"
            )
        try:
            return cls(folder, {part: (folder / part).read_bytes() for part in parts})
        except OSError as error:
            raise CheckpointError(
                f"{error.filename} cannot be read ({error.strerror}); make it readable, or copy the folder again"
            ) from error

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """What ``recipe.json`` holds."""
        return self._object("recipe.json")

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """What ``metrics.json`` holds."""
        return self._object("metrics.json")

    @cached_property
    def reasoner(self) -> Reasoner:
        """The network, on the CPU in float32, in evaluation mode and without gradients."""
        config = config_from_dict(self._config())
        try:
            return assemble_reasoner(config, safetensors.torch.load(self.contents[WEIGHTS])).float()
        except SafetensorError as error:
            raise self._damaged(WEIGHTS, error) from error
        except RuntimeError as error:
            raise CheckpointError(
                f"the weights in {self.folder} do not fit its config.json: {error}"
            ) from error

    def _config(self) -> dict[str, Any]:
        values = self._object("config.json")
        written, needed = values.pop("format", 1), values.pop("needs_sktart", "of a later version")
        if written != FORMAT:
            raise CheckpointError(
                f"{self.folder} is a checkpoint of format {written!r}, which needs sktart {needed}; this is sktart "
                f"{__version__}, which reads format {FORMAT}: run pip install --upgrade sktart"
            )
        return values

    def _object(self, part: str) -> dict[str, Any]:
        try:
            values = json.loads(self.contents[part])
        except ValueError as error:
            raise self._damaged(part, error) from error
        if not isinstance(values, dict):
            raise CheckpointError(
                f"{self.folder / part} must hold a JSON object; it holds a {type(values).__name__}"
            )
        return values

    def _damaged(self, part: str, error: Exception) -> CheckpointError:
        return CheckpointError(
            f"{self.folder / part} is damaged ({error}); remove the folder and fetch it again"
        )
