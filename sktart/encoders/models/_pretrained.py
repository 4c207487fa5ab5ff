"""Load a transformers model without its head, once per process."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sktart._runtime import import_optional, resolve_device
from sktart.encoders._locate import HubModel
from sktart.encoders._options import ModelOptions
from sktart.encoders.cache._hashing import digest, identify_folder
from sktart.encoders.cache._identity import identify
from sktart.encoders.models._loading import (
    check_weights,
    failures_named,
    find_folder,
    hash_weights,
    last_written,
    silent_transformers,
)
from sktart.exceptions import EncoderError

if TYPE_CHECKING:
    import torch

Modality = Literal["text", "image", "audio"]
_MODALITIES: dict[str, Modality] = {
    "input_ids": "text",
    "pixel_values": "image",
    "input_features": "audio",
    "input_values": "audio",
}
# Parts that a checkpoint may lack, as no hidden state depends on them.
_DISPENSABLE = ("pooler", "masked_spec_embed", "mask_token")
# Tokenizers say "no limit" with a number of this size.
_UNLIMITED = 10**9


@dataclass(frozen=True)
class Pretrained:
    """A model ready for use, without language-model head; of an encoder-decoder, the encoder.

    Parameters
    ----------
    model : PreTrainedModel
        In eval mode, without gradients, on its device and in its precision.
    processor : tokenizer, image processor or feature extractor
        A tokenizer is a copy of our own that pads and cuts on the right.
    modality : {"text", "image", "audio"}
        What it reads.
    sha256 : str
        Of the files of weights; empty for a model given as an instance.
    max_length : int or None
        Most tokens of a text, or seconds of a clip, as the model and the user allow; None if unlimited.
    """

    model: Any
    processor: Any
    modality: Modality
    sha256: str
    max_length: int | None

    @cached_property
    def is_causal(self) -> bool:
        """Whether no token of a text sees a later one, which is found out by trying."""
        import torch

        def states(*ids: int) -> torch.Tensor:
            row = torch.tensor([ids], device=self.model.device)
            return self.model(input_ids=row, attention_mask=torch.ones_like(row)).last_hidden_state

        if self.modality != "text":
            return False
        with torch.inference_mode():
            # Equal shapes run through equal arithmetic, so not a bit may differ.
            return torch.equal(states(1, 2, 3)[:, :2], states(1, 2, 4)[:, :2])


def load_pretrained(source: HubModel | Path | tuple[Any, Any], options: ModelOptions) -> Pretrained:
    """Return the model of `source`; folders from a cache of the process.

    Parameters
    ----------
    source : HubModel, Path or tuple of model and processor
        With ``device="auto"``, a model given as an instance stays on its device; otherwise it is moved.
    options : ModelOptions
    """
    if isinstance(source, tuple):
        pretrained = _from_instances(*source, options.device)
    else:
        folder = find_folder(source, options)
        pretrained = _load(
            folder.resolve(),
            last_written(folder),
            str(resolve_device(options.device)),
            options.dtype,
            options.trust_remote_code,
        )
    return with_max_length(pretrained, options.max_length)


def with_max_length(pretrained: Pretrained, wanted: int | None) -> Pretrained:
    """Return the model with the limit that the user wants, which must be within its own."""
    limit = pretrained.max_length
    if wanted is None:
        return pretrained
    if limit is not None and wanted > limit:
        unit = "seconds" if pretrained.modality == "audio" else "tokens"
        raise ValueError(f"max_length must be at most {limit} {unit}, the limit of this model; got {wanted}")
    return replace(pretrained, max_length=wanted)


def identify_pretrained(
    source: HubModel | Path | tuple[Any, Any], options: ModelOptions, name: str, sha256: str
) -> str:
    """Return a hash of the model and of the options that decide its vectors; files are not loaded for it."""
    if isinstance(source, tuple):
        pretrained = load_pretrained(source, options)
        model = digest(*(identify(part, name) for part in (pretrained.model, pretrained.processor)))
    else:
        folder = find_folder(source, options)
        check_weights(name, hash_weights(folder), sha256)
        model = identify_folder(folder)
    # Rows say their sampling rate themselves.
    layer = -1 if options.layer is None else options.layer
    settings = (options.text_prefix, options.pooling or "mean", layer, options.max_length, options.dtype)
    return digest(model, repr(settings))


def load_model(folder: Path, dtype: str, trust_remote_code: bool) -> Any:
    """Return the model of transformers in a folder, with all its parts; call it under `loading`."""
    import torch
    from transformers import AutoModel

    model, info = AutoModel.from_pretrained(
        folder,
        dtype=getattr(torch, dtype),
        local_files_only=True,
        trust_remote_code=trust_remote_code,
        output_loading_info=True,
    )
    _check_complete(info, folder)
    return model


def load_processor(folder: Path, modality: Modality, trust_remote_code: bool) -> Any:
    """Return the tokenizer, image processor or feature extractor in a folder."""
    import transformers

    name = {"text": "AutoTokenizer", "image": "AutoImageProcessor", "audio": "AutoFeatureExtractor"}[modality]
    if modality == "image":
        import_optional("PIL", "images")
    loader = getattr(transformers, name)
    return loader.from_pretrained(folder, local_files_only=True, trust_remote_code=trust_remote_code)


@contextmanager
def loading(folder: Path) -> Iterator[None]:
    """Silence what the body loads from a folder, name the folder where that fails, and keep the random state."""
    import torch

    # Weights that a checkpoint lacks are drawn at random, from the global generator.
    with silent_transformers(), torch.random.fork_rng(devices=[]), failures_named(folder, "transformers"):
        yield


@lru_cache(maxsize=2)
def _load(folder: Path, written: int, device: str, dtype: str, trust_remote_code: bool) -> Pretrained:
    with loading(folder):
        encoder = _encoder_part(load_model(folder, dtype, trust_remote_code))
        modality = _modality(encoder)
        processor = load_processor(folder, modality, trust_remote_code)
    return _ready(encoder.to(device), processor, modality, hash_weights(folder))


def _from_instances(model: Any, processor: Any, device: str) -> Pretrained:
    encoder = _encoder_part(model)
    if device != "auto":
        encoder = encoder.to(resolve_device(device))
    modality = _modality(encoder)
    # A processor of several modalities holds those of the single ones.
    part = {"text": "tokenizer", "image": "image_processor", "audio": "feature_extractor"}[modality]
    return _ready(encoder, getattr(processor, part, processor), modality, "")


def _ready(model: Any, processor: Any, modality: Modality, sha256: str) -> Pretrained:
    model = model.eval().requires_grad_(False) if sha256 else model.eval()
    if modality == "text":
        tokenizer = own_tokenizer(processor, model.config)
        limit = _token_limit(model, tokenizer)
        return Pretrained(model, tokenizer, modality, sha256, limit)
    seconds = None
    if modality == "audio" and hasattr(processor, "n_samples"):
        seconds = processor.n_samples // processor.sampling_rate
    return Pretrained(model, processor, modality, sha256, seconds)


def _encoder_part(model: Any) -> Any:
    """Return the part of a model that turns its input into hidden states."""
    if not hasattr(model, "base_model") or not hasattr(model, "config"):
        raise EncoderError(
            "an encoder given as a tuple must be (model, processor) of transformers; "
            f"got a {type(model).__name__} in the place of the model"
        )
    base = model.base_model
    return base.get_encoder() if base.config.is_encoder_decoder else base


def _modality(model: Any) -> Modality:
    if model.main_input_name not in _MODALITIES:
        raise EncoderError(
            f"a transformers encoder must read one of {', '.join(_MODALITIES)}; {type(model).__name__} "
            f"reads {model.main_input_name}, so choose another model"
        )
    if hasattr(model, "get_text_features"):
        raise EncoderError(
            f"a transformers encoder must read one kind of row; {type(model).__name__} pairs texts with another: "
            "pass its folder or name instead, or the tuple (part, processor) of a part, such as its vision_model"
        )
    return _MODALITIES[model.main_input_name]


def _check_complete(info: dict[str, Any], folder: Path) -> None:
    """Refuse a model of which a part would be random."""
    missing = sorted(key for key in info["missing_keys"] if not any(part in key for part in _DISPENSABLE))
    missing += sorted(key for key, *_ in info["mismatched_keys"])
    if missing:
        raise EncoderError(
            f"an encoder's folder must hold all weights; {str(folder)!r} lacks {len(missing)}, "
            f"such as {missing[0]!r}: download it again"
        )


def own_tokenizer(tokenizer: Any, config: Any) -> Any:
    """Return a copy that pads and cuts on the right, with a token to pad with if there is a special one."""
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.padding_side = tokenizer.truncation_side = "right"
    if tokenizer.pad_token_id is None:
        # Any token does, as padding is masked; new ones would need rows in the embedding table.
        ids = (config.pad_token_id, tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.unk_token_id)
        known = [number for number in ids if isinstance(number, int) and 0 <= number < len(tokenizer)]
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(known[0]) if known else None
    return tokenizer


def _token_limit(model: Any, tokenizer: Any) -> int | None:
    """Return the most tokens that the positions of the model and the tokenizer allow."""
    from torch.nn import Embedding

    limits = [tokenizer.model_max_length]
    config = model.config.get_text_config()
    # BLOOM has no table of positions, and says how long the texts of its training were.
    limits.append(getattr(config, "seq_length", None) or _UNLIMITED)
    positions = getattr(config, "max_position_embeddings", None)
    if positions is not None:
        # RoBERTa and its kin number positions from behind the padding index, so lose as many.
        lost = [
            module.padding_idx + 1
            for name, module in model.named_modules()
            if name.endswith("position_embeddings")
            and isinstance(module, Embedding)
            and module.padding_idx is not None
        ]
        limits.append(positions - max(lost, default=0))
    limit = min(limits)
    return int(limit) if 0 < limit < _UNLIMITED else None
