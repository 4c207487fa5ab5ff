"""The gram reasoner: an in-context classifier with the symmetries of logistic regression.

Features enter through inner products only, so any rotation, translation or scaling of them, the order of rows
and the names of classes leave the answer alone. Queries see the context, the context never sees queries.

Shapes: B tasks, N labelled rows, U rows without a label (the pool), M query rows, R rows of any kind, D features,
C classes, W width, H heads.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sktart.reasoners._base import Reasoner
from sktart.reasoners._config import GramConfig
from sktart.reasoners._descriptions import N_SCALARS as N_DESCRIPTION_SCALARS
from sktart.reasoners._descriptions import Descriptions, no_descriptions, read_descriptions
from sktart.reasoners._gram_block import POOL_STRENGTHS, GramBlock, Layer, Sizes, View
from sktart.reasoners._ridge import STRENGTHS, HeldOut, Ridge, smoother, solve_ridge

# Attention logits held at once while a context is read: beyond it, rows are taken in chunks.
MAX_ATTENTION_ELEMENTS = 2**24
# A query further out than this many context radii is pulled in, so that no input overflows.
MAX_QUERY_RADIUS = 100.0
# Of a row 3, of a task 5; of each ridge regression a prediction, a variance, and an error for the task.
N_SCALARS = 3 + 5 + 3 * len(STRENGTHS)
# Of a row whether it is of the pool; of the task 1 and how many rows there are for each labelled one.
N_POOL_SCALARS = 3
# Share of the pool in the loss.
POOL_LOSS = 0.3
# Hidden channels between what a description says of a row and the row's token.
DESCRIPTION_WIDTH = 32


@dataclass(frozen=True)
class Context:
    """A context that has been read: all that answering a query needs, and no network weights."""

    mean: Tensor  # (B, 1, D), of the dtype of the features
    inverse_scale: Tensor  # (B, 1, 1)
    x: Tensor  # (B, N + U, D), the labelled rows first, centred and scaled, D padded to a multiple of 16
    ridge: Ridge
    pool_operators: Tensor  # (B, P, N + U, D), of regressions on all rows; (B, 0, 0, D) without a pool
    task_scalars: Tensor  # (B, C, 5 + K): what is the same for all rows
    sizes: Sizes
    descriptions: Descriptions
    layers: tuple[Layer, ...]

    @property
    def labelled_x(self) -> Tensor:
        """The labelled rows, (B, N, D)."""
        return self.x[:, : self.ridge.operators.shape[2]]

    @property
    def has_pool(self) -> bool:
        """Whether rows without a label were read."""
        return self.x.shape[1] > self.ridge.operators.shape[2]

    def view(self, x: Tensor) -> View:
        """Return how rows (B, R, D) stand to those of the context."""
        with torch.autocast(x.device.type, enabled=False):
            gram = x @ self.x.mT
            pooled = x[:, None] @ self.pool_operators.mT
        return View(gram, self.ridge.weights(x), pooled)


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
        if self.reads_pool:
            self.read_pool = nn.Linear(N_POOL_SCALARS, config.width, bias=False)
            self.read_description = nn.Linear(1 + N_DESCRIPTION_SCALARS, config.width, bias=False)
            self.weigh_description = nn.Sequential(
                nn.Linear(1 + N_DESCRIPTION_SCALARS, DESCRIPTION_WIDTH),
                nn.GELU(),
                nn.Linear(DESCRIPTION_WIDTH, config.width, bias=False),
            )
            self.gates = nn.Linear(config.width, len(STRENGTHS) + 2)
            fresh = (self.read_pool, self.read_description, self.weigh_description[-1], self.gates)
            for parameter in (layer.weight for layer in fresh):
                nn.init.zeros_(cast("Tensor", parameter))
            nn.init.zeros_(self.gates.bias)

    @property
    def reads_pool(self) -> bool:
        """Whether the network reads rows without a label, and class descriptions."""
        return self.config.pool_message_width > 0

    def loss(
        self,
        context_x: Tensor,
        context_y: Tensor,
        query_x: Tensor,
        query_y: Tensor,
        n_classes: int,
        *,
        pool_x: Tensor | None = None,
        pool_y: Tensor | None = None,
        class_vectors: Tensor | None = None,
    ) -> Tensor:
        """Return the cross-entropy over queries, and over rows of the pool where these have a label after all."""
        context, pool_logits = self._read(
            context_x, context_y, n_classes, pool_x=pool_x, class_vectors=class_vectors
        )
        logits = self.answer(context, query_x)
        loss = F.cross_entropy(logits.float().flatten(0, 1), query_y.flatten())
        if pool_y is None or not pool_y.shape[1]:
            return loss
        pool_loss = F.cross_entropy(pool_logits.float().flatten(0, 1), pool_y.flatten())
        return (1 - POOL_LOSS) * loss + POOL_LOSS * pool_loss

    def read_context(
        self,
        context_x: Tensor,
        context_y: Tensor,
        n_classes: int,
        weight: Tensor | None = None,
        *,
        pool_x: Tensor | None = None,
        pool_weight: Tensor | None = None,
        class_vectors: Tensor | None = None,
    ) -> Context:
        """Run what is known through the network once.

        Parameters
        ----------
        context_x : Tensor of shape (B, N, D)
            Any floating dtype; centring is done in it, the network runs in the dtype of its weights.
        context_y : Tensor of shape (B, N)
            Integers below `n_classes`.
        n_classes : int
        weight : Tensor of shape (B, N), optional
            Positive; a row of weight 2 counts as the row twice.
        pool_x : Tensor of shape (B, U, D), optional
            Rows without a label. N may be 0 where there are some.
        pool_weight : Tensor of shape (B, U), optional
            Of these rows, as `weight`.
        class_vectors : Tensor of shape (B, C, D), optional
            A description of each class, not a number for a class without any.
        """
        return self._read(context_x, context_y, n_classes, weight, pool_x, pool_weight, class_vectors)[0]

    def _read(
        self,
        context_x: Tensor,
        context_y: Tensor,
        n_classes: int,
        weight: Tensor | None = None,
        pool_x: Tensor | None = None,
        pool_weight: Tensor | None = None,
        class_vectors: Tensor | None = None,
    ) -> tuple[Context, Tensor]:
        """Return the context, and the logits (B, U, C) of the pool."""
        dtype = self.read_in.weight.dtype
        n_labelled = context_x.shape[1]
        rows = context_x if pool_x is None else torch.cat([context_x, pool_x], dim=1)
        has_pool = rows.shape[1] > n_labelled
        weight = _joined(weight, pool_weight, rows, n_labelled)
        mean, inverse_scale = _centre_and_scale(rows, weight)
        x = _aligned(((rows - mean) * inverse_scale).to(dtype))
        weight = weight.to(dtype)
        one_hot = F.one_hot(context_y, n_classes).to(dtype).transpose(1, 2)  # (B, C, N)
        label = 2 * one_hot - 1
        labelled_weight = weight[:, :n_labelled]
        ridge, held_out = solve_ridge(x[:, :n_labelled], label, labelled_weight, is_centred=not has_pool)
        task_scalars = torch.cat([_task_scalars(x, weight, one_hot), held_out.error], dim=-1)
        descriptions = no_descriptions(x)
        if class_vectors is not None:
            vectors = _aligned(class_vectors)
            descriptions = read_descriptions(vectors, x, weight, one_hot, dtype)
        context = Context(
            mean,
            inverse_scale,
            x,
            ridge,
            _pool_operators(x, weight) if has_pool else x.new_zeros(len(x), 0, 0, x.shape[2]),
            task_scalars,
            Sizes(weight, _exponents(task_scalars), _pool_ratio(weight, n_labelled)),
            descriptions,
            (),
        )
        h = self._labelled_tokens(context, label, held_out)
        if has_pool:
            pool_x = x[:, n_labelled:]
            pool_h, pool_linear = self._unknown_tokens(
                context, pool_x, context.ridge.weights(pool_x), is_pool=True
            )
            h = torch.cat([h, pool_h], dim=2)
        chunks = _row_chunks(h, x.shape[1], self.config.n_heads)
        # One chunk is the common case: its inner products are then the same tensor in every layer.
        whole = context.view(x) if len(chunks) == 1 else None
        layers = []
        for block in cast("Iterable[GramBlock]", self.blocks):
            layer = block.read(h, n_labelled)
            layers.append(layer)
            parts = [
                block(h[:, :, part], whole or context.view(x[:, part]), context.sizes, layer)
                for part in chunks
            ]
            h = torch.cat(parts, dim=2)
        logits = self._read_out(h[:, :, n_labelled:], pool_linear) if has_pool else h[..., :0]
        return replace(context, layers=tuple(layers)), logits

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
        view = context.view(x)
        h, linear = self._unknown_tokens(context, x, view.smoothers, is_pool=False)
        for block, layer in zip(self.blocks, context.layers, strict=True):
            h = block(h, view, context.sizes, layer)
        return self._read_out(h, linear)

    def _labelled_tokens(self, context: Context, label: Tensor, held_out: HeldOut) -> Tensor:
        """Tokens (B, C, N, W) of labelled rows, which begin with what the others say of each."""
        known = torch.ones_like(label)
        return self._tokens(
            context, context.labelled_x, label, known, held_out.prediction, held_out.variance, is_pool=False
        )[0]

    def _unknown_tokens(
        self, context: Context, x: Tensor, smoothers: Tensor, *, is_pool: bool
    ) -> tuple[Tensor, Tensor]:
        """Tokens (B, C, R, W) of rows without a label, and the linear answers that `_read_out` may return to."""
        predicted, variance = context.ridge.predict(x, context.labelled_x, smoothers)
        unknown = x.new_zeros(predicted.shape[:3])
        return self._tokens(context, x, unknown, unknown, predicted, variance, is_pool=is_pool)

    def _tokens(
        self,
        context: Context,
        x: Tensor,
        label: Tensor,
        known: Tensor,
        predicted: Tensor,
        variance: Tensor,
        *,
        is_pool: bool,
    ) -> tuple[Tensor, Tensor]:
        """Read the invariant scalars of each (row, class) into tokens (B, C, R, W); see `_unknown_tokens`."""
        square_norm = x.square().sum(-1).log1p() - math.log(2)  # 0 for a row of average length
        rows = torch.stack([label, known, square_norm[:, None].expand_as(label)], dim=-1)  # (B, C, R, 3)
        variance = variance.clamp_min(0).log1p()[:, None].expand_as(predicted)
        tasks = context.task_scalars[:, :, None].expand(-1, -1, x.shape[1], -1)
        answer = context.ridge.answer(predicted)
        predicted = predicted.asinh()
        h = self.read_in(torch.cat([rows, predicted, variance, tasks], dim=-1))
        score = torch.zeros_like(label)
        if context.has_pool:
            ratio = context.sizes.pool_ratio
            flag = torch.full_like(ratio, float(is_pool))
            h = h + self.read_pool(torch.stack([flag, torch.ones_like(ratio), ratio], dim=-1))[:, None, None]
        if context.descriptions:
            score = context.descriptions.scores(x).asinh()
            scalars = context.descriptions.scalars[:, :, None].expand(-1, -1, x.shape[1], -1)
            described = torch.cat([score[..., None], scalars], dim=-1)
            h = h + self.read_description(described) + self.weigh_description(described)
        return h, torch.cat([predicted, score[..., None], answer[..., None]], dim=-1)

    def _read_out(self, h: Tensor, linear: Tensor) -> Tensor:
        """Return logits (B, R, C): those of the tokens, and as much of each linear answer as the row's gates let in."""
        h = self.norm(h)
        logits = self.read_out(h).squeeze(-1)
        if self.reads_pool:
            gates = self.gates(h.mean(dim=1, keepdim=True))  # the same for all classes
            # One by one: the order in which `sum` adds depends on where a row stands.
            for part in (gates.to(linear.dtype) * linear).unbind(-1):
                logits = logits + part
        return logits.transpose(1, 2)


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


def _joined(weight: Tensor | None, pool_weight: Tensor | None, rows: Tensor, n_labelled: int) -> Tensor:
    """Return the weights (B, N + U) of all rows; 1 where none were given."""
    ones = rows.new_ones(rows.shape[:2])
    labelled = ones[:, :n_labelled] if weight is None else weight.to(rows.dtype)
    pool = ones[:, n_labelled:] if pool_weight is None else pool_weight.to(rows.dtype)
    return torch.cat([labelled, pool], dim=1)


def _task_scalars(x: Tensor, weight: Tensor, one_hot: Tensor) -> Tensor:
    """Describe a task to each of its classes: (B, C, 5), the last three of them for `_exponents`.

    The effective dimension is that of all rows, the rest is of the labelled ones.
    """
    n_classes, n_labelled = one_hot.shape[1:]
    labelled = weight[:, :n_labelled]
    total = labelled.sum(1)  # (B,)
    count = (one_hot * labelled[:, None]).sum(-1)  # (B, C)
    scaled = x * weight.sqrt()[..., None]
    # ||G||_F is the same for X X' and X' X: take the smaller.
    smaller = scaled @ scaled.mT if x.shape[1] <= x.shape[2] else scaled.mT @ scaled
    square = smaller.square().sum(dim=(1, 2))
    every = weight.sum(1)
    effective = torch.where(square > 0, every.square() / square.clamp_min(torch.finfo(x.dtype).tiny), 1.0)
    relative = ((count + 1) / (total[:, None] / n_classes + 1)).log()
    if n_labelled:
        share, log_total = count / total[:, None], total.log()
    else:  # what one row would tell of sizes, and nothing of classes
        share, log_total = torch.full_like(count, 1 / n_classes), torch.zeros_like(total)
    sizes = torch.stack([torch.full_like(total, math.log(n_classes)), log_total, effective.log()], dim=-1)
    return torch.cat(
        [torch.stack([share, relative], dim=-1), sizes[:, None].expand(-1, n_classes, -1)], dim=-1
    )


def _exponents(task_scalars: Tensor) -> Tensor:
    """Return (B, 3): 1, log N, log effective dimension."""
    sizes = task_scalars[:, 0, 2:5].clone()
    sizes[:, 0] = 1
    return sizes


def _pool_ratio(weight: Tensor, n_labelled: int) -> Tensor:
    """Return the logarithm of (U + 1) / (N + 1), (B,)."""
    return weight[:, n_labelled:].sum(1).log1p() - weight[:, :n_labelled].sum(1).log1p()


def _pool_operators(x: Tensor, weight: Tensor) -> Tensor:
    """Return what turns a row into the weights of all rows in a ridge regression, (B, P, N + U, D)."""
    exact = torch.float32 if x.device.type == "mps" else torch.float64
    with torch.autocast(x.device.type, enabled=False), torch.no_grad():
        return smoother(x.to(exact), weight.to(exact), POOL_STRENGTHS).to(x.dtype)


def _row_chunks(h: Tensor, n_context: int, n_heads: int) -> list[slice]:
    """Slices of rows whose attention logits and ridge weights stay below `MAX_ATTENTION_ELEMENTS`."""
    batch, n_classes, n_rows, _ = h.shape
    # The fused kernel of a single task keeps no logits for each class, only the bias that all classes share.
    channels = n_classes if torch.is_grad_enabled() or batch > 1 else 1
    step = max(1, MAX_ATTENTION_ELEMENTS // (batch * (channels * n_heads + len(STRENGTHS)) * n_context))
    return [slice(start, start + step) for start in range(0, n_rows, step)]
