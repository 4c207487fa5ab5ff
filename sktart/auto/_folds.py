"""Folds for a search: labelled rows are held out, copies of a row together, and rows of rare classes never."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, check_cv

N_FOLDS = 5
# Small sets are split several times, until about so many rows have been held out.
ROWS_HELD_OUT, MOST_REPEATS = 256, 3

Fold = tuple[NDArray[np.intp], NDArray[np.intp]]


def make_folds(
    rows: Any, codes: NDArray[np.intp], groups: NDArray[Any] | None, cv: Any, seed: int
) -> list[Fold]:
    """Return training and test rows of each fold.

    Parameters
    ----------
    rows : rows of any kind
        Handed to a splitter that the user made.
    codes : ndarray of shape (N,)
        Classes; -1 for rows without a label, which are in each training part.
    groups : ndarray of shape (N,) or None
        Rows of a group are held out together.
    cv : None, int or splitter
        None splits five times, small sets repeatedly; fewer times where all classes have fewer rows.
    seed : int
    """
    alone = _places_of_rare_classes(codes, groups)
    split = np.setdiff1d(np.flatnonzero(codes >= 0), alone)
    if len(alone):
        warnings.warn(
            f"{len(alone)} labelled rows are the only ones of their class, so the search cannot hold them out: label "
            "more rows of these classes for a fair score",
            UserWarning,
            stacklevel=4,
        )
    always = np.setdiff1d(np.arange(len(codes)), split)
    if cv is not None and not isinstance(cv, int | np.integer):
        # Splits that users made count all rows.
        every = check_cv(cv, codes, classifier=True).split(rows, codes, groups)
        found = [(np.union1d(train, always), np.intersect1d(test, split)) for train, test in every]
        return [(train, test) for train, test in found if len(test)]
    if not len(split):
        return []
    of_split = None if groups is None else groups[split]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class in y")
        return [
            (np.union1d(split[train], always), split[test])
            for splitter in _splitters(codes[split], of_split, cv, seed)
            for train, test in splitter.split(split, codes[split], of_split)
            if len(test)
        ]


def join_groups(groups: NDArray[Any] | None, copies: NDArray[np.intp] | None, codes: NDArray[np.intp]) -> Any:
    """Return groups in which copies of a row are together as well.

    Where all rows of a class are copies of few, they cannot be, and only the groups of the user count.
    """
    if copies is None or len(np.unique(copies)) == len(copies):
        return groups
    joined = copies
    if groups is not None:
        _, numbers = np.unique(groups, return_inverse=True)
        rows = np.arange(len(copies))
        ends = np.concatenate([len(copies) + copies, 2 * len(copies) + numbers])
        size = 3 * len(copies)
        edges = coo_array((np.ones(len(ends)), (np.tile(rows, 2), ends)), shape=(size, size))
        joined = connected_components(edges, directed=False)[1][: len(copies)]
    of_class = [joined[codes == code] for code in np.unique(codes[codes >= 0])]
    is_split = all(len(np.unique(part)) >= min(len(part), N_FOLDS) for part in of_class)
    return joined if is_split else groups


def keep_rows(folds: list[Fold], kept: NDArray[np.intp]) -> list[Fold]:
    """Return the folds of some rows, which are counted anew."""
    found = [tuple(np.flatnonzero(np.isin(kept, part)) for part in fold) for fold in folds]
    return [(train, test) for train, test in found if len(test)]


def _places_of_rare_classes(codes: NDArray[np.intp], groups: NDArray[Any] | None) -> NDArray[np.intp]:
    """Return rows of classes that have one row, or one group, only."""
    units = np.arange(len(codes)) if groups is None else groups
    rare = [code for code in np.unique(codes[codes >= 0]) if len(np.unique(units[codes == code])) < 2]
    return np.flatnonzero(np.isin(codes, rare))


def _splitters(codes: NDArray[np.intp], groups: NDArray[Any] | None, cv: Any, seed: int) -> list[Any]:
    units = np.arange(len(codes)) if groups is None else groups
    # A class with fewer rows than folds is simply not in each of them.
    largest = max(len(np.unique(units[codes == code])) for code in np.unique(codes))
    n_folds = min(N_FOLDS if cv is None else int(cv), max(largest, 2))
    repeats = 1 if cv is not None else int(np.clip(ROWS_HELD_OUT // len(codes), 1, MOST_REPEATS))
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    return [kind(n_folds, shuffle=True, random_state=seed + repeat) for repeat in range(repeats)]
