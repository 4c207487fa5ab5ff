"""Sums of messages over the rows of a large context, in place of the messages themselves.

An inner product with a row, times the row's message, is linear in the row that looks. So is a ridge regression of
messages on rows. Both need no more of many rows than a sum.

Shapes: B tasks, N labelled rows, U rows without a label, R rows of any kind, D features, C classes, K regressions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Summands:
    """What sums of messages are made of, beside these.

    Parameters
    ----------
    weighted : Tensor of shape (B, N + U, D + 1)
        Rows times their weight, the labelled ones first; the weight is the last column.
    n_labelled : int
        N.
    centre : Tensor of shape (B, 1, D)
        Mean of the labelled rows.
    operators, pool_operators : Tensor of shape (B, K, D, D)
        Inverse covariances of labelled rows, and of all, of each regression.
    rows_at_once : int
        Bounds memory.
    """

    weighted: Tensor
    n_labelled: int
    centre: Tensor
    operators: Tensor
    pool_operators: Tensor
    rows_at_once: int

    def parts(self) -> Iterator[slice]:
        """Yield slices of all rows."""
        n_rows = self.weighted.shape[1]
        for start in range(0, n_rows, self.rows_at_once):
            yield slice(start, min(start + self.rows_at_once, n_rows))

    def sum(self, messages: Tensor, rows: slice) -> Tensor:
        """Return sums (B, D + 1, C, channels) of messages (B, C, R, channels), for some of the rows."""
        wide = messages.transpose(1, 2).flatten(2)
        return (self.weighted[:, rows].mT @ wide).unflatten(2, (messages.shape[1], -1))


def fold(sums: Tensor, operators: Tensor, centre: Tensor | None, step: Tensor, width: int) -> Tensor:
    """Turn sums (B, D + 1, C, channels) into what one product moves, (B, D + 1, C channels), an offset in the last row.

    The first `width` channels are for inner products, times `step`; regressions divide the others. Their rows are
    centred on `centre`.
    """
    rows, total = sums[:, :-1], sums[:, -1:]
    first, others = rows[..., :width] * step[..., None], rows[..., width:]
    offset = torch.zeros_like(total)
    if centre is not None:
        others = others - centre.mT[..., None] * total[..., width:]
    parts = others.chunk(operators.shape[1], dim=-1)
    solved = [
        (operator @ part.flatten(2)).unflatten(2, part.shape[2:])
        for operator, part in zip(operators.unbind(1), parts, strict=True)
    ]
    folded = torch.cat([first, *solved], dim=-1)
    if centre is not None:
        offset[..., width:] = -(centre @ folded[..., width:].flatten(2)).unflatten(
            2, offset[..., width:].shape[2:]
        )
    return torch.cat([folded, offset], dim=1).flatten(2)


def move(x: Tensor, folded: Tensor, n_classes: int) -> Tensor:
    """Move messages to rows (B, R, D): (B, C, R, channels)."""
    moved = torch.baddbmm(folded[:, -1:], x.to(folded.dtype), folded[:, :-1])
    return moved.unflatten(2, (n_classes, -1)).transpose(1, 2)
