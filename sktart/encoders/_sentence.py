"""Encoder from a sentence-transformers model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sktart._runtime import resolve_device
from sktart.encoders._base import Encodings, FrozenEncoder, Reads, Rows, encode_distinct
from sktart.encoders._locate import HubModel, check_folder, locate, weight_files
from sktart.exceptions import EncoderError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class SentenceEncoder(FrozenEncoder):
    """A sentence-transformers model, loaded when first used.

    Of a named model only the name is held, so that pickles stay small; the weights come from a cache of the
    process, so that the clones of a grid search share them.

    Parameters
    ----------
    source : HubModel, Path or SentenceTransformer
        Where the model is.
    name : str
        For messages.
    batch_size : int
        Texts per forward pass.
    device : str
        ``"auto"`` or a device of torch. With ``"auto"``, an instance stays on the device it is on.
    """

    reads: Reads = "text"

    def __init__(
        self, source: HubModel | Path | SentenceTransformer, name: str, batch_size: int, device: str
    ):
        self.source = source
        self.name = name
        self.batch_size = batch_size
        self.device = device

    def fit_encode(self, rows: Rows, y: Any = None) -> Encodings:
        """Encode the distinct texts, and remember with which weights."""
        self._sha256 = self._load()[1]
        return self.encode(rows)

    def encode(self, rows: Rows) -> Encodings:
        """Encode the distinct texts."""
        model, sha256 = self._load()
        if sha256 != self._sha256:
            raise EncoderError(
                f"encoder {self.name} must have the weights it had in fit, sha256 {self._sha256}; "
                f"got {sha256}, so restore them or fit again"
            )
        # A model that also reads images takes a text that looks like a path or an address for one.
        only_text = list(getattr(model, "modalities", ["text"])) == ["text"]

        def encode(texts: list[str]) -> Any:
            return model.encode(
                texts if only_text else [{"text": text} for text in texts],
                batch_size=self.batch_size,
                convert_to_numpy=True,
                show_progress_bar=False,
                device=None if self.device == "auto" else str(resolve_device(self.device)),
            )

        return encode_distinct(rows, encode, self.name)

    def _load(self) -> tuple[SentenceTransformer, str]:
        """Return model and hash of its weights: a method, as tab completion would run a property."""
        if isinstance(self.source, HubModel):
            folder = locate(self.source)
        elif isinstance(self.source, Path):
            folder = check_folder(self.source)
        else:
            return self.source, ""
        # The time stamp makes a folder that was written anew a different model.
        written = max(file.stat().st_mtime_ns for file in folder.rglob("*"))
        return _load(folder.resolve(), written, str(resolve_device(self.device)))

    def __repr__(self) -> str:
        return f"SentenceEncoder({self.name})"


@lru_cache(maxsize=2)
def _load(folder: Path, written: int, device: str) -> tuple[SentenceTransformer, str]:
    from sentence_transformers import SentenceTransformer

    sha256 = hashlib.sha256()
    for file in weight_files(folder):
        with file.open("rb") as weights:
            sha256.update(hashlib.file_digest(weights, "sha256").digest())
    try:
        with _no_progress_bar():
            # Half-precision weights are slow on a CPU, and their sums depend on the batch.
            model = SentenceTransformer(str(folder), device=device, local_files_only=True).float().eval()
    except Exception as error:  # each of the libraries below has its own way to fail on a broken file
        raise EncoderError(
            f"an encoder's folder must be one that sentence-transformers can load; {str(folder)!r} "
            f"failed with {type(error).__name__}: {error}. Delete it and download it again"
        ) from error
    return model, sha256.hexdigest()


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
