"""What users say of classes, as directions in the space of rows, and how far labelled rows bear them out.

Shapes: B tasks, N labelled rows, R rows of any kind, D features, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

N_SCALARS = 3  # whether a class is described, and two correlations


@dataclass(frozen=True)
class Descriptions:
    """Descriptions that were read; without any, both tensors have no class.

    Parameters
    ----------
    directions : Tensor of shape (B, C, D) or (B, 0, D)
        Inner products with centred rows are scores: their root mean square over rows and described classes is 1.
    scalars : Tensor of shape (B, C, 3) or (B, 0, 3)
        Of each class: whether it is described, and the correlation of scores with labels, of the class and overall.
    """

    directions: Tensor
    scalars: Tensor

    def __bool__(self) -> bool:
        return self.directions.shape[1] > 0

    def scores(self, x: Tensor) -> Tensor:
        """Return how well each row fits each class, (B, C, R)."""
        with torch.autocast(x.device.type, enabled=False):
            # Rows first: the bits of a product depend on the place of its columns.
            return (x @ self.directions.mT).mT


def no_descriptions(x: Tensor) -> Descriptions:
    """Return what stands for none."""
    return Descriptions(x.new_zeros(len(x), 0, x.shape[2]), x.new_zeros(len(x), 0, N_SCALARS))


def read_descriptions(
    class_vectors: Tensor, x: Tensor, weight: Tensor, one_hot: Tensor, dtype: torch.dtype
) -> Descriptions:
    """Turn a vector a class into scores of rows.

    Parameters
    ----------
    class_vectors : Tensor of shape (B, C, D)
        Not a number for classes without any. A common offset and a positive factor change nothing.
    x : Tensor of shape (B, N + U, D)
        All rows that are read, centred; the N labelled ones first.
    weight : Tensor of shape (B, N + U)
    one_hot : Tensor of shape (B, C, N)
    dtype : torch.dtype
        Of the answer.
    """
    with torch.autocast(x.device.type, enabled=False):
        described = ~class_vectors.isnan().any(-1, keepdim=True)  # (B, C, 1)
        vectors = class_vectors.where(described, 0.0)
        mean = vectors.sum(1, keepdim=True) / described.sum(1, keepdim=True).clamp_min(1)
        directions = (vectors - mean) * described
        # Vectors that are equal up to rounding say nothing.
        rounding = 10 * torch.finfo(vectors.dtype).eps * vectors.abs().amax(dim=(1, 2), keepdim=True)
        directions = _scaled(directions, directions.abs().amax(dim=(1, 2), keepdim=True), rounding).to(dtype)
        known = described.to(dtype)
        scores = directions @ x.mT  # (B, C, N + U)
        share = (weight / weight.sum(1, keepdim=True))[:, None]
        square = (share * scores.square()).sum(dim=(1, 2)) / known.sum(dim=(1, 2)).clamp_min(1)
        directions = _scaled(directions, square.sqrt()[:, None, None], torch.finfo(dtype).eps)
        n_labelled = one_hot.shape[2]
        within = _correlations(scores[..., :n_labelled], one_hot, weight[:, :n_labelled])
        return Descriptions(directions, torch.cat([known, within * known], dim=-1))


def _correlations(scores: Tensor, one_hot: Tensor, weight: Tensor) -> Tensor:
    """Correlate scores (B, C, N) with labels over labelled rows: for each class, and over all, (B, C, 2)."""
    share = (weight / weight.sum(1, keepdim=True))[:, None]
    scores, target = (part - (share * part).sum(-1, keepdim=True) for part in (scores, one_hot))
    sums = [(share * product).sum(-1) for product in (scores * target, scores.square(), target.square())]
    overall = [part.sum(1, keepdim=True).expand_as(part) for part in sums]
    tiny = torch.finfo(scores.dtype).tiny
    return torch.stack(
        [
            covariance / (spread * labels).sqrt().clamp_min(tiny**0.5)
            for covariance, spread, labels in (sums, overall)
        ],
        dim=-1,
    )


def _scaled(directions: Tensor, size: Tensor, least: Tensor | float) -> Tensor:
    """Divide by a size; directions of less than `least` say nothing, and become 0."""
    says = size > least
    return torch.where(says, directions / size.where(says, 1.0), 0.0)
