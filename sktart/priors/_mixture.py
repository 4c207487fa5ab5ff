"""A mixture of families: what one batch of pretraining tasks is drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from sktart.priors._component import FAMILIES, Component
from sktart.priors._draws import log_uniform_int
from sktart.priors._knowledge import SURPLUS, Knowledge, Plan, describe, lean, move
from sktart.priors._treatments import balance, each_class_first, label_noise, project, unit_rows, warp

FEWEST_TASKS = 2  # drawn at once, however large they are


@dataclass(frozen=True)
class Tasks:
    """Labelled context rows, queries, and what else is known of B tasks of equal size."""

    context_x: Tensor  # (B, N, D)
    context_y: Tensor  # (B, N)
    query_x: Tensor  # (B, M, D)
    query_y: Tensor  # (B, M)
    n_classes: int
    pool_x: Tensor  # (B, U, D), rows without a label; U may be 0
    pool_y: Tensor  # (B, U), the labels that they have after all
    class_vectors: Tensor | None = None  # (B, C, D), descriptions of classes

    @property
    def n_tokens(self) -> int:
        """Rows of any kind times classes, over all tasks: what a pass over them costs, about."""
        return sum(y.numel() for y in (self.context_y, self.pool_y, self.query_y)) * self.n_classes


def sample_tasks(
    generator: Generator,
    components: Sequence[Component | Mapping[str, Any]],
    *,
    context_rows: tuple[int, int],
    query_rows: int,
    max_tasks: int,
    max_tokens: int,
    knowledge: Knowledge | None = None,
) -> Tasks:
    """Draw tasks of one family and one size.

    Parameters
    ----------
    generator : torch.Generator
    components : sequence of Component or dict
        One of them is drawn by its weight; a dict is read as in a recipe file.
    context_rows : (int, int)
        Bounds of N, log-uniform; at least the number of classes is taken.
    query_rows : int
        M.
    max_tasks, max_tokens : int
        B is the largest number up to `max_tasks` for which B x (N + U + M) x C stays below `max_tokens`, at least
        `FEWEST_TASKS`.
    knowledge : Knowledge, optional
        What tasks have beside labelled rows; nothing by default.
    """
    mixture = [part if isinstance(part, Component) else Component.from_dict(part) for part in components]
    weights = torch.tensor([float(part.weight) for part in mixture])
    chosen = mixture[int(torch.multinomial(weights, 1, generator=generator))]
    n_classes = log_uniform_int(generator, chosen.n_classes)
    n_context = max(log_uniform_int(generator, chosen.context_rows or context_rows), n_classes)
    if chosen.labels_only:
        knowledge = None
    plan = Plan(0, 0, None)
    if knowledge is not None:
        most = max_tokens // (FEWEST_TASKS * n_classes) - n_context - query_rows
        plan = knowledge.plan(generator, n_classes, most)
    if plan.few is not None:
        n_context = plan.few
    n_shown = n_context + plan.pool + query_rows
    # Leaning draws choose from more rows than they take.
    n_rows = n_shown if knowledge is None else n_context + plan.described + SURPLUS * (plan.pool + query_rows)
    n_tasks = max(FEWEST_TASKS, min(max_tasks, max_tokens // (n_shown * n_classes)))
    # A rare class has to last for as many turns as the others.
    n_drawn = 2 * n_rows if chosen.balanced else n_rows
    x, y = FAMILIES[chosen.family].sample(generator, n_tasks, n_drawn, n_classes, **chosen.options)
    if chosen.balanced:
        x, y = balance(generator, x, y, n_classes, chosen.balanced, n_rows)
    # Nothing is drawn where nothing is warped: recipes without it keep their tasks.
    if chosen.warped and torch.rand((), generator=generator) < chosen.warped:
        x = warp(generator, x)
    x = unit_rows(generator, x, chosen.unit_rows)
    y = label_noise(generator, y, n_classes, chosen.label_noise)
    if chosen.each_class and plan.few is None:
        x, y = each_class_first(x, y, n_classes)
    context_x, rest_x = x[:, :n_context], x[:, n_context:]
    if torch.rand((), generator=generator) < chosen.projected and n_context > 1:
        context_x, rest_x = project(generator, context_x, rest_x)
    context_y, rest_y = y[:, :n_context], y[:, n_context:]
    if knowledge is None:
        return Tasks(context_x, context_y, rest_x, rest_y, n_classes, rest_x[:, :0], rest_y[:, :0])
    sizes = [plan.described, SURPLUS * plan.pool, SURPLUS * query_rows]
    (described_x, pool_x, query_x), (described_y, pool_y, query_y) = (
        rest_x.split(sizes, 1),
        rest_y.split(sizes, 1),
    )
    pool_x, pool_y = lean(generator, pool_x, pool_y, plan.pool, knowledge.leaning, n_classes)
    query_x, query_y = lean(generator, query_x, query_y, query_rows, knowledge.leaning / 2)
    query_x, pool_x = move(generator, context_x, query_x, pool_x, knowledge.moved)
    vectors = None
    if plan.described:
        vectors = describe(generator, described_x, described_y, n_classes, knowledge)
    return Tasks(context_x, context_y, query_x, query_y, n_classes, pool_x, pool_y, vectors)
