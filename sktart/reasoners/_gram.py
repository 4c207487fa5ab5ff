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

from sktart.reasoners._base import Reasoner
from sktart.reasoners._config import GramConfig
from sktart.reasoners._gram_block import GramBlock, Layer
from sktart.reasoners._ridge import STRENGTHS, Ridge, solve_ridge

# Attention logits held at once while a context is read: beyond it, rows are taken in chunks.
MAX_ATTENTION_ELEMENTS = 2**24
# A query further out than this many context radii is pulled in, so that no input overflows.
MAX_QUERY_RADIUS = 100.0
# Of a row 3, of a task 5; of each ridge regression a prediction, a variance, and an error for the task.
N_SCALARS = 3 + 5 + 3 * len(STRENGTHS)


@dataclass(frozen=True)
class Context:
    """A context that has been read: all that answering a query needs, and no network weights."""

    mean: Tensor  # (B, 1, D), of the dtype of the features
    inverse_scale: Tensor  # (B, 1, 1)
    x: Tensor  # (B, N, D), centred and scaled, D padded to a multiple of 16
    ridge: Ridge
    weight: Tensor  # (B, N)
    task_scalars: Tensor  # (B, C, 5 + K): what is the same for all rows
    layers: tuple[Layer, ...]


class GramReasoner(Reasoner):
    """In-context classifier that sees features only through inner products.

    A Transformer over (row, class) tokens, which begin with what ridge regressions of several strengths say, and how
    well these predict the context rows they have not seen: it corrects and calibrates them. Its symmetries are exact:
    context order, query order, rotation, reflection, translation, positive scaling and zero-padding of features,
    renaming of classes; a context row of weight 2 equals the row twice.

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
        label = 2 * one_hot - 1
        ridge, held_out = solve_ridge(x, label, weight)
        task_scalars = torch.cat([_task_scalars(x, one_hot, weight), held_out.error], dim=-1)
        h = self._tokens(
            x, label, torch.ones_like(label), held_out.prediction, held_out.variance, task_scalars
        )
        sizes = _sizes(task_scalars)
        rows = _row_chunks(h, x.shape[1], self.config.n_heads)
        # One chunk is the common case: its inner products are then the same tensor in every layer.
        whole = ridge.products(x, x) if len(rows) == 1 else None
        layers = []
        for block in cast("Iterable[GramBlock]", self.blocks):
            layer = block.read(h)
            layers.append(layer)
            chunks = [
                block(h[:, :, part], *(whole or ridge.products(x[:, part], x)), weight, sizes, layer)
                for part in rows
            ]
            h = torch.cat(chunks, dim=2)
        return Context(mean, inverse_scale, x, ridge, weight, task_scalars, tuple(layers))

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
        gram, smoothers = context.ridge.products(x, context.x)
        predicted, variance = context.ridge.predict(x, gram, smoothers)
        unknown = x.new_zeros(x.shape[0], context.task_scalars.shape[1], x.shape[1])
        h = self._tokens(x, unknown, unknown, predicted, variance, context.task_scalars)
        sizes = _sizes(context.task_scalars)
        for block, layer in zip(self.blocks, context.layers, strict=True):
            h = block(h, gram, smoothers, context.weight, sizes, layer)
        return self.read_out(self.norm(h)).squeeze(-1).transpose(1, 2)

    def _tokens(
        self,
        x: Tensor,
        label: Tensor,
        known: Tensor,
        predicted: Tensor,
        variance: Tensor,
        task_scalars: Tensor,
    ) -> Tensor:
        """Read the invariant scalars of each (row, class) into tokens (B, C, R, W)."""
        square_norm = x.square().sum(-1).log1p() - math.log(2)  # 0 for a row of average length
        rows = torch.stack([label, known, square_norm[:, None].expand_as(label)], dim=-1)  # (B, C, R, 3)
        variance = variance.clamp_min(0).log1p()[:, None].expand_as(predicted)
        tasks = task_scalars[:, :, None].expand(-1, -1, x.shape[1], -1)
        return self.read_in(torch.cat([rows, predicted.asinh(), variance, tasks], dim=-1))


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
    sizes = task_scalars[:, 0, 2:5].clone()
    sizes[:, 0] = 1
    return sizes


def _row_chunks(h: Tensor, n_context: int, n_heads: int) -> list[slice]:
    """Slices of rows whose attention logits and ridge weights stay below `MAX_ATTENTION_ELEMENTS`."""
    batch, n_classes, n_rows, _ = h.shape
    # The fused kernel of a single task keeps no logits for each class, only the bias that all classes share.
    channels = n_classes if torch.is_grad_enabled() or batch > 1 else 1
    step = max(1, MAX_ATTENTION_ELEMENTS // (batch * (channels * n_heads + len(STRENGTHS)) * n_context))
    return [slice(start, start + step) for start in range(0, n_rows, step)]
