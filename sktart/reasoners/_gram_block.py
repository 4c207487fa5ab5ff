"""One block of the gram reasoner: attention over context rows, ridge regression steps, class mixer, MLP.

Shapes: B tasks, N context rows, R rows of any kind, C classes, W width, H heads, K ridge regressions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sktart.reasoners._config import GramConfig
from sktart.reasoners._ridge import STRENGTHS

N_OPERATORS = 1 + len(STRENGTHS)  # the inner products, and each ridge regression
# Ridge regressions on all rows, of what a block takes for their labels.
POOL_STRENGTHS = (32.0, 4.0)
N_POOL_OPERATORS = 1 + len(POOL_STRENGTHS)
# Rows without a label begin with little say, so that training starts from a network that reads labelled rows.
POOL_KEY_BIAS = -4.0


@dataclass(frozen=True)
class Layer:
    """What one block keeps of the context, each (B, C, H, N + U, W / H) but the messages (B, C, rows, channels)."""

    keys: Tensor
    values: Tensor
    messages: Tensor  # of labelled rows, one part for each operator
    pool_messages: Tensor  # of all rows; of none where there is no pool


@dataclass(frozen=True)
class View:
    """How rows stand to those of the context."""

    gram: Tensor  # (B, R, N + U), inner products
    smoothers: Tensor  # (B, K, R, N), weights of labelled rows in the ridge predictions
    pool_smoothers: Tensor  # (B, P, R, N + U), of all rows in regressions on all; P is 0 without a pool


@dataclass(frozen=True)
class Sizes:
    """What is the same for all rows of a task, whatever their class."""

    weight: Tensor  # (B, N + U)
    exponents: Tensor  # (B, 3): 1, log N, log effective dimension
    pool_ratio: Tensor  # (B,), log (U + 1) / (N + 1)


class GramBlock(nn.Module):
    """Attention over context rows, steps in function space, class mixer and MLP, pre-norm and residual.

    Inner products move messages by a step of gradient descent, each ridge regression by a step of Newton's method.
    """

    def __init__(self, config: GramConfig) -> None:
        super().__init__()
        width, heads = config.width, config.n_heads
        self.n_heads = heads
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width, bias=False)
        self.message_width = config.message_width * N_OPERATORS
        self.key_value_message = nn.Linear(width, 2 * width + self.message_width, bias=False)
        self.out = nn.Linear(2 * width + self.message_width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp_in = nn.Linear(width, config.mlp_ratio * width)
        self.mlp_out = nn.Linear(config.mlp_ratio * width, width)
        # Exponents of (1, log N, log d_eff): sharpness of the inner-product attention, and step size.
        # A typical inner product is d_eff ** -0.5, so sharpness starts at a multiple of its inverse.
        sharpness = torch.tensor([[math.log(2.0**head), 0.0, 0.5] for head in range(heads)])
        self.sharpness = nn.Parameter(sharpness)
        self.step = nn.Parameter(torch.tensor([0.0, -0.5, 0.25]))
        self.content_scale = nn.Parameter(torch.zeros(heads))
        for layer in (self.out, self.mlp_out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        pool_width = config.pool_message_width * N_POOL_OPERATORS
        if pool_width:
            self.pool_message = nn.Linear(width, pool_width, bias=False)
            self.pool_out = nn.Linear(pool_width, width, bias=False)
            nn.init.zeros_(self.pool_out.weight)
            # Of 1 and the logarithm of unlabelled rows for each labelled one.
            self.pool_key = nn.Parameter(torch.tensor([[POOL_KEY_BIAS, 0.0] for _ in range(heads)]))

    def read(self, h: Tensor, n_labelled: int) -> Layer:
        """Turn context tokens (B, C, N + U, W), the labelled first, into what rows of this layer look at."""
        width = h.shape[-1]
        normed = self.norm(h)
        keys, values, messages = self.key_value_message(normed).split(
            [width, width, self.message_width], dim=-1
        )
        has_pool = h.shape[2] > n_labelled
        pooled = self.pool_message(normed) if has_pool else h.new_zeros(*h.shape[:2], 0, 0)
        # Views would each carry the storage of all three into a pickle.
        return Layer(
            self._heads(keys).contiguous(),
            self._heads(values).contiguous(),
            messages[:, :, :n_labelled].contiguous(),
            pooled.contiguous(),
        )

    def forward(self, h: Tensor, view: View, sizes: Sizes, layer: Layer) -> Tensor:
        """Update tokens.

        Parameters
        ----------
        h : Tensor of shape (B, C, R, W)
        view : View, of the R rows
        sizes : Sizes
        layer : Layer, what the context left at this depth
        """
        normed = self.norm(h)
        attended = self._attend(normed, view.gram, sizes, layer)
        step = (sizes.exponents @ self.step).exp()[:, None, None]  # (B, 1, 1)
        weighted = view.gram * sizes.weight[:, None, :]
        labelled = weighted[..., : layer.messages.shape[2]] * step
        moved = _move([labelled, *view.smoothers.unbind(1)], layer.messages)
        mixed = normed.mean(dim=1, keepdim=True).expand_as(normed)
        update = self.out(torch.cat([attended, moved, mixed], dim=-1))
        if layer.pool_messages.shape[-1]:
            total = sizes.weight.sum(1).rsqrt()[:, None, None]
            update = update + self.pool_out(
                _move([weighted * total, *view.pool_smoothers.unbind(1)], layer.pool_messages)
            )
        h = h + update
        return h + self.mlp_out(F.gelu(self.mlp_in(self.mlp_norm(h))))

    def _attend(self, normed: Tensor, gram: Tensor, sizes: Sizes, layer: Layer) -> Tensor:
        exponents = sizes.exponents
        sharpness = (exponents @ self.sharpness.T).exp()  # (B, H)
        say = self._say(sizes, layer)
        bias = sharpness[:, :, None, None] * gram[:, None] + say[:, :, None, :]  # (B, H, R, N + U)
        content = (1 + exponents[:, 1:2] * self.content_scale) / math.sqrt(layer.keys.shape[-1])  # (B, H)
        queries = self._heads(self.query(normed)) * content[:, None, :, None, None]
        if torch.is_grad_enabled():
            logits = queries @ layer.keys.mT + bias[:, None]  # (B, C, H, R, N + U)
            attended = logits.softmax(dim=-1).to(layer.values.dtype) @ layer.values
        else:
            # The fused kernel never holds the logits of all classes, but has no gradient for the bias.
            n_classes = queries.shape[1]
            attended = F.scaled_dot_product_attention(
                queries.flatten(0, 1),
                layer.keys.flatten(0, 1),
                layer.values.flatten(0, 1),
                attn_mask=bias if len(bias) == 1 else bias.repeat_interleave(n_classes, dim=0),
                scale=1.0,
            ).unflatten(0, (-1, n_classes))
        return attended.transpose(2, 3).flatten(3)

    def _say(self, sizes: Sizes, layer: Layer) -> Tensor:
        """Return what rows of the context add to their logits, (B, 1 or H, N + U)."""
        log_weight = sizes.weight.log()[:, None]
        if not layer.pool_messages.shape[-1]:
            return log_weight
        by_ratio = torch.stack([torch.ones_like(sizes.pool_ratio), sizes.pool_ratio], dim=-1)
        pool = (by_ratio @ self.pool_key.T)[..., None]  # (B, H, 1)
        n_labelled = layer.messages.shape[2]
        is_pool = torch.arange(log_weight.shape[-1], device=log_weight.device) >= n_labelled
        return log_weight + pool * is_pool

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.n_heads, -1)).transpose(2, 3)


def _move(operators: list[Tensor], messages: Tensor) -> Tensor:
    """Move each part of the messages (B, C, rows, channels) by its operator (B, R, rows): (B, C, R, channels)."""
    parts = messages.chunk(len(operators), dim=-1)
    return torch.cat(
        [operator[:, None].to(part.dtype) @ part for operator, part in zip(operators, parts, strict=True)],
        dim=-1,
    )
