"""Encoder from a transformers model that puts texts and images, or texts and sound, into one space."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from sktart._runtime import resolve_device
from sktart.encoders._base import Encodings, ModelEncoder, Reads, Rows, as_encodings, encode_distinct
from sktart.encoders._options import ModelOptions, refuse_options
from sktart.encoders.cache._hashing import digest
from sktart.encoders.models._batches import Batch, encode_batches
from sktart.encoders.models._clips import clip_batches
from sktart.encoders.models._cuts import warn_of_cuts
from sktart.encoders.models._images import image_batches
from sktart.encoders.models._loading import check_weights, find_folder, hash_weights, last_written
from sktart.encoders.models._pretrained import (
    Modality,
    Pretrained,
    identify_pretrained,
    load_model,
    load_processor,
    loading,
    own_tokenizer,
    with_max_length,
)
from sktart.encoders.models._progress import progress_bar
from sktart.exceptions import EncoderError


@dataclass(frozen=True)
class _Pair:
    """Both sides of one model."""

    texts: Pretrained
    others: Pretrained


class PairedEncoder(ModelEncoder):
    """A model of the kind of CLIP, SigLIP or CLAP; what it returns are unit vectors, so that inner products compare."""

    @property
    def reads(self) -> Reads:  # type: ignore[override]
        """What the model reads; known once it is loaded, so this loads it."""
        return "text or image" if self._load().others.modality == "image" else "text or audio"

    def fit(self, rows: Rows, y: Any = None) -> None:
        """Remember with which weights rows are encoded."""
        others = self._load().others
        useless = (
            "pooling",
            "layer",
            *(("sampling_rate", "max_length") if others.modality == "image" else ()),
        )
        refuse_options(self.options, useless, f"encoder {self.name} has its own way to make one vector")
        with_max_length(others, self.options.max_length)
        self._sha256 = others.sha256

    def encode(self, rows: Rows) -> Encodings:
        """Encode rows, each on its own: texts where they are a list of str, else images or clips."""
        pair = self._load()
        check_weights(self.name, pair.others.sha256, self._sha256)
        if isinstance(rows, list) and isinstance(rows[0], str):
            return encode_distinct(
                rows, lambda texts: self._encode(texts, pair.texts, _text_batches), self.name
            )
        batches = image_batches if pair.others.modality == "image" else clip_batches
        return as_encodings(self._encode(rows, pair.others, batches), len(rows), self.name)

    def warn_of_cuts(self, rows: Rows) -> None:
        """Warn of texts beyond the model's limit."""
        if isinstance(rows, list):
            texts = self._load().texts
            warn_of_cuts(rows, texts.processor, texts.max_length, self.name, self.options.text_prefix)

    def _encode(self, rows: Any, side: Pretrained, batches: Callable[..., Iterator[Batch]]) -> NDArray[Any]:
        from torch.nn.functional import normalize

        features = getattr(side.model, f"get_{side.modality}_features")
        return encode_batches(
            batches(rows, side, self.options),
            lambda batch: normalize(features(**batch.inputs).pooler_output.float()),
            progress_bar(self.options, self.name, len(rows)),
        )

    def _load(self) -> _Pair:
        folder = find_folder(self.source, self.options)
        device = str(resolve_device(self.options.device))
        options = self.options
        return _load(folder.resolve(), last_written(folder), device, options.dtype, options.trust_remote_code)

    def identity(self) -> str:
        """Return a hash of the model and of the options that matter."""
        return digest("paired", identify_pretrained(self.source, self.options, self.name, self._sha256))


@lru_cache(maxsize=2)
def _load(folder: Path, written: int, device: str, dtype: str, trust_remote_code: bool) -> _Pair:
    with loading(folder):
        model = load_model(folder, dtype, trust_remote_code).eval().requires_grad_(False).to(device)
        if getattr(getattr(model.config, "audio_config", None), "enable_fusion", False):
            raise EncoderError(
                "a model of the kind of CLAP must read each clip by itself, and those that fuse mark one of a call at "
                "random; choose another, such as 'clap-htsat-unfused'"
            )
        modality: Modality = "image" if hasattr(model, "get_image_features") else "audio"
        other = load_processor(folder, modality, trust_remote_code)
        tokenizer = own_tokenizer(load_processor(folder, "text", trust_remote_code), model.config.text_config)
    # The window of CLAP; what is longer it would cut at a place that it draws at random.
    samples = getattr(other, "nb_max_samples", None)
    seconds = None if samples is None else samples // other.sampling_rate
    sha256 = hash_weights(folder)
    limit = min(model.config.text_config.max_position_embeddings, tokenizer.model_max_length)
    return _Pair(
        texts=Pretrained(model, tokenizer, "text", sha256, limit),
        others=Pretrained(model, other, modality, sha256, seconds),
    )


def _text_batches(rows: Sequence[str], pretrained: Pretrained, options: ModelOptions) -> Iterator[Batch]:
    model, tokenizer = pretrained.model, pretrained.processor
    # SigLIP learned from lower-case texts that are padded to its limit, and sees the padding.
    siglip = model.config.model_type == "siglip"
    for start in range(0, len(rows), options.batch_size):
        texts = [(options.text_prefix or "") + text for text in rows[start : start + options.batch_size]]
        tokens = tokenizer(
            [text.lower() for text in texts] if siglip else texts,
            padding="max_length" if siglip else True,
            truncation=True,
            max_length=pretrained.max_length,
            return_tensors="pt",
        )
        keys = ("input_ids",) if siglip else ("input_ids", "attention_mask")
        yield Batch(
            list(range(start, start + len(texts))), {key: tokens[key].to(model.device) for key in keys}, None
        )
