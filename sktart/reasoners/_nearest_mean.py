"""A start for the training of decoders: random weights that already answer by the nearest class mean.

From GPT-2's random weights, training spends its first thousands of steps on finding that a label belongs to the row
before it and that rows are to be compared (docs/notes/decoder-start.md). Two layers can do that by construction:

1. a label attends to the row with the same position code, and keeps a copy of it beside itself;
2. a row attends to the labels, by the likeness of their copies to itself in one head and by its negative in another;
   the difference of what the two see is, to first order, ``sum_j y_j <x_j, x*>``, with y in -1/2 and 1/2.

Channels of a token: the F features, the F features of the copy, the answer, position codes, and last the parity, -1 for
a row and 1 for a label. All other weights stay random, and all are trained.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sktart.exceptions import RecipeError
from sktart.reasoners._decoder import DecoderBlock, DecoderReasoner

FASTEST, SLOWEST = 2.5, 0.05  # radians a pair
CODE_SIZE = 0.5
# Found by hand for tokens after the layer norm: sharp where a label looks for its row, soft where rows are compared.
MATCH, PARITY, COPY, COMPARE, LABELS_ONLY = 1.5, 2.5, 0.66, 0.5, 6.0


def start_from_nearest_mean(reasoner: DecoderReasoner) -> None:
    """Overwrite a part of fresh random weights, in place."""
    config = reasoner.config
    n_features, channels = config.n_features, config.width // config.n_heads
    n_codes = (config.width - 2 * n_features - 2) // 2
    if config.n_layers < 2 or config.n_heads < 2 or n_features >= channels or n_codes < channels // 2:
        raise RecipeError(
            "initialise 'nearest-mean' needs 2 layers, 2 heads, more channels a head than features and room for "
            f"position codes; got {config}"
        )
    with torch.no_grad():
        codes = _set_tokens(reasoner, n_features, n_codes)
        blocks = list(reasoner.blocks)[:2]
        _copy_rows(_Heads(blocks[0], channels), n_features, codes[: channels // 2 - 1])
        for head, sign in ((0, 1.0), (1, -1.0)):
            _compare_rows(_Heads(blocks[1], channels), head, sign, n_features)
        reasoner.read_out.weight.mul_(0.02)
        reasoner.read_out.weight[0, 2 * n_features] += 1.0
        reasoner.read_out.bias.zero_()


class _Heads:
    """Views of the weights of single attention heads, (channels a head, W) but `out` (W, channels a head)."""

    def __init__(self, block: object, channels: int) -> None:
        assert isinstance(block, DecoderBlock)
        self.block, self.channels, self.width = block, channels, block.out.in_features

    def _part(self, tensor: Tensor, head: int, which: int) -> Tensor:
        start = which * self.width + head * self.channels
        return tensor[start : start + self.channels]

    def query(self, head: int) -> Tensor:
        return self._part(self.block.query_key_value.weight, head, 0)

    def query_bias(self, head: int) -> Tensor:
        return self._part(self.block.query_key_value.bias, head, 0)

    def key(self, head: int) -> Tensor:
        return self._part(self.block.query_key_value.weight, head, 1)

    def value(self, head: int) -> Tensor:
        return self._part(self.block.query_key_value.weight, head, 2)

    def out(self, head: int) -> Tensor:
        return self.block.out.weight[:, head * self.channels : (head + 1) * self.channels]


def _set_tokens(reasoner: DecoderReasoner, n_features: int, n_codes: int) -> list[tuple[int, int]]:
    """Give features and positions their channels; return the channels of sine and cosine, fastest first."""
    reasoner.read_in.weight.normal_(std=0.02)
    reasoner.read_in.weight[:n_features] += torch.eye(n_features)
    reasoner.read_in.bias.zero_()
    first = 2 * n_features + 1
    frequencies = FASTEST * (SLOWEST / FASTEST) ** torch.linspace(0, 1, n_codes)
    angles = torch.arange(reasoner.config.n_pairs)[:, None] * frequencies
    codes = CODE_SIZE * torch.cat([angles.sin(), angles.cos()], dim=1)
    positions = reasoner.positions.weight
    for parity in (0, 1):
        positions[parity::2, first : first + 2 * n_codes] += codes
        positions[parity::2, -1] += 2.0 * parity - 1.0
    positions[1::2, 0] -= 0.5  # the label is read into the channel of the first feature
    return [(first + i, first + n_codes + i) for i in range(n_codes)]


def _copy_rows(heads: _Heads, n_features: int, codes: list[tuple[int, int]]) -> None:
    for i, channel in enumerate(channel for pair in codes for channel in pair):
        heads.query(0)[i, channel] += MATCH
        heads.key(0)[i, channel] += MATCH
    heads.query(0)[-1, -1] += PARITY
    heads.key(0)[-1, -1] -= PARITY
    for i in range(n_features):
        heads.value(0)[i, i] += COPY
        heads.out(0)[n_features + i, i] += COPY


def _compare_rows(heads: _Heads, head: int, sign: float, n_features: int) -> None:
    for i in range(n_features):
        heads.query(head)[i, i] += sign * COMPARE
        heads.key(head)[i, n_features + i] += COMPARE
    heads.query_bias(head)[-1] += LABELS_ONLY
    heads.key(head)[-1, -1] += 1.0
    heads.value(head)[0, 0] += 1.0
    heads.out(head)[2 * n_features, 0] += sign
