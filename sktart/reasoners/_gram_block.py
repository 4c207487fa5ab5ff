"""One block of the gram reasoner: attention over context rows, ridge regression steps, class mixer, MLP.

Shapes: B tasks, N context rows, R rows of any kind, C classes, W width, H heads, K ridge regressions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sktart.reasoners._config import GramConfig
from sktart.reasoners._landmarks import Landmarks
from sktart.reasoners._message_sums import Summands, fold, move
from sktart.reasoners._ridge import STRENGTHS

N_OPERATORS = 1 + len(STRENGTHS)  # the inner products, and each ridge regression
# Ridge regressions on all rows, of what a block takes for their labels.
POOL_STRENGTHS = (32.0, 4.0)
N_POOL_OPERATORS = 1 + len(POOL_STRENGTHS)
# Rows without a label begin with little say, so that training starts from a network that reads labelled summands.
POOL_KEY_BIAS = -4.0
# Typical spread of the inner-product part of a logit from which on a head looks at near rows only.
NEAR = 1.5


@dataclass(frozen=True)
class Layer:
    """What one block keeps of the context: of its landmarks, and of all its rows, or sums over these.

    Parameters
    ----------
    landmarks : int
        Which of the context's landmarks keys and values are of.
    say : Tensor of shape (B, 1 or H, L)
        What each landmark adds to its logits.
    sharpness : Tensor of shape (B, H)
        Factor of inner products in logits.
    content : Tensor of shape (B, H)
        Factor of products of queries and keys.
    step : Tensor of shape (B, 1, 1)
        Factor of messages that are moved by inner products.
    keys, values : Tensor of shape (B, C, H, L, W / H)
    messages : Tensor of shape (B, C, N, channels) or (B, D + 1, C channels)
        Of labelled rows, one part of the channels for each operator; or their sums, see `fold`.
    pool_messages : Tensor of shape (B, C, N + U, channels) or (B, D + 1, C channels)
        Of all rows; no channels where there is no pool.
    """

    landmarks: int
    say: Tensor
    sharpness: Tensor
    content: Tensor
    step: Tensor
    keys: Tensor
    values: Tensor
    messages: Tensor
    pool_messages: Tensor


@dataclass(frozen=True)
class View:
    """How rows stand to those of the context.

    Parameters
    ----------
    grams : tuple of Tensor of shape (B, R, L)
        Inner products with landmarks, of each kind.
    movers : tuple of Tensor of shape (B, R, N), or Tensor of shape (B, R, D)
        What moves messages of labelled rows: inner products, and each ridge regression; or sums of messages.
    pool_movers : tuple of Tensor of shape (B, R, N + U), or Tensor of shape (B, R, D)
        The same for all rows, with regressions on all; empty without a pool.
    """

    grams: tuple[Tensor, ...]
    movers: tuple[Tensor, ...] | Tensor
    pool_movers: tuple[Tensor, ...] | Tensor


@dataclass(frozen=True)
class Sizes:
    """What is the same for all rows of a task, whatever their class."""

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
        self.pool_width = config.pool_message_width * N_POOL_OPERATORS
        if self.pool_width:
            self.pool_message = nn.Linear(width, self.pool_width, bias=False)
            self.pool_out = nn.Linear(self.pool_width, width, bias=False)
            nn.init.zeros_(self.pool_out.weight)
            # Of 1 and the logarithm of unlabelled rows for each labelled one.
            self.pool_key = nn.Parameter(torch.tensor([[POOL_KEY_BIAS, 0.0] for _ in range(heads)]))

    def read(self, h: Tensor, landmarks: Landmarks, sizes: Sizes) -> Layer:
        """Turn tokens (B, C, N + U, W) of a small context, the labelled first, into what rows of this layer look at."""
        width = h.shape[-1]
        normed = self.norm(h)
        keys, values, messages = self.key_value_message(normed).split(
            [width, width, self.message_width], dim=-1
        )
        has_pool = h.shape[2] > landmarks.n_labelled
        pooled = self.pool_message(normed) if has_pool else h.new_zeros(*h.shape[:2], 0, 0)
        # Views would each carry the storage of all three into a pickle.
        labelled = messages[:, :, : landmarks.n_labelled].contiguous()
        return self._layer(0, landmarks, sizes, keys, values, labelled, pooled.contiguous())

    def read_landmarks(
        self, h: Tensor, number: int, landmarks: Landmarks, sizes: Sizes, sums: tuple[Tensor, Tensor]
    ) -> Layer:
        """Do the same for a large context, of tokens (B, C, L, W) of landmarks and what `sum_messages` returned."""
        width = h.shape[-1]
        both = F.linear(self.norm(h), self.key_value_message.weight[: 2 * width])
        keys, values = both.chunk(2, dim=-1)
        return self._layer(number, landmarks, sizes, keys, values, *sums)

    def _layer(
        self,
        number: int,
        landmarks: Landmarks,
        sizes: Sizes,
        keys: Tensor,
        values: Tensor,
        messages: Tensor,
        pool_messages: Tensor,
    ) -> Layer:
        """Put together what rows look at, with the scalars that are the same for all of them."""
        keys, values = self._heads(keys).contiguous(), self._heads(values).contiguous()
        return Layer(number, *self._scalars(landmarks, sizes), keys, values, messages, pool_messages)

    def for_training(self, layer: Layer, landmarks: Landmarks, sizes: Sizes) -> Layer:
        """Return the layer with scalars of its own: gradients of two uses would else be added in bfloat16."""
        say, sharpness, content, step = self._scalars(landmarks, sizes)
        return replace(layer, say=say, sharpness=sharpness, content=content, step=step)

    def _scalars(self, landmarks: Landmarks, sizes: Sizes) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return what is the same for all rows that look: say, sharpness, content and step of a layer."""
        exponents, head_width = sizes.exponents, self.query.out_features // self.n_heads
        return (
            self._say(landmarks, sizes),
            (exponents @ self.sharpness.T).exp(),
            (1 + exponents[:, 1:2] * self.content_scale) / math.sqrt(head_width),
            self._step(sizes),
        )

    def sum_messages(self, h: Tensor, summands: Summands, sizes: Sizes) -> tuple[Tensor, Tensor]:
        """Sum the messages of tokens (B, C, N + U, W), of labelled rows and of all, as `fold` returns them."""
        width, message_width = h.shape[-1], self.message_width // N_OPERATORS
        weight = self.key_value_message.weight[2 * width :]
        has_pool = h.shape[2] > summands.n_labelled
        shape = (len(h), summands.weighted.shape[2], h.shape[1])
        sums, pooled = h.new_zeros(*shape, self.message_width), h.new_zeros(*shape, self.pool_width)
        for part in summands.parts():
            normed = self.norm(h[:, :, part])
            if has_pool:
                pooled += summands.sum(self.pool_message(normed), part)
            known = slice(part.start, min(part.stop, summands.n_labelled))
            if known.start < known.stop:
                of_known = normed[:, :, : known.stop - known.start]
                sums += summands.sum(F.linear(of_known, weight), known)
        messages = fold(sums, summands.operators, summands.centre, self._step(sizes), message_width)
        if not has_pool:
            return messages, h.new_zeros(len(h), 0, 0)
        total = summands.weighted[..., -1:].sum(1, keepdim=True).rsqrt()
        return messages, fold(
            pooled, summands.pool_operators, None, total, self.pool_width // N_POOL_OPERATORS
        )

    def forward(self, h: Tensor, view: View, layer: Layer) -> Tensor:
        """Update tokens.

        Parameters
        ----------
        h : Tensor of shape (B, C, R, W)
        view : View, of the R rows
        layer : Layer, what the context left at this depth
        """
        normed = self.norm(h)
        attended = self._attend(normed, view.grams[layer.landmarks], layer)
        moved = self._move(view.movers, layer.messages, layer.step, h.shape[1])
        mixed = normed.mean(dim=1, keepdim=True).expand_as(normed)
        update = self.out(torch.cat([attended, moved, mixed], dim=-1))
        if layer.pool_messages.shape[-1]:
            pooled = self._move(view.pool_movers, layer.pool_messages, None, h.shape[1])
            update = update + self.pool_out(pooled)
        h = h + update
        return h + self.mlp_out(F.gelu(self.mlp_in(self.mlp_norm(h))))

    def _move(
        self, movers: Sequence[Tensor] | Tensor, messages: Tensor, step: Tensor | None, n_classes: int
    ) -> Tensor:
        """Move messages to rows, (B, C, R, channels): each part of them by its mover, or sums of them at once."""
        if isinstance(movers, Tensor):
            return move(movers, messages, n_classes)
        first, *others = movers
        return _move([first if step is None else first * step, *others], messages)

    def _step(self, sizes: Sizes) -> Tensor:
        """Return the factor of messages that are moved by inner products, (B, 1, 1)."""
        return (sizes.exponents @ self.step).exp()[:, None, None]

    def looks_near(self, sizes: Sizes) -> bool:
        """Whether some head looks at near rows only, so that others cannot stand for these."""
        log_spread = sizes.exponents @ self.sharpness.T - sizes.exponents[:, 2:] / 2
        return bool((log_spread > math.log(NEAR)).any())

    def _attend(self, normed: Tensor, gram: Tensor, layer: Layer) -> Tensor:
        bias = layer.sharpness[:, :, None, None] * gram[:, None] + layer.say[:, :, None, :]  # (B, H, R, L)
        queries = self._heads(self.query(normed)) * layer.content[:, None, :, None, None]
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

    def _say(self, landmarks: Landmarks, sizes: Sizes) -> Tensor:
        """Return what landmarks add to their logits, (B, 1 or H, L)."""
        log_weight = landmarks.weight.log()[:, None]
        if log_weight.shape[-1] == landmarks.n_labelled:
            return log_weight
        by_ratio = torch.stack([torch.ones_like(sizes.pool_ratio), sizes.pool_ratio], dim=-1)
        pool = (by_ratio @ self.pool_key.T)[..., None]  # (B, H, 1)
        is_pool = torch.arange(log_weight.shape[-1], device=log_weight.device) >= landmarks.n_labelled
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
