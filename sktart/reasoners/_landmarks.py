"""Which rows of a large context attention looks at, and for how many others each of them stands.

Shapes: N rows, S strata, L landmarks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def choose_landmarks(
    strata: NDArray[np.integer], order: NDArray[np.floating], weight: NDArray[np.floating], size: int, least: int
) -> tuple[NDArray[np.intp], NDArray[np.floating]]:
    """Choose about `size` rows, in each stratum evenly spread along an order, by systematic sampling.

    Nothing is random, and a row of weight 2 is the row twice. A stratum with few rows is taken whole.

    Parameters
    ----------
    strata : ndarray of shape (N,)
        Stratum of each row, counted from 0.
    order : ndarray of shape (N,)
        What the rows of a stratum are sorted by.
    weight : ndarray of shape (N,)
        Positive.
    size : int
        Landmarks wanted; strata get their share of the weight.
    least : int
        Fewest landmarks of a stratum.

    Returns
    -------
    rows : ndarray of shape (L,)
        In increasing order.
    weight : ndarray of shape (L,)
        Sums to that of all rows, in each stratum.

    Examples
    --------
    >>> choose_landmarks(np.array([0, 0, 0, 0, 1]), np.array([4.0, 3, 2, 1, 0]), np.ones(5), size=2, least=1)
    (array([0, 2, 4]), array([2., 2., 1.]))
    """
    share = size / weight.sum()
    rows, weights = [], []
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        members = members[np.argsort(order[members], kind="stable")]
        ends = weight[members].cumsum()
        wanted = max(least, round(share * ends[-1]))
        if wanted >= len(members):
            rows.append(members), weights.append(weight[members])
            continue
        step = ends[-1] / wanted
        found, times = np.unique(np.searchsorted(ends, (np.arange(wanted) + 0.5) * step), return_counts=True)
        rows.append(members[found]), weights.append(times * step)
    chosen = np.concatenate(rows)
    by_place = np.argsort(chosen)
    return chosen[by_place], np.concatenate(weights)[by_place]
