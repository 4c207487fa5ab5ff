"""A mixture of families: what one batch of pretraining tasks is drawn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from sktart.priors._draws import log_uniform_int, normal, uniform
from sktart.priors.clusters import sample_clusters
from sktart.priors.linear import sample_linear
from sktart.priors.logistic import sample_logistic
from sktart.priors.mlp import sample_mlp

FAMILIES: dict[str, Callable[..., tuple[Tensor, Tensor]]] = {
    "logistic": sample_logistic,
    "linear": sample_linear,
    "clusters": sample_clusters,
    "mlp": sample_mlp,
}


@dataclass(frozen=True)
class Tasks:
    """Labelled context rows and queries of B tasks of equal size."""

    context_x: Tensor  # (B, N, D)
    context_y: Tensor  # (B, N)
    query_x: Tensor  # (B, M, D)
    query_y: Tensor  # (B, M)
    n_classes: int


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
        Each has `family`, `weight` (its share of draws), `n_classes` (bounds, log-uniform), optionally `label_noise`
        and `unit_rows` (shares of tasks that have them), `each_class` (whether the context begins with a row of each
        class, true unless said otherwise) and `options` of the family.
    context_rows : (int, int)
        Bounds of N, log-uniform; at least the number of classes is taken.
    query_rows : int
        M.
    max_tasks, max_tokens : int
        B is the largest number up to `max_tasks` for which B x (N + M) x C stays below `max_tokens` (at least 4).

    Returns
    -------
    Tasks
    """
    weights = torch.tensor([float(component["weight"]) for component in components])
    chosen = components[int(torch.multinomial(weights, 1, generator=generator))]
    n_classes = log_uniform_int(generator, chosen["n_classes"])
    n_context = max(log_uniform_int(generator, context_rows), n_classes)
    n_rows = n_context + query_rows
    n_tasks = max(4, min(max_tasks, max_tokens // (n_rows * n_classes)))
    family = FAMILIES[chosen["family"]]
    x, y = family(generator, n_tasks, n_rows, n_classes, **chosen.get("options", {}))
    x = _unit_rows(generator, x, chosen.get("unit_rows", 0.0))
    y = _label_noise(generator, y, n_classes, chosen.get("label_noise", 0.0))
    if chosen.get("each_class", True):
        x, y = _context_holds_each_class(x, y, n_classes)
    return Tasks(x[:, :n_context], y[:, :n_context], x[:, n_context:], y[:, n_context:], n_classes)


def _unit_rows(generator: Generator, x: Tensor, share: float) -> Tensor:
    """Put the rows of a share of tasks on a sphere about a random origin, as normalised embeddings are."""
    spread = x.square().sum(-1, keepdim=True).mean(1, keepdim=True).sqrt()
    origin = normal(generator, x.shape[0], 1, x.shape[2])
    distance = uniform(generator, (0.0, 1.5), x.shape[0], 1, 1) * spread
    shifted = x + origin / origin.norm(dim=-1, keepdim=True) * distance
    on_sphere = shifted / shifted.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    is_on_sphere = torch.rand(x.shape[0], 1, 1, generator=generator) < share
    return torch.where(is_on_sphere, on_sphere, x)


def _label_noise(generator: Generator, y: Tensor, n_classes: int, share: float) -> Tensor:
    """Replace up to 30 % of the labels of a share of tasks by random ones."""
    rate = uniform(generator, (0.0, 0.3), y.shape[0], 1)
    rate = rate * (torch.rand(y.shape[0], 1, generator=generator) < share)
    random = torch.randint(n_classes, y.shape, generator=generator)
    return torch.where(torch.rand(y.shape, generator=generator) < rate, random, y)


def _context_holds_each_class(x: Tensor, y: Tensor, n_classes: int) -> tuple[Tensor, Tensor]:
    """Move the first row of each class to the front: a user's classes are those of the labelled rows."""
    is_class = y[:, None] == torch.arange(n_classes)[:, None]  # (B, C, R)
    first = is_class & (is_class.cumsum(-1) == 1)
    order = first.any(1).int().argsort(dim=1, descending=True, stable=True)
    return x.gather(1, order[..., None].expand_as(x)), y.gather(1, order)
