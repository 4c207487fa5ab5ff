"""ContextRows: rows with their labels, or none, and weights; and draws of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state


@dataclass(frozen=True)
class ContextRows:
    """Checked rows that a context may hold.

    Parameters
    ----------
    x : ndarray of shape (N, D)
        Features.
    codes : ndarray of shape (N,), or None
        Class of each row, counted from 0; None for rows without labels.
    weight : ndarray of shape (N,)
        How often each row counts; positive.
    numbers : ndarray of shape (N,)
        Number of each row among those that the user gave.
    """

    x: NDArray[Any]
    codes: NDArray[Any] | None
    weight: NDArray[Any]
    numbers: NDArray[Any]

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: NDArray[Any]) -> ContextRows:
        """Return some of the rows, by a mask or by their places, in the order of these."""
        codes = None if self.codes is None else self.codes[rows]
        # Without `reshape`, no rows at all have strides that they do not have after joblib, which hashes see.
        x = self.x[rows].reshape(-1, self.x.shape[1])
        return ContextRows(x, codes, self.weight[rows], self.numbers[rows])

    def shifted(self, n_rows: int) -> ContextRows:
        """Let `n_rows` other rows come before these in their numbers."""
        return replace(self, numbers=self.numbers + n_rows)

    def plus(self, new: ContextRows) -> ContextRows:
        """Append rows of the same kind."""
        codes = None
        if self.codes is not None and new.codes is not None:
            codes = np.concatenate([self.codes, new.codes])
        return ContextRows(
            np.concatenate([self.x, new.x]),
            codes,
            np.concatenate([self.weight, new.weight]),
            np.concatenate([self.numbers, new.numbers]),
        )

    def latest(self, size: int) -> ContextRows:
        """Return the `size` rows that came last, but of each class one at least.

        Examples
        --------
        >>> rows = ContextRows(np.eye(4), np.array([0, 1, 1, 1]), np.ones(4), np.arange(4))
        >>> rows.latest(2).numbers
        array([0, 3])
        """
        codes = np.zeros(len(self), dtype=int) if self.codes is None else self.codes
        newest_first = np.arange(len(self))[::-1]
        _, first = np.unique(codes[newest_first], return_index=True)
        is_last_of_class = np.isin(np.arange(len(self)), first)
        order = newest_first[np.argsort(~is_last_of_class, kind="stable")]
        return self.take(np.sort(order[:size]))

    def repeated(self) -> ContextRows:
        """Return each row as often as its weight says, where all weights are whole numbers, else the rows as they are.

        Examples
        --------
        >>> rows = ContextRows(np.eye(2), np.array([0, 1]), np.array([2.0, 1.0]), np.arange(2))
        >>> rows.repeated().numbers
        array([0, 0, 1])
        """
        counts = np.rint(self.weight).astype(int)
        if (counts == 1).all() or (counts != self.weight).any():
            return self
        every = self.take(np.repeat(np.arange(len(self)), counts))
        return ContextRows(every.x, every.codes, np.ones(len(every)), every.numbers)

    def draw(
        self, *, max_rows: int | None, n_draws: int, in_order: bool, random_state: Any
    ) -> list[ContextRows]:
        """Draw the rows of each context.

        Parameters
        ----------
        max_rows : int or None
            Rows of one context. Where there are more, each context is a stratified draw of that many.
        n_draws : int
            Contexts wanted. Draws of all rows differ in their order only, so a reasoner that does not see the
            order gets one.
        in_order : bool
            Whether the reasoner sees the order. The first context of all rows then keeps the order given.
        random_state : int, RandomState or None

        Examples
        --------
        >>> rows = ContextRows(np.eye(4), np.array([0, 0, 1, 1]), np.ones(4), np.arange(4))
        >>> [part.numbers for part in rows.draw(max_rows=None, n_draws=2, in_order=True, random_state=0)]
        [array([0, 1, 2, 3]), array([2, 3, 1, 0])]
        >>> [len(part) for part in rows.draw(max_rows=2, n_draws=3, in_order=False, random_state=0)]
        [2, 2, 2]
        """
        rng = check_random_state(random_state)
        if max_rows is not None and len(self) > max_rows:
            return [self.take(self._stratified(max_rows, rng)) for _ in range(n_draws)]
        orders = (rng.permutation(len(self)) for _ in range(n_draws - 1 if in_order else 0))
        return [self, *map(self.take, orders)]

    def merged(self) -> ContextRows:
        """Merge equal rows and sort by content, so that sums have one order and predictions the same bits.

        Examples
        --------
        >>> rows = ContextRows(np.array([[2.0], [1.0], [2.0]]), np.array([0, 1, 0]), np.ones(3), np.arange(3))
        >>> merged = rows.merged()
        >>> sorted(zip(merged.x.ravel().tolist(), merged.codes.tolist(), merged.weight.tolist()))
        [(1.0, 1, 1.0), (2.0, 0, 2.0)]
        """
        if not len(self):
            return self
        x = self.x.astype(np.float64) + 0.0  # turns -0.0 into 0.0
        rows = x if self.codes is None else np.column_stack([x, self.codes])
        keys = np.ascontiguousarray(rows).view(f"V{rows.shape[1] * rows.itemsize}").ravel()
        order = np.array(sorted(range(len(self)), key=lambda i: (keys[i].tobytes(), self.weight[i])))
        is_new = np.ones(len(order), dtype=bool)
        is_new[1:] = (rows[order][1:] != rows[order][:-1]).any(axis=1)
        total = np.bincount(is_new.cumsum() - 1, weights=self.weight[order])
        first = self.take(order[is_new])
        return ContextRows(x[order[is_new]], first.codes, total, first.numbers)

    def _stratified(self, size: int, rng: np.random.RandomState) -> NDArray[Any]:
        """Draw the numbers of `size` rows in random order, classes in proportion but each at least once."""
        codes = np.zeros(len(self), dtype=int) if self.codes is None else self.codes
        shuffled = rng.permutation(len(self))
        place = np.empty(len(self))  # of each row in its class, as a share of the class
        for code in np.unique(codes):
            members = shuffled[codes[shuffled] == code]
            place[members] = (np.arange(len(members)) + 0.5) / len(members)
            place[members[0]] = 0
        return rng.permutation(shuffled[np.argsort(place[shuffled], kind="stable")][:size])
