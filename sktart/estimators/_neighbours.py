"""What distances between rows tell: how usual a row is, and which rows stand for others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors

from sktart.contexts._known import Known

N_NEIGHBOURS = 10


def typicality(known: Known, X: NDArray[Any]) -> NDArray[np.float64]:
    """Return the share of known rows that lie at least as far from their nearest others as a query does, (M,)."""
    rows = np.concatenate([known.labelled.x, known.pool.x]).astype(np.float64)
    # Far from 0, squares would lose the digits that distances are in.
    centre = rows.mean(axis=0)
    rows, X = rows - centre, X - centre
    n_neighbours = min(N_NEIGHBOURS, len(rows) - 1)
    if n_neighbours < 1:
        raise ValueError(f"typicality needs at least two rows in the context; got {len(rows)}: give more")
    nearest = NearestNeighbors(n_neighbors=n_neighbours).fit(rows)
    usual = np.sort(nearest.kneighbors()[0].mean(axis=1))  # of each row without itself
    far = nearest.kneighbors(X)[0].mean(axis=1)
    n_further = len(rows) - np.searchsorted(usual, far)
    return (n_further + 1) / (len(rows) + 1)


def suggest_rows(
    labelled: NDArray[Any], X: NDArray[Any], doubt: NDArray[np.float64], n: int
) -> NDArray[np.intp]:
    """Choose rows one after the other, each of which brings rows in doubt closest to a labelled or chosen one.

    The gain of a choice is by how much it lowers the sum of doubt times squared distance to the nearest such row.
    """
    centre = X.mean(axis=0)
    X, labelled = X - centre, labelled - centre
    between = pairwise_distances(X, metric="sqeuclidean")
    if len(labelled):
        nearest = pairwise_distances(X, labelled, metric="sqeuclidean").min(axis=1)
    else:  # descriptions alone: all are equally far from what is known
        nearest = np.full(len(X), between.max())
    chosen: list[int] = []
    for _ in range(n):
        gain = doubt @ np.maximum(nearest[:, None] - between, 0)
        gain[chosen] = -np.inf
        chosen.append(int(gain.argmax()))
        nearest = np.minimum(nearest, between[:, chosen[-1]])
    return np.array(chosen)
