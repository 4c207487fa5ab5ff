"""The metric of all rows: directions along which rows spread count for more.

Classes mostly differ along such directions, so rows without a label tell how to compare rows. That holds for rows that
spread along many directions, as embeddings of texts do; others are compared more or less as they are.

Shapes: B tasks, R rows, D features.
"""

from __future__ import annotations

import torch
from torch import Tensor

# The share of the metric by spread with any number of effective dimensions, and with which number half of that.
SHARE = 0.5
DIMENSIONS = 40.0


def root_of_metric(x: Tensor, weight: Tensor) -> Tensor:
    """Return a root of the metric of rows, (B, D, D): rows times it are to be compared as if they were the rows.

    The metric is a mean of two: in the one all directions are alike, in the other a direction counts for as much as
    rows spread along it. In both, rows have a mean squared length of 1.

    Parameters
    ----------
    x : Tensor of shape (B, R, D)
        Centred, with a mean squared length of 1.
    weight : Tensor of shape (B, R)

    References
    ----------
    Chapelle, Weston, Schölkopf. Cluster kernels for semi-supervised learning. NeurIPS 15, 2002.
    """
    exact = torch.float32 if x.device.type == "mps" else torch.float64
    with torch.autocast(x.device.type, enabled=False):
        share = (weight / weight.sum(1, keepdim=True))[..., None]
        covariance = ((x * share).mT @ x).to(exact)
        square = covariance.square().sum(dim=(1, 2), keepdim=True)
        dimension = 1 / square.where(
            square > 0, 1.0
        )  # 1 where all rows are equal, and nothing is known of directions
        part = SHARE / (1 + (DIMENSIONS / dimension).square())
        identity = torch.eye(x.shape[2], dtype=exact, device=x.device)
        metric = (1 - part) * identity + part * dimension * covariance
        # Not `cholesky`, which raises where features overflow: the answer is then not a number, and the caller says so.
        return torch.linalg.cholesky_ex(metric)[0].to(x.dtype)


def in_metric(x: Tensor, root: tuple[Tensor, ...]) -> Tensor:
    """Return rows or descriptions (B, R, D) as they are compared: times the root of the metric, if there is one."""
    for matrix in root:
        with torch.autocast(x.device.type, enabled=False):
            x = x @ matrix.to(x.dtype)
    return x
