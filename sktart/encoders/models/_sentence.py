"""Encoder from a sentence-transformers model."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sktart._runtime import resolve_device
from sktart.encoders._base import Encodings, ModelEncoder, Reads, Rows, encode_distinct
from sktart.encoders._locate import HubModel
from sktart.encoders.cache._hashing import digest, identify_folder
from sktart.encoders.cache._identity import identify
from sktart.encoders.models._cuts import warn_of_cuts
from sktart.encoders.models._loading import (
    check_weights,
    failures_named,
    find_folder,
    hash_weights,
    last_written,
    silent_transformers,
)
from sktart.encoders.models._progress import progress_bar

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


# A call sorts its texts by length, so that little is padding; the bar moves between calls.
_BATCHES_A_CALL = 16


class SentenceEncoder(ModelEncoder):
    """A sentence-transformers model, loaded when first used."""

    reads: Reads = "text"

    def fit(self, rows: Rows, y: Any = None) -> None:
        """Remember with which weights texts are encoded, without loading them."""
        self._sha256 = ""
        if isinstance(self.source, HubModel | Path):
            self._sha256 = hash_weights(find_folder(self.source, self.options))

    def encode(self, rows: Rows) -> Encodings:
        """Encode the distinct texts."""
        return self._encode_by(self._checked(), rows)

    def _checked(self) -> SentenceTransformer:
        """Return the model, if it has the weights that it had in `fit`."""
        model, sha256 = self._load()
        check_weights(self.name, sha256, self._sha256)
        return model

    def _encode_by(self, model: SentenceTransformer, rows: Rows) -> Encodings:
        # A model that also reads images takes a text that looks like a path or an address for one.
        only_text = list(getattr(model, "modalities", ["text"])) == ["text"]

        settings: dict[str, Any] = {
            "prompt": self.options.text_prefix,
            "batch_size": self.options.batch_size,
            "device": None if self.options.device == "auto" else str(resolve_device(self.options.device)),
            "show_progress_bar": False,
        }
        chunk = _BATCHES_A_CALL * self.options.batch_size

        def encode(texts: list[str]) -> Any:
            vectors = []
            with progress_bar(self.options, self.name, len(texts)) as bar:
                for start in range(0, len(texts), chunk):
                    part = texts[start : start + chunk]
                    vectors.append(
                        model.encode(part if only_text else [{"text": text} for text in part], **settings)
                    )
                    bar.update(len(part))
            return np.concatenate(vectors)

        return encode_distinct(rows, encode, self.name)

    def warn_of_cuts(self, rows: Rows) -> None:
        """Warn of texts beyond the model's limit."""
        model = self._load()[0]
        # A model made of modules of one's own may have neither.
        tokenizer, limit = (getattr(model, part, None) for part in ("tokenizer", "max_seq_length"))
        warn_of_cuts(rows, tokenizer, limit, self.name, self._prefix(model))

    def _prefix(self, model: SentenceTransformer) -> str | None:
        """Return what comes before each text."""
        prefix = self.options.text_prefix
        return model.prompts.get(str(model.default_prompt_name)) if prefix is None else prefix

    def _load(self) -> tuple[SentenceTransformer, str]:
        """Return model and hash of its weights: a method, as tab completion would run a property."""
        if not isinstance(self.source, HubModel | Path):
            return self.source, ""
        folder = find_folder(self.source, self.options)
        device, options = str(resolve_device(self.options.device)), self.options
        return _load(folder.resolve(), last_written(folder), device, options.dtype, options.trust_remote_code)

    def identity(self) -> str:
        """Return a hash of the model's files, or of the instance as it is now."""
        if not isinstance(self.source, HubModel | Path):
            # Encoding calls eval() as well, so it must not make a difference.
            model = identify(self.source.eval(), self.name)
            return digest("SentenceTransformer", model, repr(self.options.text_prefix))
        folder = find_folder(self.source, self.options)
        check_weights(self.name, hash_weights(folder), self._sha256)
        settings = repr((self.options.text_prefix, self.options.dtype))
        return digest("sentence-transformers", identify_folder(folder), settings)


@lru_cache(maxsize=2)
def _load(
    folder: Path, written: int, device: str, dtype: str, trust: bool
) -> tuple[SentenceTransformer, str]:
    import torch
    from sentence_transformers import SentenceTransformer

    with silent_transformers(), failures_named(folder, "sentence-transformers"):
        model = SentenceTransformer(
            str(folder), device=device, local_files_only=True, trust_remote_code=trust
        )
    # Not that of the file: half precision is slow on many CPUs, and its sums depend on the batch.
    return model.to(dtype=getattr(torch, dtype)).eval(), hash_weights(folder)
