"""PackagedEncoder: a model from an installed package, loaded when first used."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from sktart._runtime import resolve_device
from sktart.encoders._base import Encodings, ModelEncoder, Reads, Rows, as_encodings, encode_distinct
from sktart.encoders._options import ModelOptions, refuse_options
from sktart.encoders.cache._hashing import digest, installed_version
from sktart.encoders.models._progress import progress_bar
from sktart.encoders.packaged._packages import PACKAGED, Encode

if TYPE_CHECKING:
    import torch

# Of the vectors, for those that `memory` keeps: raise it where code here makes others of the same weights.
_FORMAT = 1
_FIXED = ("text_prefix", "pooling", "layer", "max_length", "dtype", "revision", "trust_remote_code")


class PackagedEncoder(ModelEncoder):
    """One of ``PACKAGED``, by its short name."""

    def __init__(self, name: str, options: ModelOptions):
        super().__init__(name, name, options)
        model = PACKAGED[name]
        self.reads: Reads = model.modality
        instead = f" (encoder={model.hub!r} of the Hub takes options)" if model.hub else ""
        refuse_options(options, _FIXED, f"{name} is used as its package made it{instead}")
        if model.modality != "audio":
            refuse_options(options, ("sampling_rate",), f"{name} reads {model.modality}")
        if not model.runs_on_torch and options.device not in ("auto", "cpu"):
            raise ValueError(
                f"device must be 'auto' or 'cpu', as {name} has no code for others; got {options.device!r}"
            )

    def fit(self, rows: Rows, y: Any = None) -> None:
        """Check that the package is there, with the pinned weights."""
        PACKAGED[self.name].paths()

    def encode(self, rows: Rows) -> Encodings:
        """Encode rows, each on its own; of texts, the distinct ones."""
        if self.reads == "text":
            return encode_distinct(rows, self._encode, self.name)
        return as_encodings(self._encode(rows), len(rows), self.name)

    def _encode(self, rows: Any) -> Any:
        encode_batch = _load(self.name, _device(self.name, self.options.device))
        size, vectors = self.options.batch_size, []
        with progress_bar(self.options, self.name, len(rows)) as bar:
            for start in range(0, len(rows), size):
                vectors.append(encode_batch(rows[start : start + size]))
                bar.update(len(vectors[-1]))
        return np.concatenate(vectors)

    def identity(self) -> str:
        """Return a hash of the weights and of what prepares rows for them."""
        model = PACKAGED[self.name]
        model.paths()
        libraries = [f"{name} {installed_version(name)}" for name in (model.distribution, "transformers")]
        return digest("packaged", str(_FORMAT), self.name, *libraries, *model.files.values())


def _device(name: str, device: str) -> torch.device | None:
    return resolve_device(device) if PACKAGED[name].runs_on_torch else None


@lru_cache(maxsize=4)
def _load(name: str, device: torch.device | None) -> Encode:
    model = PACKAGED[name]
    return model.load(*model.paths(), device=device)
