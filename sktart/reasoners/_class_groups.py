"""Groups of similar classes: where there are many, a reasoner first asks for the group and then within it.

Shapes: N labelled rows, U rows without a label, M queries, D features, C classes, G groups.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from sktart._runtime import one_torch_thread
from sktart.reasoners._base import log_shares
from sktart.reasoners._gram_context import Context, centre_and_scale

# Rows times classes of a group that one thread reads: two would wait for each other more than they gain.
SMALL_GROUP = 640


def group_classes(means: Tensor, size: int) -> list[Tensor]:
    """Divide classes into groups of at most `size`, by halves along the first principal axis of their means.

    Nothing is random, and rotation, translation and scale of all means change nothing, unless classes tie.

    Parameters
    ----------
    means : Tensor of shape (C, D)
        Mean of the rows of each class.
    size : int

    Returns
    -------
    list of Tensor
        Numbers of classes, in increasing order.

    References
    ----------
    Boley. Principal direction divisive partitioning. Data Mining and Knowledge Discovery 2, 1998.

    Examples
    --------
    >>> group_classes(torch.tensor([[0.0], [5.0], [1.0], [6.0], [9.0]]), 3)
    [tensor([0, 2]), tensor([1, 3, 4])]
    """
    groups = _halve(means, torch.arange(len(means), device=means.device), size)
    return [group.sort().values for group in groups]


def read_in_groups(
    read: Callable[..., tuple[Context, Tensor]],
    size: int,
    x: Tensor,
    y: Tensor,
    weight: Tensor | None,
    pool_x: Tensor | None,
    pool_weight: Tensor | None,
    class_vectors: Tensor | None,
) -> Context:
    """Read groups of classes as if they were classes, and then each group by itself.

    A row without a label is read by the group that it most likely belongs to. `read` returns a context and the
    logits (1, U, C) of the pool; the other parameters are those of :meth:`GramReasoner.read_context`.
    """
    groups = group_classes(_class_means(x, y, weight), size)
    group_of = torch.empty(sum(map(len, groups)), dtype=y.dtype, device=y.device)
    for number, members in enumerate(groups):
        group_of[members] = number
    vectors = class_vectors
    if vectors is not None:
        vectors = torch.stack([vectors[:, members].nanmean(1) for members in groups], dim=1)
    among, pool_logits = read(x, group_of[y], len(groups), weight, pool_x, pool_weight, vectors)
    has_pool = pool_x is not None and pool_x.shape[1] > 0
    inside = []
    for number, members in enumerate(groups):
        known = group_of[y[0]] == number
        unknown = pool_logits[0].argmax(-1) == number if has_pool else slice(0)
        is_small = int(known.sum()) * len(members) <= SMALL_GROUP
        with one_torch_thread() if is_small else nullcontext():
            context, _ = read(
                x[:, known],
                torch.searchsorted(members, y[:, known]),
                len(members),
                _taken(weight, known),
                _taken(pool_x, unknown),
                _taken(pool_weight, unknown),
                _taken(class_vectors, members),
            )
        inside.append(context)
    return replace(among, groups=tuple(inside), members=tuple(groups))


def answer_in_groups(
    answer: Callable[[Context, Tensor], Tensor],
    tile: Callable[[Context], int],
    n_open: int,
    context: Context,
    query_x: Tensor,
    group_logits: Tensor,
) -> Tensor:
    """Return log-probabilities (1, M, C) of classes, given the logits (1, M, G) of groups.

    A query looks into its `n_open` most probable groups; in the others it finds all classes equal. `tile` says of how
    many rows the queries of a group come in multiples.
    """
    log_group = log_shares(group_logits).to(group_logits)
    most_probable = log_group.topk(min(n_open, len(context.groups))).indices
    is_open = torch.zeros_like(log_group, dtype=torch.bool).scatter_(-1, most_probable, value=True)
    log_proba = log_group.new_empty(*log_group.shape[:2], sum(map(len, context.members)))
    for number, (group, members) in enumerate(zip(context.groups, context.members, strict=True)):
        inside = log_group.new_full((log_group.shape[1], len(members)), -math.log(len(members)))
        rows = is_open[0, :, number].nonzero()[:, 0]
        if len(rows):
            tiles = F.pad(query_x[:, rows], (0, 0, 0, -len(rows) % tile(group)))
            inside[rows] = log_shares(answer(group, tiles))[0, : len(rows)].to(inside)
        log_proba[..., members] = log_group[..., number : number + 1] + inside
    return log_proba


def _class_means(x: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
    """Return the mean (C, D) of the rows (1, N, D) of each class, centred and scaled."""
    amount = torch.ones_like(x[0, :, 0]) if weight is None else weight[0].to(x.dtype)
    mean, inverse_scale = centre_and_scale(x, amount[None])
    x = (x - mean) * inverse_scale
    n_classes = int(y.max()) + 1
    total = amount.new_zeros(n_classes).index_add(0, y[0], amount)
    return x.new_zeros(n_classes, x.shape[2]).index_add(0, y[0], x[0] * amount[:, None]) / total[:, None]


def _halve(means: Tensor, classes: Tensor, size: int) -> list[Tensor]:
    if len(classes) <= size:
        return [classes]
    centred = means[classes] - means[classes].mean(dim=0)
    # One axis is wanted: the smaller of X X' and X' X costs less than all singular vectors.
    if len(centred) <= centred.shape[1]:
        place = torch.linalg.eigh(centred @ centred.mT).eigenvectors[:, -1]
    else:
        place = centred @ torch.linalg.eigh(centred.mT @ centred).eigenvectors[:, -1]
    # The axis has no direction of its own; the longer tail is put on the right.
    place = place * (1 if float(place.pow(3).sum()) >= 0 else -1)
    in_order = classes[place.argsort(stable=True)]
    middle = len(classes) // 2
    return _halve(means, in_order[:middle], size) + _halve(means, in_order[middle:], size)


def _taken(values: Tensor | None, places: Tensor | slice) -> Tensor | None:
    return None if values is None else values[:, places]
