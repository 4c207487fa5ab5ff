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

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sktart.reasoners._base import TILE, Reasoner
from sktart.reasoners._class_groups import group_classes
from sktart.reasoners._config import GramConfig
from sktart.reasoners._descriptions import N_SCALARS as N_DESCRIPTION_SCALARS
from sktart.reasoners._descriptions import Descriptions, no_descriptions, read_descriptions
from sktart.reasoners._gram_block import POOL_STRENGTHS, GramBlock, Landmarks, Layer, Rows, Sizes, View
from sktart.reasoners._landmarks import choose_landmarks
from sktart.reasoners._ridge import STRENGTHS, Ridge, inverse_covariance, smoother, solve_ridge

# Attention logits held at once while a context is read: beyond it, rows are taken in chunks.
MAX_ATTENTION_ELEMENTS = 2**24
# With more rows than this, attention looks at landmarks, and cost grows with the number of rows.
MAX_EXACT_ROWS = 512
N_LANDMARKS = 512
LEAST_LANDMARKS = 8
# Of the ridge regression whose predictions landmarks are spread along.
ORDERING_STRENGTH = 1
# With more classes than this, similar ones are put into groups of at most `GROUP_SIZE`; a query looks into a few.
MAX_CLASSES = 64
GROUP_SIZE = 20
OPEN_GROUPS = 4
# Numbers in the keys and values of layers that look at near rows, which queries find among more landmarks.
MAX_KEY_ELEMENTS = 2**25
# Numbers in the tokens that are updated at once where rows are summed.
MAX_TOKEN_ELEMENTS = 2**22
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
    landmarks: tuple[Landmarks, ...]  # centred and scaled, D padded to a multiple of 16
    weight: Tensor  # (B,), of all rows
    ridge: Ridge
    pool_operators: Tensor  # (B, P, N + U or D, D), of regressions on all rows; (B, 0, 0, D) without a pool
    task_scalars: Tensor  # (B, C, 5 + K): what is the same for all rows
    sizes: Sizes
    descriptions: Descriptions
    layers: tuple[Layer, ...]
    groups: tuple[Context, ...] = ()  # of each group of classes, where this one tells groups apart
    members: tuple[Tensor, ...] = ()  # the classes of each group

    @property
    def has_pool(self) -> bool:
        """Whether rows without a label were read."""
        return self.pool_operators.shape[1] > 0

    def view(self, x: Tensor, smoothers: Tensor | None = None) -> View:
        """Return how rows (B, R, D), whose ridge weights are known or not, stand to those of the context."""
        with torch.autocast(x.device.type, enabled=False):
            grams = tuple(x @ landmarks.x.mT for landmarks in self.landmarks)
            total = self.weight.rsqrt()[:, None, None]
            if self.ridge.is_summed:
                return View(grams, (x, x - self.ridge.centre), (x * total, x) if self.has_pool else ())
            weighted = grams[0] * self.landmarks[0].weight[:, None, :]
            if smoothers is None:
                smoothers = self.ridge.weights(x)
            movers = (weighted[..., : self.landmarks[0].n_labelled], *smoothers.unbind(1))
            if not self.has_pool:
                return View(grams, movers, ())
            pooled = (x[:, None] @ self.pool_operators.mT).unbind(1)
            return View(grams, movers, (weighted * total, *pooled))


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
        is_grouped = n_classes > MAX_CLASSES and len(context_x) == 1 and not torch.is_grad_enabled()
        if is_grouped and len(context_y.unique()) == n_classes:
            return self._read_groups(context_x, context_y, weight, pool_x, pool_weight, class_vectors)
        return self._read(context_x, context_y, n_classes, weight, pool_x, pool_weight, class_vectors)[0]

    def _read_groups(
        self,
        context_x: Tensor,
        context_y: Tensor,
        weight: Tensor | None,
        pool_x: Tensor | None,
        pool_weight: Tensor | None,
        class_vectors: Tensor | None,
    ) -> Context:
        """Read groups of classes as if they were classes, and then each group by itself."""
        means = _class_means(context_x, context_y, weight).cpu().numpy()
        groups = [torch.from_numpy(group).to(context_y.device) for group in group_classes(means, GROUP_SIZE)]
        group_of = torch.empty(len(means), dtype=torch.long, device=context_y.device)
        for number, members in enumerate(groups):
            group_of[members] = number
        group_vectors = None
        if class_vectors is not None:
            group_vectors = torch.stack([class_vectors[:, group].nanmean(1) for group in groups], dim=1)
        among_groups, pool_logits = self._read(
            context_x, group_of[context_y], len(groups), weight, pool_x, pool_weight, group_vectors
        )
        inside = []
        for number, members in enumerate(groups):
            known = group_of[context_y[0]] == number
            unknown = slice(0) if pool_x is None else pool_logits[0].argmax(-1) == number
            group, _ = self._read(
                context_x[:, known],
                torch.searchsorted(members, context_y[:, known]),
                len(members),
                weight if weight is None else weight[:, known],
                pool_x if pool_x is None else pool_x[:, unknown],
                pool_weight if pool_weight is None else pool_weight[:, unknown],
                class_vectors if class_vectors is None else class_vectors[:, members],
            )
            inside.append(group)
        return replace(among_groups, groups=tuple(inside), members=tuple(groups))

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
        is_summed = len(x) == 1 and x.shape[1] > MAX_EXACT_ROWS and not torch.is_grad_enabled()
        ridge, held_out = solve_ridge(
            x[:, :n_labelled],
            label,
            weight[:, :n_labelled],
            is_centred=not has_pool,
            is_summed=is_summed,
        )
        task_scalars = torch.cat([_task_scalars(x, weight, one_hot), held_out.error], dim=-1)
        descriptions = no_descriptions(x)
        if class_vectors is not None:
            vectors = _aligned(class_vectors)
            descriptions = read_descriptions(vectors, x, weight, one_hot, dtype)
        context = Context(
            mean,
            inverse_scale,
            (Landmarks(x, weight, n_labelled),),
            weight.sum(1),
            ridge,
            _pool_operators(x, weight, is_summed=is_summed) if has_pool else x.new_zeros(len(x), 0, 0, x.shape[2]),
            task_scalars,
            Sizes(_exponents(task_scalars), _pool_ratio(weight, n_labelled)),
            descriptions,
            (),
        )
        labelled_x, pool_x = x[:, :n_labelled], x[:, n_labelled:]
        known = torch.ones_like(label)
        h, _ = self._tokens(
            context, labelled_x, label, known, held_out.prediction, held_out.variance, is_pool=False
        )
        if has_pool:
            smoothers = context.ridge.weights(pool_x)
            pool_h, pool_linear, pool_predicted = self._unknown_tokens(context, pool_x, smoothers, is_pool=True)
            h = torch.cat([h, pool_h], dim=2)
        if is_summed:
            predicted = [held_out.prediction, pool_predicted] if has_pool else [held_out.prediction]
            context, h = self._read_sums(context, h, x, weight, context_y, predicted)
            return context, self._read_out(h[:, :, n_labelled:], pool_linear) if has_pool else h[..., :0]
        chunks = _row_chunks(h, x.shape[1], self.config.n_heads)
        # One chunk is the common case: its inner products are then the same tensor in every layer.
        whole = context.view(x) if len(chunks) == 1 else None
        layers = []
        for block in cast("Iterable[GramBlock]", self.blocks):
            layer = block.read(h, context.landmarks[0], context.sizes)
            layers.append(layer)
            parts = [
                block(h[:, :, part], whole or context.view(x[:, part]), layer)
                for part in chunks
            ]
            h = torch.cat(parts, dim=2)
        logits = self._read_out(h[:, :, n_labelled:], pool_linear) if has_pool else h[..., :0]
        return replace(context, layers=tuple(layers)), logits

    def _read_sums(
        self, context: Context, h: Tensor, x: Tensor, weight: Tensor, context_y: Tensor, predicted: list[Tensor]
    ) -> tuple[Context, Tensor]:
        """Read many rows: attention looks at landmarks, and of the other messages only sums are kept."""
        n_classes, width = h.shape[1], h.shape[3]
        blocks = list(cast("Iterable[GramBlock]", self.blocks))
        looks_near = [block.looks_near(context.sizes) for block in blocks]
        n_near = MAX_KEY_ELEMENTS // (2 * n_classes * width * max(1, sum(looks_near)))
        (few, few_places), (near, near_places) = (
            _choose_landmarks(x, weight, context_y, predicted, size)
            for size in (N_LANDMARKS, max(N_LANDMARKS, n_near))
        )
        reading = replace(context, landmarks=(few,))
        rows = Rows(
            x,
            x * weight[..., None],
            (x[:, : context_y.shape[1]] - context.ridge.centre) * weight[:, : context_y.shape[1], None],
            context.ridge.operators,
            context.pool_operators,
            max(1, MAX_TOKEN_ELEMENTS // (n_classes * width)),
        )
        layers = []
        for block, is_near in zip(blocks, looks_near, strict=True):
            sums = block.sum_messages(h, rows)
            layer = kept = block.read_landmarks(h[:, :, few_places], 0, few, context.sizes, sums)
            if is_near:
                kept = block.read_landmarks(h[:, :, near_places], 1, near, context.sizes, sums)
            layers.append(kept)
            for part in rows.parts():
                h[:, :, part] = block(h[:, :, part], reading.view(x[:, part]), layer)
        return replace(context, landmarks=(few, near), layers=tuple(layers)), h

    def answer(self, context: Context, query_x: Tensor) -> Tensor:
        """Return logits of shape (B, M, C) for queries of shape (B, M, D), each answered by itself."""
        limit = torch.finfo(query_x.dtype).max
        given_x = query_x
        query_x = ((query_x - context.mean) * context.inverse_scale).clamp(-limit, limit)
        # Taken apart into size and direction, as the square of a far query is not a number any more.
        size = query_x.abs().amax(dim=-1, keepdim=True).clamp_min(1.0)
        direction = query_x / size
        nearest = MAX_QUERY_RADIUS / direction.norm(dim=-1, keepdim=True).clamp_min(
            torch.finfo(query_x.dtype).tiny
        )
        x = _aligned((direction * torch.minimum(size, nearest)).to(context.task_scalars.dtype))
        smoothers = context.ridge.weights(x)
        view = context.view(x, smoothers)
        h, linear, _ = self._unknown_tokens(context, x, smoothers, is_pool=False)
        for block, layer in zip(self.blocks, context.layers, strict=True):
            h = block(h, view, layer)
        logits = self._read_out(h, linear)
        return self._answer_in_groups(context, given_x, logits) if context.groups else logits

    def _answer_in_groups(self, context: Context, query_x: Tensor, group_logits: Tensor) -> Tensor:
        """Return log-probabilities (1, M, C) of classes, given those of groups.

        A query looks into its `OPEN_GROUPS` most probable groups; in the others it finds all classes equal.
        """
        log_group = group_logits.log_softmax(-1)
        n_open = min(OPEN_GROUPS, len(context.groups))
        is_open = torch.zeros_like(log_group, dtype=torch.bool).scatter_(
            -1, log_group.topk(n_open).indices, value=True
        )
        answer = log_group.new_empty(*log_group.shape[:2], sum(map(len, context.members)))
        for number, (group, members) in enumerate(zip(context.groups, context.members, strict=True)):
            inside = log_group.new_full((log_group.shape[1], len(members)), -math.log(len(members)))
            rows = is_open[0, :, number].nonzero().squeeze(-1)
            if len(rows):
                asked = F.pad(query_x[:, rows], (0, 0, 0, -len(rows) % TILE))
                inside[rows] = self.answer(group, asked)[0, : len(rows)].log_softmax(-1)
            answer[..., members] = log_group[..., number : number + 1] + inside
        return answer

    def _unknown_tokens(
        self, context: Context, x: Tensor, smoothers: Tensor, *, is_pool: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens (B, C, R, W) of rows without a label, the linear answers that `_read_out` may return to, predictions."""
        predicted, variance = context.ridge.predict(x, smoothers)
        unknown = x.new_zeros(predicted.shape[:3])
        tokens, linear = self._tokens(context, x, unknown, unknown, predicted, variance, is_pool=is_pool)
        return tokens, linear, predicted

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


def _class_means(x: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
    """Return the mean (C, D) of the rows (1, N, D) of each class."""
    amount = torch.ones_like(x[0, :, 0]) if weight is None else weight[0].to(x.dtype)
    n_classes = int(y.max()) + 1
    total = amount.new_zeros(n_classes).index_add(0, y[0], amount)
    return x.new_zeros(n_classes, x.shape[2]).index_add(0, y[0], x[0] * amount[:, None]) / total[:, None]


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


def _pool_operators(x: Tensor, weight: Tensor, *, is_summed: bool) -> Tensor:
    """Return what turns a row into the weights of all rows in a ridge regression, (B, P, N + U or D, D)."""
    exact = torch.float32 if x.device.type == "mps" else torch.float64
    solve = inverse_covariance if is_summed else smoother
    with torch.autocast(x.device.type, enabled=False), torch.no_grad():
        return solve(x.to(exact), weight.to(exact), POOL_STRENGTHS).to(x.dtype)


def _choose_landmarks(
    x: Tensor, weight: Tensor, context_y: Tensor, predicted: list[Tensor], size: int
) -> tuple[Landmarks, Tensor]:
    """Choose landmarks of each class, and of the pool; return their places (L,) as well.

    Rows of a class are spread by how much ridge regression takes them for it, rows of the pool by its best guess.
    """
    labels = context_y[0].cpu().numpy()
    order, *pool = (part[0, :, :, ORDERING_STRENGTH].double().cpu().numpy() for part in predicted)
    strata = [labels, *(part.argmax(0) for part in pool)]
    orders = [order[labels, np.arange(len(labels))], *(part.max(0) for part in pool)]
    weights = np.split(weight[0].double().cpu().numpy(), [len(labels)])
    places, stand_for = [], []
    for start, stratum, values, amount in zip([0, len(labels)], strata, orders, weights, strict=False):
        if len(stratum):
            chosen, amounts = choose_landmarks(stratum, values, amount, size, LEAST_LANDMARKS)
            places.append(torch.from_numpy(chosen + start)), stand_for.append(torch.from_numpy(amounts))
    rows = torch.cat(places).to(x.device)
    n_labelled = int((rows < len(labels)).sum())
    return Landmarks(x[:, rows], torch.cat(stand_for)[None].to(weight), n_labelled), rows


def _row_chunks(h: Tensor, n_context: int, n_heads: int) -> list[slice]:
    """Slices of rows whose attention logits and ridge weights stay below `MAX_ATTENTION_ELEMENTS`."""
    batch, n_classes, n_rows, _ = h.shape
    # The fused kernel of a single task keeps no logits for each class, only the bias that all classes share.
    channels = n_classes if torch.is_grad_enabled() or batch > 1 else 1
    step = max(1, MAX_ATTENTION_ELEMENTS // (batch * (channels * n_heads + len(STRENGTHS)) * n_context))
    return [slice(start, start + step) for start in range(0, n_rows, step)]
