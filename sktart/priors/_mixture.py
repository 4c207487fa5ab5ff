"""A mixture of families: what one batch of pretraining tasks is drawn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from sktart.priors._clusters import sample_clusters
from sktart.priors._draws import log_uniform_int
from sktart.priors._linear import sample_linear
from sktart.priors._logistic import sample_logistic
from sktart.priors._mlp import sample_mlp
from sktart.priors._topics import sample_topics
from sktart.priors._treatments import balance, each_class_first, label_noise, project, unit_rows

FAMILIES: dict[str, Callable[..., tuple[Tensor, Tensor]]] = {
    "logistic": sample_logistic,
    "linear": sample_linear,
    "clusters": sample_clusters,
    "mlp": sample_mlp,
    "topics": sample_topics,
}
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
    components: Sequence[Mapping[str, Any]],
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
    components : sequence of dict
        Each has `family`, `weight` (its share of draws) and `n_classes` (bounds, log-uniform), and may have `options`
        of the family and

        - `balanced`, the share of tasks whose rows are taken from each class in turn; twice as many rows are drawn
        - `unit_rows`, the share of tasks whose rows lie on a sphere
        - `label_noise`, the share of tasks with wrong labels, which come after balancing
        - `each_class`, whether the context begins with a row of each class; true unless said otherwise
        - `projected`, the share of calls that put principal components of the context in place of features
        - `context_rows`, in place of those of the call
    context_rows : (int, int)
        Bounds of N, log-uniform; at least the number of classes is taken.
    query_rows : int
        M.
    max_tasks, max_tokens : int
        B is the largest number up to `max_tasks` for which B x (N + M) x C stays below `max_tokens`, at least
        `FEWEST_TASKS`.

    Returns
    -------
    Tasks
    """
    weights = torch.tensor([float(component["weight"]) for component in components])
    chosen = components[int(torch.multinomial(weights, 1, generator=generator))]
    n_classes = log_uniform_int(generator, chosen["n_classes"])
    n_context = max(log_uniform_int(generator, chosen.get("context_rows", context_rows)), n_classes)
    n_rows = n_context + query_rows
    n_tasks = max(FEWEST_TASKS, min(max_tasks, max_tokens // (n_rows * n_classes)))
    balanced = chosen.get("balanced", 0.0)
    # A rare class has to last for as many turns as the others.
    n_drawn = 2 * n_rows if balanced else n_rows
    family = FAMILIES[chosen["family"]]
    x, y = family(generator, n_tasks, n_drawn, n_classes, **chosen.get("options", {}))
    if balanced:
        x, y = balance(generator, x, y, n_classes, balanced, n_rows)
    x = unit_rows(generator, x, chosen.get("unit_rows", 0.0))
    y = label_noise(generator, y, n_classes, chosen.get("label_noise", 0.0))
    if chosen.get("each_class", True):
        x, y = each_class_first(x, y, n_classes)
    context_x, query_x = x[:, :n_context], x[:, n_context:]
    if torch.rand((), generator=generator) < chosen.get("projected", 0.0):
        context_x, query_x = project(generator, context_x, query_x)
    return Tasks(context_x, y[:, :n_context], query_x, y[:, n_context:], n_classes)
