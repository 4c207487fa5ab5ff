"""What tasks of any family go through before they are used. B tasks, R rows, N context rows, D features, C classes."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from sktart.priors._draws import log_uniform, log_uniform_int, normal, uniform

USUAL_COMPONENTS = 64  # what projected groups are cut to half of the time, as pixels often are
MOST_COMPONENTS = 128


def _grow(units: Tensor) -> Tensor:
    return (units / 2).exp()


# Of the units of a random layer.
ACTIVATIONS = torch.relu, torch.tanh, _grow


def balance(
    generator: Generator, x: Tensor, y: Tensor, n_classes: int, share: float, n_rows: int
) -> tuple[Tensor, Tensor]:
    """Take `n_rows` of the rows of each task: of a share of tasks from each class in turn, of others the first.

    So a user labels who takes as many rows of each class, whatever shares the classes have. Where a class has no more
    rows, the others go on in turn.
    """
    is_class = y[..., None] == torch.arange(n_classes)  # (B, R, C)
    turn = is_class.cumsum(1).gather(2, y[..., None]).squeeze(-1)
    is_balanced = torch.rand(y.shape[0], 1, generator=generator) < share
    # The classes of one turn come in random order: a fixed one would tell labels.
    key = torch.where(is_balanced, turn + torch.rand(y.shape, generator=generator), torch.arange(y.shape[1]))
    return _reorder(x, y, key.argsort(dim=1)[:, :n_rows])


def warp(generator: Generator, x: Tensor) -> Tensor:
    """Pass rows through a random layer with as many units as features, as those of an encoder went through many.

    Units read all features about equally loudly, with a bias and a gain for each task. They cut off, saturate or grow.
    """
    n_tasks, _, n_features = x.shape
    activation = ACTIVATIONS[int(torch.randint(len(ACTIVATIONS), (), generator=generator))]
    units = (x - x.mean(1, keepdim=True)) @ normal(generator, n_features, n_features)
    units = units / units.square().mean((1, 2), keepdim=True).sqrt().clamp_min(1e-6)
    gain = log_uniform(generator, (0.5, 2.0), n_tasks, 1, 1)
    bias = normal(generator, n_tasks, 1, n_features) * uniform(generator, (0.0, 1.5), n_tasks, 1, 1)
    return activation(gain * units + bias)


def unit_rows(generator: Generator, x: Tensor, share: float) -> Tensor:
    """Put the rows of a share of tasks on a sphere about a random origin, as normalised embeddings are."""
    spread = x.square().sum(-1, keepdim=True).mean(1, keepdim=True).sqrt()
    origin = normal(generator, x.shape[0], 1, x.shape[2])
    distance = uniform(generator, (0.0, 1.5), x.shape[0], 1, 1) * spread
    shifted = x + origin / origin.norm(dim=-1, keepdim=True) * distance
    on_sphere = shifted / shifted.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    is_on_sphere = torch.rand(x.shape[0], 1, 1, generator=generator) < share
    return torch.where(is_on_sphere, on_sphere, x)


def label_noise(generator: Generator, y: Tensor, n_classes: int, share: float) -> Tensor:
    """Replace up to 30 % of the labels of a share of tasks by random ones."""
    rate = uniform(generator, (0.0, 0.3), y.shape[0], 1)
    rate = rate * (torch.rand(y.shape[0], 1, generator=generator) < share)
    random = torch.randint(n_classes, y.shape, generator=generator)
    return torch.where(torch.rand(y.shape, generator=generator) < rate, random, y)


def each_class_first(x: Tensor, y: Tensor, n_classes: int) -> tuple[Tensor, Tensor]:
    """Move the first row of each class to the front: a user's classes are those of the labelled rows."""
    is_class = y[:, None] == torch.arange(n_classes)[:, None]  # (B, C, R)
    first = is_class & (is_class.cumsum(-1) == 1)
    return _reorder(x, y, first.any(1).int().argsort(dim=1, descending=True, stable=True))


def project(generator: Generator, context_x: Tensor, query_x: Tensor) -> tuple[Tensor, Tensor]:
    """Replace features by K principal components fitted on the context, as a user does who has more pixels than rows.

    Components of N rows span at most N - 1 dimensions and follow the noise of just these rows, so that context rows
    look farther apart along them than queries do.

    Parameters
    ----------
    generator : torch.Generator
    context_x : Tensor of shape (B, N, D)
        At least two rows.
    query_x : Tensor of shape (B, M, D)

    Returns
    -------
    context_x : Tensor of shape (B, N, K)
        Centred; K is `USUAL_COMPONENTS` for half of the calls, log-uniform up to `MOST_COMPONENTS` for the others, and
        never more than N - 1 or D. The last component varies most.
    query_x : Tensor of shape (B, M, K)
        Along the same axes, from the same origin.
    """
    largest = min(context_x.shape[1] - 1, context_x.shape[2], MOST_COMPONENTS)
    is_usual = torch.rand((), generator=generator) < 0.5
    bounds = (min(2, largest), largest)
    n_kept = min(USUAL_COMPONENTS, largest) if is_usual else log_uniform_int(generator, bounds)
    mean = context_x.mean(1, keepdim=True)
    context_x, query_x = context_x - mean, query_x - mean
    values, vectors = torch.linalg.eigh(context_x @ context_x.mT)  # rising
    # Axes beyond the rank of a task, where it has fewer features than others, would be rounding errors made large.
    lengths = values[:, None, -n_kept:].clamp_min(1e-6 * values[:, None, -1:]).sqrt()
    axes = context_x.mT @ (vectors[..., -n_kept:] / lengths)  # (B, D, K)
    return context_x @ axes, query_x @ axes


def _reorder(x: Tensor, y: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
    """Take the rows of each task in an order (B, any number of rows)."""
    return x.gather(1, order[..., None].expand(-1, -1, x.shape[2])), y.gather(1, order)
