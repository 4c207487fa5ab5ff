"""What tasks have beside labelled rows: rows without a label, descriptions of classes, queries of another kind.

Shapes: B tasks, R rows, D features, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor

from sktart.exceptions import RecipeError
from sktart.priors._draws import log_uniform, log_uniform_int, normal, uniform
from sktart.priors._rules import Rules, are_bounds, is_number, problems

# How many rows there are to choose from where a draw may lean to some of them.
SURPLUS = 2
# Of the logarithm of a row's chance: standard deviations between classes, and along a direction.
CLASS_LEAN, REGION_LEAN = 1.0, 0.7
# In radii of the context, and in the logarithm.
FARTHEST_MOVE, LARGEST_STRETCH = 0.5, 0.3
# Rows of a class whose mean its description starts from, and most rows of a task.
DESCRIPTION_ROWS, MOST_DESCRIPTION_ROWS = (8, 128), 512
# Share of descriptions that say next to nothing, and the factor of their noise.
USELESS, USELESS_NOISE = 0.1, 10.0
# Of tasks with descriptions, those that leave out classes, and how many of them.
INCOMPLETE, LEFT_OUT = 0.15, 0.3
# Standard deviation of the logarithm of the size of noise between the classes of a task.
CLASS_NOISE = 0.3
LEAST_FIT = 0.02


def _are_positive(value: Any) -> bool:
    return (
        isinstance(value, tuple | list)
        and len(value) == 2
        and all(map(is_number, value))
        and 0 < value[0] <= value[1]
    )


def _are_fits(value: Any) -> bool:
    if not isinstance(value, tuple | list):
        return False
    is_pair = len(value) == 2 and all(type(each) in (int, float) for each in value)
    return not value or (is_pair and -1 < value[0] <= value[1] < 1)


SHARE = "a number from 0 to 1", partial(is_number, most=1)
RULES: Rules = {
    **dict.fromkeys(("pool", "described", "few", "leaning", "moved"), SHARE),
    "pool_rows": ("two rising positive integers", partial(are_bounds, least=1)),
    "description_noise": ("two rising positive numbers", _are_positive),
    "description_fit": ("two rising numbers between -1 and 1", _are_fits),
    "description_fit_power": ("a number from 1 to 4", lambda value: is_number(value, most=4) and value >= 1),
}


@dataclass(frozen=True)
class Knowledge:
    """How often tasks have something beside labelled rows.

    Parameters
    ----------
    pool : float
        Share of calls with rows without a label.
    pool_rows : (int, int)
        Bounds of their number, log-uniform.
    described : float
        Share of calls with a vector that describes each class.
    few : float
        Share of calls with both whose context has 0 to C rows, of any classes.
    leaning : float
        Share of tasks whose pool leans to some classes and regions, and half as often their queries to some regions.
    description_noise : (float, float)
        Bounds of the size of the noise of descriptions, relative to the class means that they start from; log-uniform.
    description_fit : (float, float), or empty
        In place of bounds of noise: those of how well scores by descriptions go with classes, in units of how well
        scores by class means do.
    description_fit_power : float
        Power of a uniform draw that says how far below the upper bound a fit lies: the larger, the more fit well.
    moved : float
        Share of tasks whose queries are moved along a direction of the rows, and half as often spread; two times in
        three their pool as well.
    """

    pool: float = 0.0
    pool_rows: tuple[int, int] = (16, 512)
    described: float = 0.0
    few: float = 0.0
    leaning: float = 0.0
    moved: float = 0.0
    description_noise: tuple[float, float] = (0.4, 4.0)
    description_fit: tuple[float, ...] = ()
    description_fit_power: float = 2.0

    def __post_init__(self) -> None:
        found = problems(vars(self), RULES, " of knowledge")
        if found:
            raise RecipeError("; ".join(found))

    def plan(self, generator: Generator, n_classes: int, most: int) -> Plan:
        """Draw what the tasks of one call have; a pool has `most` rows, or as few as it may have."""
        draws = torch.rand(3, generator=generator).tolist()
        has_pool, is_described = draws[0] < self.pool, draws[1] < self.described
        n_pool = 0
        if has_pool:
            n_pool = max(min(log_uniform_int(generator, self.pool_rows), most), self.pool_rows[0])
        n_described = 0
        if is_described:
            n_described = min(n_classes * log_uniform_int(generator, DESCRIPTION_ROWS), MOST_DESCRIPTION_ROWS)
        few = None
        if has_pool and is_described and draws[2] < self.few:
            few = int(torch.randint(n_classes + 1, (), generator=generator))
        return Plan(n_pool, max(n_described, n_classes * is_described), few)


@dataclass(frozen=True)
class Plan:
    """Numbers of rows: in the pool, behind descriptions, and in the context where it has a few only."""

    pool: int
    described: int
    few: int | None


def lean(
    generator: Generator, x: Tensor, y: Tensor, n_rows: int, share: float, n_classes: int = 1
) -> tuple[Tensor, Tensor]:
    """Choose `n_rows` of the rows of each task; of a share of tasks those of some regions more often.

    With a number of classes, some classes are more likely as well.
    """
    leans = (torch.rand(x.shape[0], 1, generator=generator) < share).float()
    of_class = normal(generator, x.shape[0], n_classes) * uniform(generator, (0.0, CLASS_LEAN), x.shape[0], 1)
    of_row = of_class.gather(1, y) if n_classes > 1 else 0.0
    place = x @ _direction(generator, x).mT  # (B, R, 1)
    place = (place - place.mean(1, keepdim=True)).squeeze(-1)
    place = place / place.square().mean(1, keepdim=True).sqrt().clamp_min(1e-6)
    log_chance = of_row + place * normal(generator, x.shape[0], 1) * REGION_LEAN
    # The first of an exponential race: a weighted draw without replacement.
    noise = torch.rand(y.shape, generator=generator).clamp_min(1e-20)
    finish = (-noise.log()).log() - log_chance * leans
    order = finish.argsort(dim=1)[:, :n_rows]
    return x.gather(1, order[..., None].expand(-1, -1, x.shape[2])), y.gather(1, order)


def move(
    generator: Generator, context_x: Tensor, query_x: Tensor, pool_x: Tensor, share: float
) -> tuple[Tensor, Tensor]:
    """Move and spread the queries of a share of tasks, and mostly their pool with them.

    The direction is a random combination of rows, so large directions are more likely.
    """
    n_tasks = query_x.shape[0]
    rows = torch.cat([context_x, query_x], dim=1)
    radius = (rows - rows.mean(1, keepdim=True)).square().sum(-1).mean(1).sqrt()[:, None, None]
    is_moved = (torch.rand(n_tasks, 1, 1, generator=generator) < share).float()
    distance = uniform(generator, (0.0, FARTHEST_MOVE), n_tasks, 1, 1) * is_moved
    is_spread = (torch.rand(n_tasks, 1, 1, generator=generator) < share / 2).float()
    stretch = (uniform(generator, (-LARGEST_STRETCH, LARGEST_STRETCH), n_tasks, 1, 1) * is_spread).exp()
    offset = _direction(generator, rows) * radius * distance
    centre = query_x.mean(1, keepdim=True)
    follows = torch.rand(n_tasks, 1, 1, generator=generator) < 2 / 3
    moved_pool = centre + (pool_x - centre) * stretch + offset
    return centre + (query_x - centre) * stretch + offset, torch.where(follows, moved_pool, pool_x)


def describe(generator: Generator, x: Tensor, y: Tensor, n_classes: int, knowledge: Knowledge) -> Tensor:
    """Return a vector for each class, (B, C, D): the mean of its rows, and noise of a size that tasks differ in.

    Noise has the covariance of rows, or is the same in all directions, or anything between. A class without a row, or
    that is left out, has a vector that is not a number.
    """
    is_class = (y[:, None] == torch.arange(n_classes)[:, None]).to(x.dtype)  # (B, C, R)
    count = is_class.sum(-1, keepdim=True)
    centred = x - x.mean(1, keepdim=True)
    means = is_class @ centred / count.clamp_min(1)
    of_rows = normal(generator, x.shape[0], n_classes, x.shape[1]) @ centred
    # Features beyond those of a task are 0 in all rows, and have no noise.
    anywhere = normal(generator, *means.shape) * (centred.abs().amax(1, keepdim=True) > 0)
    part = uniform(generator, (0.0, 1.0), x.shape[0], 1, 1)
    noise = part.sqrt() * _unit(of_rows) + (1 - part).sqrt() * _unit(anywhere)
    if knowledge.description_fit:
        noise = _scaled_by_class(generator, noise)
        vectors = _of_fit(
            _unit(means), noise, centred, is_class, _drawn_fit(generator, knowledge, x.shape[0])
        )
    else:
        noise = noise * _drawn_size(generator, knowledge, x.shape[0])
        vectors = _unit(means) + _scaled_by_class(generator, noise)
    leaves_out = torch.rand(x.shape[0], 1, 1, generator=generator) < INCOMPLETE
    left_out = leaves_out & (torch.rand(x.shape[0], n_classes, 1, generator=generator) < LEFT_OUT)
    return vectors.masked_fill(left_out | (count == 0), torch.nan)


def _scaled_by_class(generator: Generator, noise: Tensor) -> Tensor:
    return noise * (CLASS_NOISE * normal(generator, *noise.shape[:2], 1)).exp()


def _drawn_size(generator: Generator, knowledge: Knowledge, n_tasks: int) -> Tensor:
    size = log_uniform(generator, knowledge.description_noise, n_tasks, 1, 1)
    is_useless = torch.rand(n_tasks, 1, 1, generator=generator) < USELESS
    return torch.where(is_useless, USELESS_NOISE * size, size)


def _drawn_fit(generator: Generator, knowledge: Knowledge, n_tasks: int) -> Tensor:
    low, high = knowledge.description_fit
    below = uniform(generator, (0.0, 1.0), n_tasks, 1, 1) ** knowledge.description_fit_power
    return high - (high - low) * below


def _of_fit(means: Tensor, noise: Tensor, x: Tensor, is_class: Tensor, fit: Tensor) -> Tensor:
    """Add as much noise to class means (B, C, D) as leaves a share of their correlation with classes, `fit` (B, 1, 1).

    Noise says nothing of classes: what of its scores goes with them is taken away first. A share below 0 is that of
    means with the other sign.
    """
    means, noise = (each - each.mean(1, keepdim=True) for each in (means, noise))
    target = (is_class - is_class.mean(-1, keepdim=True)).mT  # (B, R, C)
    score, off = x @ means.mT, x @ noise.mT
    tiny = torch.finfo(x.dtype).tiny
    slope = _total(off * target) / _total(score * target).clamp_min(tiny**0.5)
    noise, off = noise - slope * means, off - slope * score
    sign, fit = fit.sign(), fit.abs().clamp_min(LEAST_FIT)
    # |score + size * off| is |score| / fit.
    cross, square = sign * _total(score * off), _total(off.square()).clamp_min(tiny**0.5)
    more = (fit**-2 - 1) * _total(score.square())
    size = ((cross.square() + square * more).sqrt() - cross) / square
    return sign * means + size * noise


def _total(products: Tensor) -> Tensor:
    return products.sum(dim=(1, 2), keepdim=True)


def _direction(generator: Generator, x: Tensor) -> Tensor:
    """Return a random combination of centred rows of unit length, (B, 1, D)."""
    drawn = normal(generator, x.shape[0], 1, x.shape[1]) @ (x - x.mean(1, keepdim=True))
    return drawn / drawn.norm(dim=-1, keepdim=True).clamp_min(1e-6)


def _unit(vectors: Tensor) -> Tensor:
    """Scale the vectors (B, C, D) of each task to a mean square length of 1."""
    length = vectors.square().sum(-1, keepdim=True).mean(1, keepdim=True).sqrt()
    return vectors / length.clamp_min(1e-12)
