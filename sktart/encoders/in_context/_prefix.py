"""Run a beginning once, and continue it many times from its keys and values."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from sktart.exceptions import EncoderError

_REFUSAL = (
    "the protocols 'vanilla' and 'loo' need a model whose layers keep keys and values of each token, and "
    "nothing else; {} is of another kind, so pass protocol='stream'"
)
# States of convolutional, recurrent and indexed layers: they cannot be cut at a token.
_OTHER_STATES = ("update_conv_state", "update_recurrent_state", "update_indexer")


class Prefix:
    """Keys and values that a causal model made of a sequence of tokens.

    Nothing ever changes them: a forward pass reads its own keys and values behind them and forgets these, so
    that one prefix serves any number of passes, and its beginnings are views of it.

    Parameters
    ----------
    layers : list of (keys, values)
        Of each layer, both of shape (1, heads, length, width of a head).
    """

    def __init__(self, layers: list[tuple[Tensor, Tensor]]):
        self.layers = layers
        self.length = layers[0][0].shape[-2]

    @classmethod
    def read(cls, model: Any, ids: list[int], **options: Any) -> tuple[Self, Any]:
        """Run a sequence of tokens.

        Parameters
        ----------
        model : PreTrainedModel
            Causal, without a head, in evaluation mode.
        ids : list of int
            At least one token.
        **options
            Passed on to the model.

        Returns
        -------
        prefix : Prefix
        output : ModelOutput
            With states of shape (1, len(ids), width).
        """
        kept = DynamicCache(config=model.config).layers
        if any(hasattr(part, state) for part in kept for state in _OTHER_STATES):
            raise EncoderError(_REFUSAL.format(type(model).__name__))
        # Made without the configuration, as layers with a sliding window then keep all tokens, and can be cut.
        cache = DynamicCache()
        tokens = torch.tensor([ids], device=model.device)
        output = _run(model, tokens, torch.ones_like(tokens), cache, options)
        layers: list[Any] = [
            (part.keys, part.values) for part in cache.layers if isinstance(part, DynamicLayer)
        ]
        if not layers or any(keys is None or keys.shape[-2] != len(ids) for keys, _ in layers):
            raise EncoderError(_REFUSAL.format(type(model).__name__))
        return cls(layers), output

    def crop(self, length: int) -> Prefix:
        """Return the prefix of the first `length` tokens."""
        return Prefix([(keys[..., :length, :], values[..., :length, :]) for keys, values in self.layers])

    def follow(self, model: Any, rows: list[list[int]], **options: Any) -> Any:
        """Run sequences of tokens, each as if it stood alone behind the prefix.

        Parameters
        ----------
        model : PreTrainedModel
            The one that made the prefix.
        rows : list of n lists of int
            None of them empty.
        **options
            Passed on to the model.

        Returns
        -------
        ModelOutput
            With states of shape (n, length of the longest, width). What stands behind the end of a shorter row
            means nothing.
        """
        # Padding on the right needs no positions: each token counts those before it, and none of these is padding.
        tokens = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
        mask = torch.zeros(len(rows), self.length + tokens.shape[1], dtype=torch.long)
        for row, ids in enumerate(rows):
            tokens[row, : len(ids)] = torch.tensor(ids)
            mask[row, : self.length + len(ids)] = 1
        cache = Cache(layers=[_FrozenLayer(keys, values) for keys, values in self.layers])
        return _run(model, tokens.to(model.device), mask.to(model.device), cache, options)


class _FrozenLayer(DynamicLayer):
    """One layer of a prefix, in the shape that the attention of a model asks for."""

    keys: Tensor
    values: Tensor

    def __init__(self, keys: Tensor, values: Tensor):
        super().__init__()
        self.keys, self.values = keys, values
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Return the prefix with the new states behind it, and keep only the prefix."""
        return _join(self.keys, key_states), _join(self.values, value_states)


def _join(prefix: Tensor, new: Tensor) -> Tensor:
    return torch.cat([prefix.expand(len(new), -1, -1, -1), new], dim=-2)


def _run(model: Any, tokens: Tensor, mask: Tensor, cache: Cache, options: dict[str, Any]) -> Any:
    with torch.inference_mode():
        return model(input_ids=tokens, attention_mask=mask, past_key_values=cache, use_cache=True, **options)
