"""Batches of texts for a transformers model."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sktart.encoders._options import ModelOptions
from sktart.encoders.models._batches import Batch, group_by_size
from sktart.encoders.models._pretrained import Pretrained
from sktart.exceptions import EncoderError

# Padded tokens at once. Caches of a CPU prefer little; elsewhere, the memory of attention sets the bound: 4 texts of
# 2048 tokens, or 32 of 256.
_MAX_TOKENS = {"cpu": 1024}
_MAX_TOKENS_ELSEWHERE = 8192
_TEXTS_A_CALL = 1024

Tokens = dict[str, list[int]]


def text_batches(rows: Sequence[str], pretrained: Pretrained, options: ModelOptions) -> Iterator[Batch]:
    """Tokenise texts, each cut at ``pretrained.max_length``, and put texts of about equal length together."""
    import torch

    prefix = options.text_prefix or ""
    tokens = _tokenise([prefix + text for text in rows], pretrained)
    sizes = [len(row["input_ids"]) for row in tokens]
    max_tokens = _MAX_TOKENS.get(pretrained.model.device.type, _MAX_TOKENS_ELSEWHERE)
    for group in group_by_size(sizes, options.batch_size, max_tokens):
        inputs = _pad([tokens[row] for row in group], pretrained.processor)
        tensors = {key: torch.from_numpy(array).to(pretrained.model.device) for key, array in inputs.items()}
        yield Batch(group, tensors, tensors["attention_mask"].sum(1))


def _tokenise(texts: list[str], pretrained: Pretrained) -> list[Tokens]:
    """Return the tokens of each text, and what else the model takes per token."""
    tokenizer, limit = pretrained.processor, pretrained.max_length
    special = tokenizer.num_special_tokens_to_add()
    if limit is not None and limit <= special:
        raise ValueError(
            f"max_length must be at least {special + 1} tokens, as each text gets {special} special ones "
            f"from this tokenizer; got {limit}"
        )
    taken = inspect.signature(pretrained.model.forward).parameters
    tokens: list[Tokens] = []
    for start in range(0, len(texts), _TEXTS_A_CALL):
        encoded = tokenizer(
            texts[start : start + _TEXTS_A_CALL],
            truncation=limit is not None,
            max_length=limit,
            padding=False,
            return_attention_mask=False,
        )
        keys = [key for key in encoded if key in taken]
        tokens += [
            dict(zip(keys, row, strict=True)) for row in zip(*(encoded[key] for key in keys), strict=True)
        ]
    return [row if row["input_ids"] else _empty(row, tokenizer) for row in tokens]


def _empty(row: Tokens, tokenizer: Any) -> Tokens:
    """Return a single token that stands for a text without tokens."""
    for token in (tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.pad_token_id):
        if token is not None:
            return {key: [token] if key == "input_ids" else [0] for key in row}
    raise EncoderError(
        "an encoder needs at least one token of each text; this tokenizer makes none of an empty text and has "
        "no eos, bos or pad token, so drop or fill empty texts"
    )


def _pad(tokens: list[Tokens], tokenizer: Any) -> dict[str, np.ndarray]:
    """Return arrays of shape (B, L), padded on the right, with the attention mask."""
    sizes = np.array([len(row["input_ids"]) for row in tokens])
    mask = np.arange(sizes.max()) < sizes[:, None]
    padding = {"input_ids": tokenizer.pad_token_id or 0, "token_type_ids": tokenizer.pad_token_type_id}
    arrays = {"attention_mask": mask.astype(np.int64)}
    for key in tokens[0]:
        arrays[key] = np.full(mask.shape, padding.get(key, 0), dtype=np.int64)
        arrays[key][mask] = np.concatenate([row[key] for row in tokens])
    return arrays
