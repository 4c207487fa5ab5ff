"""A mixture of families: what one batch of pretraining tasks is drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from sktart.priors._component import FAMILIES, Component
from sktart.priors._draws import log_uniform_int
from sktart.priors._treatments import balance, each_class_first, label_noise, project, unit_rows

FEWEST_TASKS = 2  # drawn at once, however large they are


@dataclass(frozen=True)
class Tasks:
    """Labelled context rows and queries of B tasks of equal size."""

    context_x: Tensor  # (B, N, D)
    context_y: Tensor  # (B, N)
    query_x: Tensor  # (B, M, D)
    query_y: Tensor  # (B, M)
    n_classes: int

    @property
    def n_tokens(self) -> int:
        """Rows of either kind times classes, over all tasks: what a pass over them costs, about."""
        return (self.context_y.numel() + self.query_y.numel()) * self.n_classes


def sample_tasks(
    generator: Generator,
    components: Sequence[Component | Mapping[str, Any]],
    *,
    context_rows: tuple[int, int],
    query_rows: int,
    max_tasks: int,
    max_tokens: int,
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
        B is the largest number up to `max_tasks` for which B x (N + M) x C stays below `max_tokens`, at least
        `FEWEST_TASKS`.
    """
    mixture = [part if isinstance(part, Component) else Component.from_dict(part) for part in components]
    weights = torch.tensor([float(part.weight) for part in mixture])
    chosen = mixture[int(torch.multinomial(weights, 1, generator=generator))]
    n_classes = log_uniform_int(generator, chosen.n_classes)
    n_context = max(log_uniform_int(generator, chosen.context_rows or context_rows), n_classes)
    n_rows = n_context + query_rows
    n_tasks = max(FEWEST_TASKS, min(max_tasks, max_tokens // (n_rows * n_classes)))
    # A rare class has to last for as many turns as the others.
    n_drawn = 2 * n_rows if chosen.balanced else n_rows
    x, y = FAMILIES[chosen.family].sample(generator, n_tasks, n_drawn, n_classes, **chosen.options)
    if chosen.balanced:
        x, y = balance(generator, x, y, n_classes, chosen.balanced, n_rows)
    x = unit_rows(generator, x, chosen.unit_rows)
    y = label_noise(generator, y, n_classes, chosen.label_noise)
    if chosen.each_class:
        x, y = each_class_first(x, y, n_classes)
    context_x, query_x = x[:, :n_context], x[:, n_context:]
    if torch.rand((), generator=generator) < chosen.projected:
        context_x, query_x = project(generator, context_x, query_x)
    return Tasks(context_x, y[:, :n_context], query_x, y[:, n_context:], n_classes)
