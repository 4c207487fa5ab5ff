"""The gram reasoner: an in-context classifier with the symmetries of logistic regression.

Features enter through inner products only, so any rotation, translation or scaling of them, the order of rows
and the names of classes leave the answer alone. Queries see the context, the context never sees queries.

Shapes: B tasks, N context rows, M query rows, R rows of either kind, D features, C classes, W width, H heads.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sktart.reasoners.base import Reasoner
from sktart.reasoners.config import GramConfig

# Attention logits held at once while a context is read: beyond it, rows are taken in chunks.
MAX_ATTENTION_ELEMENTS = 2**24
# A query further out than this many context radii is pulled in, so that no input overflows.
MAX_QUERY_RADIUS = 100.0
N_SCALARS = 8


@dataclass(frozen=True)
class Layer:
    """What one block keeps of the context, each (B, C, H, N, W / H) but `messages` (B, C, N, W)."""

    keys: Tensor
    values: Tensor
    messages: Tensor


@dataclass(frozen=True)
class Context:
    """A context that has been read: all that answering a query needs, and no network weights."""

    mean: Tensor  # (B, 1, D), of the dtype of the features
    inverse_scale: Tensor  # (B, 1, 1)
    x: Tensor  # (B, N, D), centred and scaled, D padded to a multiple of 16
    weight: Tensor  # (B, N)
    task_scalars: Tensor  # (B, C, 5): what is the same for all rows
    layers: tuple[Layer, ...]


class GramBlock(nn.Module):
    """Attention over context rows, one functional-gradient step, class mixer and MLP (design: pre-norm, residual)."""

    def __init__(self, config: GramConfig) -> None:
        super().__init__()
        width, heads = config.width, config.n_heads
        self.n_heads = heads
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width, bias=False)
        self.key_value_message = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(3 * width, width)
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

    def read(self, h: Tensor) -> Layer:
        """Turn context tokens (B, C, N, W) into what rows of this layer look at."""
        keys, values, messages = self.key_value_message(self.norm(h)).chunk(3, dim=-1)
        # Views would each carry the storage of all three into a pickle.
        return Layer(self._heads(keys).contiguous(), self._heads(values).contiguous(), messages.contiguous())

    def forward(self, h: Tensor, gram: Tensor, weight: Tensor, sizes: Tensor, layer: Layer) -> Tensor:
        """Update tokens.

        Parameters
        ----------
        h : Tensor of shape (B, C, R, W)
        gram : Tensor of shape (B, R, N), inner products with context rows
        weight : Tensor of shape (B, N)
        sizes : Tensor of shape (B, 3): 1, log N, log effective dimension
        layer : Layer, what the context left at this depth
        """
        normed = self.norm(h)
        attended = self._attend(normed, gram, weight, sizes, layer)
        step = (sizes @ self.step).exp()[:, None, None]  # (B, 1, 1)
        weighted = (gram * weight[:, None, :] * step)[:, None]  # (B, 1, R, N)
        moved = weighted.to(layer.messages.dtype) @ layer.messages  # (B, C, R, W)
        mixed = normed.mean(dim=1, keepdim=True).expand_as(normed)
        h = h + self.out(torch.cat([attended, moved, mixed], dim=-1))
        return h + self.mlp_out(F.gelu(self.mlp_in(self.mlp_norm(h))))

    def _attend(self, normed: Tensor, gram: Tensor, weight: Tensor, sizes: Tensor, layer: Layer) -> Tensor:
        sharpness = (sizes @ self.sharpness.T).exp()  # (B, H)
        bias = sharpness[:, :, None, None] * gram[:, None] + weight.log()[:, None, None, :]  # (B, H, R, N)
        content = (1 + sizes[:, 1:2] * self.content_scale) / math.sqrt(layer.keys.shape[-1])  # (B, H)
        queries = self._heads(self.query(normed)) * content[:, None, :, None, None]
        if torch.is_grad_enabled():
            logits = queries @ layer.keys.mT + bias[:, None]  # (B, C, H, R, N)
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

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.n_heads, -1)).transpose(2, 3)


class GramReasoner(Reasoner):
    """In-context classifier that sees features only through inner products.

    A Transformer over (row, class) tokens. Its symmetries are exact: context order, query order, rotation, reflection,
    translation, positive scaling and zero-padding of features, renaming of classes; a context row of
    weight 2 equals the row twice.

    Parameters
    ----------
    config : GramConfig

    References
    ----------
    Bhatia, Narayan, De Sa, Ré. TART: A plug-and-play Transformer module for task-agnostic reasoning.
    arXiv 2306.07536, 2023. Dai et al. Why can GPT learn in-context? Language models implicitly perform
    gradient descent as meta-optimizers. arXiv 2212.10559, 2022 (the linear head).

    Examples
    --------
    >>> import torch
    >>> reasoner = GramReasoner(GramConfig(width=8, n_layers=1, n_heads=2))
    >>> x, y = torch.tensor([[[0.0], [1.0], [2.0]]]), torch.tensor([[0, 1, 1]])
    >>> reasoner(x, y, x, n_classes=2).shape
    torch.Size([1, 3, 2])
    """

    config: GramConfig

    def __init__(self, config: GramConfig) -> None:
        super().__init__()
        self.config = config
        self.read_in = nn.Linear(N_SCALARS, config.width)
        self.blocks = nn.ModuleList(GramBlock(config) for _ in range(config.n_layers))
        self.norm = nn.LayerNorm(config.width)
        self.read_out = nn.Linear(config.width, 1)

    def loss(
        self, context_x: Tensor, context_y: Tensor, query_x: Tensor, query_y: Tensor, n_classes: int
    ) -> Tensor:
        """Return the cross-entropy over queries."""
        logits = self(context_x, context_y, query_x, n_classes)
        return F.cross_entropy(logits.float().flatten(0, 1), query_y.flatten())

    def read_context(
        self, context_x: Tensor, context_y: Tensor, n_classes: int, weight: Tensor | None = None
    ) -> Context:
        """Run the labelled rows through the network once.

        Parameters
        ----------
        context_x : Tensor of shape (B, N, D)
            Any floating dtype; centring is done in it, the network runs in the dtype of its weights.
        context_y : Tensor of shape (B, N)
            Integers below `n_classes`.
        n_classes : int
        weight : Tensor of shape (B, N), optional
            Positive; a row of weight 2 counts as the row twice.
        """
        dtype = self.read_in.weight.dtype
        if weight is None:
            weight = torch.ones_like(context_y, dtype=context_x.dtype)
        mean, inverse_scale = _centre_and_scale(context_x, weight)
        x = _aligned(((context_x - mean) * inverse_scale).to(dtype))
        weight = weight.to(dtype)
        one_hot = F.one_hot(context_y, n_classes).to(dtype).transpose(1, 2)  # (B, C, N)
        task_scalars = _task_scalars(x, one_hot, weight)
        h = self._tokens(x, 2 * one_hot - 1, torch.ones_like(one_hot), task_scalars)
        sizes = _sizes(task_scalars)
        rows = _row_chunks(h, x.shape[1], self.config.n_heads)
        # One chunk is the common case: its inner products are then the same tensor in every layer.
        whole = x @ x.mT if len(rows) == 1 else None
        layers = []
        for block in cast("Iterable[GramBlock]", self.blocks):
            layer = block.read(h)
            layers.append(layer)
            chunks = [
                block(h[:, :, part], x[:, part] @ x.mT if whole is None else whole, weight, sizes, layer)
                for part in rows
            ]
            h = torch.cat(chunks, dim=2)
        return Context(mean, inverse_scale, x, weight, task_scalars, tuple(layers))

    def answer(self, context: Context, query_x: Tensor) -> Tensor:
        """Return logits of shape (B, M, C) for queries of shape (B, M, D), each answered by itself."""
        limit = torch.finfo(query_x.dtype).max
        query_x = ((query_x - context.mean) * context.inverse_scale).clamp(-limit, limit)
        # Taken apart into size and direction, as the square of a far query is not a number any more.
        size = query_x.abs().amax(dim=-1, keepdim=True).clamp_min(1.0)
        direction = query_x / size
        nearest = MAX_QUERY_RADIUS / direction.norm(dim=-1, keepdim=True).clamp_min(
            torch.finfo(query_x.dtype).tiny
        )
        x = _aligned((direction * torch.minimum(size, nearest)).to(context.x.dtype))
        gram = x @ context.x.mT
        unknown = x.new_zeros(x.shape[0], context.task_scalars.shape[1], x.shape[1])
        h = self._tokens(x, unknown, unknown, context.task_scalars)
        for block, layer in zip(self.blocks, context.layers, strict=True):
            h = block(h, gram, context.weight, _sizes(context.task_scalars), layer)
        return self.read_out(self.norm(h)).squeeze(-1).transpose(1, 2)

    def _tokens(self, x: Tensor, label: Tensor, known: Tensor, task_scalars: Tensor) -> Tensor:
        """Read the invariant scalars of each (row, class) into tokens (B, C, R, W)."""
        square_norm = x.square().sum(-1).log1p() - math.log(2)  # 0 for a row of average length
        rows = torch.stack([label, known, square_norm[:, None].expand_as(label)], dim=-1)  # (B, C, R, 3)
        tasks = task_scalars[:, :, None].expand(-1, -1, x.shape[1], -1)
        return self.read_in(torch.cat([rows, tasks], dim=-1))


def _centre_and_scale(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted mean (B, 1, D) and the inverse (B, 1, 1) of the root mean squared norm about it.

    The inverse is 0 where all rows are equal up to rounding: then nothing but the classes' shares is known.
    """
    share = (weight / weight.sum(1, keepdim=True))[..., None].to(x.dtype)
    mean = (share * x).sum(1, keepdim=True)
    centred = x - mean
    largest = x.abs().amax(dim=(1, 2), keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)
    radius = (share * (centred / largest).square()).sum(dim=(1, 2), keepdim=True).sqrt()
    rounding = 10 * torch.finfo(x.dtype).eps
    return mean, torch.where(radius > rounding, 1 / (radius.clamp_min(rounding) * largest), 0.0)


def _aligned(x: Tensor) -> Tensor:
    """Pad features with zeros to a multiple of 16.

    Otherwise rows start at unequal offsets from a cache line, and a matrix product may sum the same row in another
    order in another place: the answer would depend on where in its batch a query stands.
    """
    return F.pad(x, (0, -x.shape[-1] % 16))


def _task_scalars(x: Tensor, one_hot: Tensor, weight: Tensor) -> Tensor:
    """Describe a task to each of its classes: (B, C, 5), the last three of them `_sizes`."""
    total = weight.sum(1)  # (B,)
    count = (one_hot * weight[:, None]).sum(-1)  # (B, C)
    n_classes = one_hot.shape[1]
    scaled = x * weight.sqrt()[..., None]
    # ||G||_F is the same for X X' and X' X: take the smaller.
    smaller = scaled @ scaled.mT if x.shape[1] <= x.shape[2] else scaled.mT @ scaled
    square = smaller.square().sum(dim=(1, 2))
    effective = torch.where(square > 0, total.square() / square.clamp_min(torch.finfo(x.dtype).tiny), 1.0)
    share = count / total[:, None]
    relative = ((count + 1) / (total[:, None] / n_classes + 1)).log()
    sizes = torch.stack([torch.full_like(total, math.log(n_classes)), total.log(), effective.log()], dim=-1)
    return torch.cat(
        [torch.stack([share, relative], dim=-1), sizes[:, None].expand(-1, n_classes, -1)], dim=-1
    )


def _sizes(task_scalars: Tensor) -> Tensor:
    """Return (B, 3): 1, log N, log effective dimension."""
    sizes = task_scalars[:, 0, 2:].clone()
    sizes[:, 0] = 1
    return sizes


def _row_chunks(h: Tensor, n_context: int, n_heads: int) -> list[slice]:
    """Slices of rows whose attention logits together stay below `MAX_ATTENTION_ELEMENTS`."""
    batch, n_classes, n_rows, _ = h.shape
    # The fused kernel of a single task keeps no logits for each class, only the bias that all classes share.
    channels = n_classes if torch.is_grad_enabled() or batch > 1 else 1
    step = max(1, MAX_ATTENTION_ELEMENTS // (batch * channels * n_heads * n_context))
    return [slice(start, start + step) for start in range(0, n_rows, step)]
