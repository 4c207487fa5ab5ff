"""What a transformers model gets in one forward pass, and how rows are put together for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


class Batch(NamedTuple):
    """Some rows of a call, ready for the model.

    Parameters
    ----------
    rows : list of int
        Their numbers, B of them.
    inputs : dict of str to Tensor
        Keyword arguments of the model, on its device.
    counts : Tensor of shape (B,), or None
        How many states of each row, from the first on, are no padding; None if all are.
    """

    rows: list[int]
    inputs: dict[str, torch.Tensor]
    counts: torch.Tensor | None


def group_by_size(
    sizes: Sequence[int], max_rows: int, max_padded: int, *, only_equal: bool = False
) -> Iterator[list[int]]:
    """Group rows of about the same size, the largest first, so that little is padding.

    Parameters
    ----------
    sizes : sequence of int
        Size of each row.
    max_rows : int
        Rows a group.
    max_padded : int
        Total size of a group with all rows padded to the largest; only a single row may exceed it.
    only_equal : bool
        Put only rows of the same size together.

    Examples
    --------
    >>> list(group_by_size([1, 9, 2, 2, 1], max_rows=3, max_padded=8))
    [[1], [2, 3, 0], [4]]
    >>> list(group_by_size([1, 9, 2, 2, 1], max_rows=3, max_padded=8, only_equal=True))
    [[1], [2, 3], [0, 4]]
    """
    group: list[int] = []
    for row in sorted(range(len(sizes)), key=lambda row: -sizes[row]):
        largest = sizes[group[0]] if group else sizes[row]
        full = len(group) == max_rows or (len(group) + 1) * largest > max_padded
        if group and (full or (only_equal and sizes[row] != largest)):
            yield group
            group = []
        group.append(row)
    yield group


def encode_batches(
    batches: Iterable[Batch], encode: Callable[[Batch], torch.Tensor], bar: Any
) -> NDArray[np.float32]:
    """Encode batch after batch without gradients, move a bar along, and bring the vectors into the order of rows."""
    import torch

    order: list[int] = []
    vectors = []
    with torch.inference_mode(), bar:
        for batch in batches:
            vectors.append(encode(batch).float().cpu().numpy())
            order += batch.rows
            bar.update(len(batch.rows))
    return np.concatenate(vectors)[np.argsort(order)]
