"""The metric of all rows: directions along which rows spread count for more.

Classes mostly differ along such directions, so rows without a label tell how to compare rows. That holds for rows that
spread along many directions, as embeddings of texts do; others are compared more or less as they are.

Shapes: B tasks, R rows, D features.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

# The share of the metric by spread with any number of effective dimensions, and with which number half of that.
SHARE = 0.5
DIMENSIONS = 40.0
# With more features than this, and than rows, nothing that has the square of the features is computed.
WIDEST = 2048

Root = tuple[Tensor, ...]


def root_of_metric(x: Tensor, weight: Tensor) -> Root:
    """Return a root of the metric of rows: what `in_metric` makes of rows is to be compared as if it were the rows.

    The metric is a mean of two: in the one all directions are alike, in the other a direction counts for as much as
    rows spread along it. In both, rows have a mean squared length of 1.

    Parameters
    ----------
    x : Tensor of shape (B, R, D)
        Centred, with a mean squared length of 1.
    weight : Tensor of shape (B, R)

    Returns
    -------
    tuple of Tensor
        A matrix (B, D, D). For wide rows, one (B, D, R or a little more), whose products stand behind the features,
        and a factor (B, 1, 1) of the features.

    References
    ----------
    Chapelle, Weston, Schölkopf. Cluster kernels for semi-supervised learning. NeurIPS 15, 2002.
    """
    exact = torch.float32 if x.device.type == "mps" else torch.float64
    with torch.autocast(x.device.type, enabled=False):
        share = (weight / weight.sum(1, keepdim=True))[..., None]
        if x.shape[2] > max(WIDEST, x.shape[1]):
            rows = (x * share.sqrt()).to(exact)
            part, dimension = _part_by_spread(rows @ rows.mT)
            # To whole cache lines, as `aligned` says.
            products = F.pad((part * dimension).sqrt() * rows, (0, 0, 0, -x.shape[1] % 16))
            return products.mT.to(x.dtype), (1 - part).sqrt().to(x.dtype)
        covariance = ((x * share).mT @ x).to(exact)
        part, dimension = _part_by_spread(covariance)
        identity = torch.eye(x.shape[2], dtype=exact, device=x.device)
        metric = (1 - part) * identity + part * dimension * covariance
        # Not `cholesky`, which raises where features overflow: the answer is then not a number, and the caller says so.
        return (torch.linalg.cholesky_ex(metric)[0].to(x.dtype),)


def _part_by_spread(square: Tensor) -> tuple[Tensor, Tensor]:
    """Return the share of the metric by spread and the effective dimension, (B, 1, 1), from X' X or X X' of rows."""
    size = square.square().sum(dim=(1, 2), keepdim=True)
    # 1 where all rows are equal, and nothing is known of directions.
    dimension = 1 / size.where(size > 0, 1.0)
    return SHARE / (1 + (DIMENSIONS / dimension).square()), dimension


def in_metric(x: Tensor, root: Root) -> Tensor:
    """Return rows or descriptions (B, R, D) as they are compared; as they are where there is no root."""
    if not root:
        return x
    with torch.autocast(x.device.type, enabled=False):
        matrix, *factor = (part.to(x.dtype) for part in root)
        moved = x @ matrix
        return torch.cat([x * factor[0], moved], dim=-1) if factor else moved
