"""LabelledFolds: cross-validation with rows that have no label."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import check_cv

from sktart.estimators._labels import split_labels


class LabelledFolds:
    """Splits labelled rows into folds, and puts all rows without a label into each training part.

    scikit-learn's own splitters put rows without a label into test parts too, where they count as mistakes. Scores of
    scikit-learn take labels of one type only, so mark these rows by a number such as -1, or by a text, not by None.

    Parameters
    ----------
    cv : int, splitter or iterable, default=5
        How labelled rows are split, as for ``cross_val_score``; an integer stands for stratified folds.
    unlabelled : object, default=-1
        Marker of rows without a label; missing labels count as such as well.

    Examples
    --------
    >>> from sktart import LabelledFolds
    >>> [test.tolist() for train, test in LabelledFolds(2).split(None, [0, 1, -1, 0, 1, -1])]
    [[0, 1], [3, 4]]
    """

    def __init__(self, cv: Any = 5, *, unlabelled: Any = -1) -> None:
        self.cv = cv
        self.unlabelled = unlabelled

    def split(
        self, X: Any, y: Any, groups: Any = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Return training and test rows of each fold.

        Parameters
        ----------
        X : array-like or None
            Is not looked at.
        y : array-like of shape (n,)
        groups : array-like of shape (n,), optional
            Handed to `cv`, for labelled rows.

        Raises
        ------
        ValueError
            If fewer than two rows have a label.
        """
        has_label, labels = split_labels(y, self.unlabelled)
        labelled, others = np.flatnonzero(has_label), np.flatnonzero(~has_label)
        if len(labelled) < 2:
            raise ValueError(
                f"y must have a label for at least two rows to split; got {len(labelled)}: "
                f"label more, or check the marker unlabelled={self.unlabelled!r}"
            )
        of_labelled = None if groups is None else np.asarray(groups)[labelled]
        splitter = check_cv(self.cv, labels, classifier=True)
        for train, test in splitter.split(labelled[:, None], labels, of_labelled):
            yield np.sort(np.concatenate([labelled[train], others])), labelled[test]

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds."""
        labels = None if y is None else split_labels(y, self.unlabelled)[1]
        return check_cv(self.cv, labels, classifier=True).get_n_splits(X, labels, groups)

    def __repr__(self) -> str:
        return f"LabelledFolds({self.cv!r}, unlabelled={self.unlabelled!r})"
