"""Which rows of a large context attention looks at, and for how many others each of them stands.

Shapes: B tasks, N labelled rows, U rows without a label, R rows of any kind, L landmarks, D features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Landmarks:
    """Rows that attention looks at: all of a small context, and of a large one some that stand for the rest."""

    x: Tensor  # (B, L, D)
    weight: Tensor  # (B, L)
    n_labelled: int  # how many have a label; these come first


@dataclass(frozen=True)
class Chosen:
    """Landmarks of a single task, and their places (L,) among its rows."""

    landmarks: Landmarks
    places: Tensor


def landmarks_of(x: Tensor, weight: Tensor, y: Tensor, scores: list[Tensor], size: int, least: int) -> Chosen:
    """Choose about `size` labelled rows, and as many without a label.

    Rows of a class are spread by how much they look like it, the others by how much like the class they look like most.

    Parameters
    ----------
    x : Tensor of shape (1, N + U, D)
        The labelled ones first.
    weight : Tensor of shape (1, N + U)
    y : Tensor of shape (1, N)
    scores : list of Tensor, of shape (1, C, N) and (1, C, U)
        How much labelled rows, and the others where there are any, look like each class.
    size, least : int
        See :func:`choose_landmarks`.
    """
    of_labelled, *of_pool = (part[0] for part in scores)
    strata = [y[0], *(part.argmax(0) for part in of_pool)]
    orders = [of_labelled.gather(0, y)[0], *(part.amax(0) for part in of_pool)]
    n_labelled = y.shape[1]
    places, amounts, start = [], [], 0
    for stratum, order in zip(strata, orders, strict=True):
        stop = start + len(stratum)
        if len(stratum):
            # Rows that tie, as all do where ridge regression says nothing, are put in order of their length.
            by_length = x[0, start:stop].square().sum(-1).argsort(stable=True)
            parts = (part[by_length] for part in (stratum, order, weight[0, start:stop]))
            chosen, amount = choose_landmarks(*parts, size=size, least=least)
            rows, by_place = by_length[chosen].sort()
            amount = amount[by_place]
            places.append(rows + start)
            amounts.append(amount)
        start = stop
    every = torch.cat(places)
    count = int((every < n_labelled).sum())
    return Chosen(Landmarks(x[:, every], torch.cat(amounts)[None], count), every)


def choose_landmarks(
    strata: Tensor, order: Tensor, weight: Tensor, *, size: int, least: int
) -> tuple[Tensor, Tensor]:
    """Choose about `size` rows, in each stratum evenly spread along an order, by systematic sampling.

    Nothing is random. A stratum with few rows is taken whole.

    Parameters
    ----------
    strata : Tensor of shape (R,)
        Stratum of each row, counted from 0.
    order : Tensor of shape (R,)
        What the rows of a stratum are sorted by.
    weight : Tensor of shape (R,)
        Positive.
    size : int
        Landmarks wanted; strata get their share of the weight.
    least : int
        Fewest landmarks of a stratum.

    Returns
    -------
    rows : Tensor of shape (L,)
        In increasing order.
    weight : Tensor of shape (L,)
        Sums to that of all rows, in each stratum.

    Examples
    --------
    >>> strata, order = torch.tensor([0, 0, 0, 0, 1]), torch.tensor([4.0, 3, 2, 1, 0])
    >>> choose_landmarks(strata, order, torch.ones(5), size=2, least=1)
    (tensor([1, 3, 4]), tensor([2., 2., 1.]))
    """
    total = float(weight.sum())
    rows, amounts = [], []
    for stratum in strata.unique().tolist():
        members = (strata == stratum).nonzero()[:, 0]
        members = members[order[members].argsort(stable=True)]
        ends = weight[members].double().cumsum(0)
        wanted = max(least, round(size * float(ends[-1]) / total))
        if wanted >= len(members):
            rows.append(members)
            amounts.append(weight[members])
            continue
        step = ends[-1] / wanted
        middles = (torch.arange(wanted, device=ends.device, dtype=ends.dtype) + 0.5) * step
        found, times = torch.searchsorted(ends, middles).unique(return_counts=True)
        rows.append(members[found])
        amounts.append((times * step).to(weight))
    chosen, by_place = torch.cat(rows).sort()
    return chosen, torch.cat(amounts)[by_place]
