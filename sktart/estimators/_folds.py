"""LabelledFolds: cross-validation with rows that have no label."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import check_cv

from sktart.estimators._labels import split_labels


class LabelledFolds:
    """Splits labelled rows into folds, and puts all rows without a label into each training part.

    scikit-learn's own splitters put rows without a label into test parts too, where they count as mistakes, or refuse
    missing labels.

    Parameters
    ----------
    cv : int or splitter, default=5
        How labelled rows are split, numbered among themselves; an integer stands for stratified folds.
    unlabelled : object, default=-1
        Marker of rows without a label, the same as that of the estimator; missing labels count as such as well.

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
        labelled, *parts = self._labelled(y, groups)
        others = np.setdiff1d(np.arange(len(y)), labelled)
        for train, test in self._splitter(parts[1]).split(*parts):
            yield np.sort(np.concatenate([labelled[train], others])), labelled[test]

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds."""
        if y is None:
            return self._splitter(None).get_n_splits(X, y, groups)
        _, *parts = self._labelled(y, groups)
        return self._splitter(parts[1]).get_n_splits(*parts)

    def _splitter(self, labels: Any) -> Any:
        if not (isinstance(self.cv, Integral) or hasattr(self.cv, "split")):
            raise ValueError(f"cv must be an integer or a splitter such as KFold(5); got {self.cv!r}")
        return check_cv(self.cv, labels, classifier=True)

    def _labelled(self, y: Any, groups: Any) -> tuple[NDArray[np.intp], NDArray[Any], NDArray[Any], Any]:
        """Return the numbers of labelled rows, and for these what a splitter takes for X, y and groups."""
        has_label, labels = split_labels(y, self.unlabelled)
        labelled = np.flatnonzero(has_label)
        if len(labelled) < 2:
            raise ValueError(
                f"y must have a label for at least two rows to split; got {len(labelled)}: "
                f"label more, or check the marker unlabelled={self.unlabelled!r}"
            )
        return labelled, labelled[:, None], labels, None if groups is None else np.asarray(groups)[labelled]

    def __repr__(self) -> str:
        return f"LabelledFolds({self.cv!r}, unlabelled={self.unlabelled!r})"
