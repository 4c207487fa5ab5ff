"""The gram reasoner: an in-context classifier with the symmetries of logistic regression.

Features enter through inner products only, so any rotation, translation or scaling of them, the order of rows
and the names of classes leave the answer alone. Queries see the context, the context never sees queries.

Shapes: B tasks, N labelled rows, U rows without a label (the pool), M query rows, R rows of any kind, D features,
C classes, W width, H heads.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sktart.reasoners._base import TILE, Reasoner
from sktart.reasoners._class_groups import answer_in_groups, read_in_groups
from sktart.reasoners._config import GramConfig
from sktart.reasoners._descriptions import N_SCALARS as N_DESCRIPTION_SCALARS
from sktart.reasoners._gram_block import GramBlock
from sktart.reasoners._gram_context import Context, Rows, aligned, prepare_context
from sktart.reasoners._landmarks import landmarks_of
from sktart.reasoners._metric import in_metric
from sktart.reasoners._ridge import STRENGTHS
from sktart.reasoners._sureness import Sureness

# Attention logits held at once while a context is read: beyond it, rows are taken in chunks.
MAX_ATTENTION_ELEMENTS = 2**24
# With more rows than this, attention looks at landmarks, and cost grows with the number of rows.
MAX_EXACT_ROWS = 512
N_LANDMARKS = 512
LEAST_LANDMARKS = 8
# The ridge regression along whose predictions they are spread.
SPREAD_BY = STRENGTHS.index(1.0)
# With more classes than this, similar ones are put into groups of at most `GROUP_SIZE`; a query looks into a few.
MAX_CLASSES = 64
GROUP_SIZE = 20
OPEN_GROUPS = 4
# Queries that look for their groups at once, whole tiles of them: bounds memory.
GROUP_QUERIES = 32
# Fewest features with which half a tile will do, where rows are summed: torch takes another kernel for products of less
# than 400 multiplications.
HALF_TILE_FEATURES = 64
# In layers that look at near rows, queries find these among more landmarks: so many for each class, as long as all keys
# and values together have no more numbers than the second.
N_NEAR_OF_CLASS = 1536
MAX_KEY_ELEMENTS = 3 * 2**23
# Numbers in the tokens that are updated at once where rows are summed.
MAX_TOKEN_ELEMENTS = 2**20
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
        if config.sureness_width:
            self.sureness = Sureness(config.sureness_width)

    @property
    def reads_pool(self) -> bool:
        """Whether the network reads rows without a label, and class descriptions."""
        return self.config.pool_message_width > 0

    def knowledge_parameters(self) -> list[nn.Parameter]:
        """Return the weights that have no part in the answers for labelled rows alone."""
        return [weight for name, weight in self.named_parameters() if "pool" in name or "description" in name]

    def sureness_parameters(self) -> list[nn.Parameter]:
        """Return the weights that only say how sure answers are, and change no decision."""
        return list(self.sureness.parameters())

    def contexts_at_once(self, n_rows: int, n_classes: int) -> int:
        """Return how many contexts of a size one call may read: a large one, or one of many classes, alone."""
        is_large = n_rows > MAX_EXACT_ROWS or n_classes > MAX_CLASSES
        return 1 if is_large else super().contexts_at_once(n_rows, n_classes)

    def tile(self, context: Context) -> int:
        """Return of how many rows queries come in multiples: of fewer where all products are large."""
        ridge = context.ridge
        return TILE // 2 if ridge.is_summed and ridge.centre.shape[2] >= HALF_TILE_FEATURES else TILE

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
        context, pool_logits = self._read(context_x, context_y, n_classes, None, pool_x, None, class_vectors)
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
        more = (weight, pool_x, pool_weight, class_vectors)
        is_grouped = n_classes > MAX_CLASSES and len(context_x) == 1 and not torch.is_grad_enabled()
        if is_grouped and len(context_y.unique()) == n_classes:
            return read_in_groups(self._read, GROUP_SIZE, context_x, context_y, *more)
        return self._read(context_x, context_y, n_classes, *more)[0]

    def _read(
        self, labelled_x: Tensor, y: Tensor, n_classes: int, *more: Tensor | None
    ) -> tuple[Context, Tensor]:
        """Return the context, and the logits (B, U, C) of the pool."""
        context, rows, held_out = prepare_context(
            labelled_x,
            y,
            n_classes,
            *more,
            dtype=self.read_in.weight.dtype,
            max_exact_rows=MAX_EXACT_ROWS,
            pool_metric=self.config.pool_metric > 0,
        )
        if self.config.sureness_width and not context.has_pool and not context.descriptions:
            context = replace(context, sure=context.sure * self.sureness(context.task_scalars))
        label, known = rows.label, torch.ones_like(rows.label)
        h, _ = self._tokens(
            context, rows.labelled_x, label, known, held_out.prediction, held_out.variance, is_pool=False
        )
        scores = [held_out.prediction[..., SPREAD_BY]]
        if context.has_pool:
            smoothers = context.ridge.weights(rows.pool_x)
            pool_h, linear, predicted = self._unknown_tokens(context, rows.pool_x, smoothers, is_pool=True)
            h = torch.cat([h, pool_h], dim=2)
            # Without a labelled row, ridge regression says nothing.
            described = rows.n_labelled == 0 and context.descriptions
            scores.append(
                context.descriptions.scores(rows.pool_x) if described else predicted[..., SPREAD_BY]
            )
        context, h = (
            self._read_sums(context, h, rows, scores)
            if context.ridge.is_summed
            else self._read_rows(context, h, rows)
        )
        if context.has_pool:
            return context, self._read_out(h[:, :, rows.n_labelled :], linear)
        return context, h.new_zeros(len(h), 0, n_classes)  # not a view, which would keep all tokens

    def _read_rows(self, context: Context, h: Tensor, rows: Rows) -> tuple[Context, Tensor]:
        """Read a small context: all of its rows see each other."""
        chunks = _row_chunks(h, rows.x.shape[1], self.config.n_heads)
        # One chunk is the common case: its inner products are then the same tensor in every layer.
        whole = context.view(rows.x) if len(chunks) == 1 else None
        layers = []
        for block in self._blocks():
            layer = block.read(h, context.landmarks[0], context.sizes)
            layers.append(layer)
            parts = [block(h[:, :, part], whole or context.view(rows.x[:, part]), layer) for part in chunks]
            h = torch.cat(parts, dim=2)
        return replace(context, layers=tuple(layers)), h

    def _read_sums(
        self, context: Context, h: Tensor, rows: Rows, scores: list[Tensor]
    ) -> tuple[Context, Tensor]:
        """Read a large context: attention looks at landmarks, and sums are kept of the messages of all rows.

        Queries look at more landmarks than rows of the context do, in layers whose attention is near: there few rows
        have a say, and none stands for another.
        """
        blocks, (n_classes, _, width) = self._blocks(), h.shape[1:]
        is_near = [block.looks_near(context.sizes) for block in blocks]
        n_near = min(
            N_NEAR_OF_CLASS * n_classes, MAX_KEY_ELEMENTS // (2 * n_classes * width * max(1, sum(is_near)))
        )
        few, near = (
            landmarks_of(rows.x, rows.weight, rows.y, scores, size, LEAST_LANDMARKS)
            for size in (N_LANDMARKS, max(N_LANDMARKS, n_near))
        )
        reading = replace(context, landmarks=(few.landmarks,))
        summands = rows.summands(context, max(1, MAX_TOKEN_ELEMENTS // (n_classes * width)))
        parts = list(summands.parts())
        whole = reading.view(rows.x) if len(parts) == 1 else None
        layers = []
        for block, looks_near in zip(blocks, is_near, strict=True):
            sums = block.sum_messages(h, summands, context.sizes)
            layer = block.read_landmarks(h[:, :, few.places], 0, few.landmarks, context.sizes, sums)
            layers.append(
                block.read_landmarks(h[:, :, near.places], 1, near.landmarks, context.sizes, sums)
                if looks_near
                else layer
            )
            for part in parts:
                h[:, :, part] = block(h[:, :, part], whole or reading.view(rows.x[:, part]), layer)
        return replace(context, landmarks=(few.landmarks, near.landmarks), layers=tuple(layers)), h

    def answer(self, context: Context, query_x: Tensor) -> Tensor:
        """Return logits of shape (B, M, C) for queries of shape (B, M, D), each answered by itself."""
        if not context.groups:
            return self._answer(context, query_x)
        # There may be many groups, and each is a channel; inside of them, many queries at once fill whole tiles.
        parts = query_x.split(GROUP_QUERIES, dim=1)
        logits = torch.cat([self._answer(context, part) for part in parts], dim=1)
        return answer_in_groups(self._answer, self.tile, OPEN_GROUPS, context, query_x, logits)

    def _answer(self, context: Context, query_x: Tensor) -> Tensor:
        """Answer as if there were no groups of classes; where there are, of the groups themselves."""
        limit = torch.finfo(query_x.dtype).max
        query_x = ((query_x - context.mean) * context.inverse_scale).clamp(-limit, limit)
        # Taken apart into size and direction, as the square of a far query is not a number any more.
        size = query_x.abs().amax(dim=-1, keepdim=True).clamp_min(1.0)
        direction = query_x / size
        nearest = MAX_QUERY_RADIUS / direction.norm(dim=-1, keepdim=True).clamp_min(
            torch.finfo(query_x.dtype).tiny
        )
        x = aligned((direction * torch.minimum(size, nearest)).to(context.task_scalars.dtype))
        x = in_metric(x, context.metric_root)
        smoothers = context.ridge.weights(x)
        view = context.view(x, smoothers)
        h, linear, _ = self._unknown_tokens(context, x, smoothers, is_pool=False)
        for block, layer in zip(self._blocks(), context.layers, strict=True):
            if torch.is_grad_enabled():
                layer = block.for_training(layer, context.landmarks[0], context.sizes)
            h = block(h, view, layer)
        return self._read_out(h, linear) * context.sure[:, None, None]

    def _blocks(self) -> list[GramBlock]:
        return list(cast("Iterable[GramBlock]", self.blocks))

    def _unknown_tokens(
        self, context: Context, x: Tensor, smoothers: Tensor, *, is_pool: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens (B, C, R, W) of rows without a label, linear answers for `_read_out` to return to, predictions."""
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


def _row_chunks(h: Tensor, n_context: int, n_heads: int) -> list[slice]:
    """Slices of rows whose attention logits and ridge weights stay below `MAX_ATTENTION_ELEMENTS`."""
    batch, n_classes, n_rows, _ = h.shape
    # The fused kernel of a single task keeps no logits for each class, only the bias that all classes share.
    channels = n_classes if torch.is_grad_enabled() or batch > 1 else 1
    step = max(1, MAX_ATTENTION_ELEMENTS // (batch * (channels * n_heads + len(STRENGTHS)) * n_context))
    return [slice(start, start + step) for start in range(0, n_rows, step)]
