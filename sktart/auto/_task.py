"""What a search works on: rows with labels, and the folds that hold them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing

from sktart.auto._folds import Fold, join_groups, keep_rows, make_folds
from sktart.auto._models import Labels, read_labels
from sktart.auto._rows import RowReader


@dataclass(frozen=True)
class Task:
    """Rows that count, what is known of them, and folds.

    Parameters
    ----------
    rows : rows of any kind
    labels : Labels
    folds : list of Fold
    kept : ndarray of shape (N,)
        Places of the rows among those that the user gave; rows of weight 0 are left out.
    """

    rows: Any
    labels: Labels
    folds: list[Fold]
    kept: NDArray[np.intp]

    @property
    def held_out(self) -> NDArray[np.intp]:
        """Places of rows that are held out by any fold."""
        every = [test for _, test in self.folds]
        return np.unique(np.concatenate(every)) if every else np.empty(0, dtype=np.intp)


def make_task(
    reader: RowReader,
    rows: Any,
    y: Any,
    sample_weight: Any,
    groups: Any,
    *,
    cv: Any,
    unlabelled: Any,
    descriptions: Mapping[Any, list[str]] | None,
    seed: int,
) -> Task:
    """Check labels, leave out rows of weight 0, and make folds.

    Raises
    ------
    ValueError
        If labels, weights or groups break their rule, or fewer than two classes have a labelled row.
    """
    labels = read_labels(y, sample_weight, unlabelled, descriptions)
    groups = None if groups is None else np.asarray(groups)
    has_splitter = not (cv is None or isinstance(cv, Integral))
    # Splits that users made count all rows.
    folds = make_folds(rows, labels.codes, groups, cv, seed) if has_splitter else []
    kept = np.arange(len(labels.codes))
    if labels.weight is not None and not labels.weight.all():
        kept = np.flatnonzero(labels.weight)
        rows, folds = _safe_indexing(rows, kept), keep_rows(folds, kept)
        groups = None if groups is None else groups[kept]
        # A class may be gone with them.
        labels = read_labels(_safe_indexing(y, kept), labels.weight[kept], unlabelled, descriptions)
    if len(np.unique(labels.codes[labels.labelled])) < 2:
        raise ValueError(
            f"y must have labelled rows of at least two classes; got one class or none, {labels.classes.tolist()}: "
            "label rows of another class, or describe classes to TartClassifier"
        )
    if not has_splitter:
        groups = join_groups(groups, reader.copies(rows), labels.codes)
        folds = make_folds(rows, labels.codes, groups, cv, seed)
    return Task(rows, labels, folds, kept)
