"""Which labelled rows a reasoner reads, and in which order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

Rows = NDArray[Any]


def draw_contexts(
    codes: Rows, *, max_rows: int | None, n_draws: int, in_order: bool, random_state: Any
) -> list[Rows]:
    """Choose row numbers for each context.

    Parameters
    ----------
    codes : ndarray of shape (N,)
        Class of each row.
    max_rows : int or None
        Rows of one context; where there are more, each context is a stratified draw of that many.
    n_draws : int
        Contexts wanted. Draws of all rows differ in their order only, so that a reasoner which does not see the
        order gets one.
    in_order : bool
        Whether the reasoner sees the order. The first context of all rows then keeps the order given.
    random_state : int, RandomState or None

    Returns
    -------
    list of ndarray of shape (n,)

    Examples
    --------
    >>> codes = np.array([0, 0, 1, 1])
    >>> draw_contexts(codes, max_rows=None, n_draws=2, in_order=True, random_state=0)
    [array([0, 1, 2, 3]), array([2, 3, 1, 0])]
    >>> [rows.size for rows in draw_contexts(codes, max_rows=2, n_draws=3, in_order=False, random_state=0)]
    [2, 2, 2]
    """
    rng = check_random_state(random_state)
    n_rows = len(codes)
    if max_rows is not None and n_rows > max_rows:
        return [_stratified(codes, max_rows, rng) for _ in range(n_draws)]
    if not in_order:
        return [np.arange(n_rows)]
    return [np.arange(n_rows), *(rng.permutation(n_rows) for _ in range(n_draws - 1))]


def _stratified(codes: Rows, size: int, rng: np.random.RandomState) -> Rows:
    """Draw `size` rows in random order, classes in proportion but each at least once."""
    shuffled = rng.permutation(len(codes))
    place = np.empty(len(codes))  # of each row in its class, as a share of the class
    for code in np.unique(codes):
        members = shuffled[codes[shuffled] == code]
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
        place[members[0]] = 0
    return rng.permutation(shuffled[np.argsort(place[shuffled], kind="stable")][:size])


def canonical_context(
    X: np.ndarray, codes: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Merge equal labelled rows and sort by content, so that sums have one order and predictions the same bits.

    Examples
    --------
    >>> x, codes, weight = canonical_context(np.array([[2.0], [1.0], [2.0]]), np.array([0, 1, 0]), np.ones(3))
    >>> sorted(zip(x.ravel().tolist(), codes.tolist(), weight.tolist()))
    [(1.0, 1, 1.0), (2.0, 0, 2.0)]
    """
    rows = np.column_stack([X.astype(np.float64) + 0.0, codes])  # + 0.0 turns -0.0 into 0.0
    keys = np.ascontiguousarray(rows).view(f"V{rows.shape[1] * rows.itemsize}").ravel()
    order = sorted(range(len(keys)), key=lambda i: (keys[i].tobytes(), weight[i]))
    is_new = np.ones(len(order), dtype=bool)
    is_new[1:] = (rows[order][1:] != rows[order][:-1]).any(axis=1)
    total = np.bincount(is_new.cumsum() - 1, weights=weight[order])
    first = np.asarray(order)[is_new]
    return rows[first, :-1], codes[first], total
