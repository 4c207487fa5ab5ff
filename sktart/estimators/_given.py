"""Given: the rows and labels that a fitted estimator goes by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sktart.contexts._context_rows import ContextRows
from sktart.contexts._known import Known
from sktart.estimators._labels import class_factors, join_labels, unique_labels


@dataclass(frozen=True)
class Given:
    """What may be read, and the labels of its classes.

    Parameters
    ----------
    known : Known
        Rows of positive weight, numbered in the order in which the user gave them.
    classes : ndarray of shape (C,)
        Labels, sorted.
    is_listed : ndarray of shape (C,)
        Classes that the user listed, which stay without a row.
    n_rows : int
        Rows given so far, those that were forgotten included: the number of the next one.
    """

    known: Known
    classes: NDArray[Any]
    is_listed: NDArray[np.bool_]
    n_rows: int

    def plus(self, new: Given) -> Given:
        """Add what was given later; its rows are numbered after those that were here before."""
        classes, codes = unique_labels(join_labels(self.classes, new.classes))
        first, second = np.split(codes, [len(self.classes)])
        new = replace(new, known=new.known.shifted(self.n_rows))
        parts = [self._recoded(classes, first), new._recoded(classes, second)]
        is_listed = parts[0].is_listed | parts[1].is_listed
        return Given(parts[0].known.plus(parts[1].known), classes, is_listed, self.n_rows + new.n_rows)

    def without(self, rows: NDArray[np.intp]) -> Given:
        """Leave out the rows with some numbers, and classes that nothing speaks of any more."""
        known = self.known
        return self._with(
            known.labelled.take(~np.isin(known.labelled.numbers, rows)),
            known.pool.take(~np.isin(known.pool.numbers, rows)),
        )

    def holding(self, places: NDArray[Any]) -> Given:
        """Keep the labelled rows at some places, as a mask or numbers, and all without a label."""
        return self._with(self.known.labelled.take(places), self.known.pool)

    def latest(self, max_rows: int | None, max_pool: int | None) -> Given:
        """Keep the rows that were given last."""
        parts = zip((self.known.labelled, self.known.pool), (max_rows, max_pool), strict=True)
        return self._with(*(part if size is None else part.latest(size) for part, size in parts))

    def log_prior_shift(self, class_weight: Any) -> NDArray[np.float64]:
        """Return what `class_weight` adds to the log-probability of each class, (C,)."""
        rows = self.known.labelled
        assert rows.codes is not None
        return np.log(class_factors(class_weight, self.classes, rows.codes, rows.weight))

    def _with(self, labelled: ContextRows, pool: ContextRows) -> Given:
        known = replace(self.known, labelled=labelled, pool=pool)
        stays = self.is_listed | known.has_rows | known.is_described
        codes = np.where(stays, stays.cumsum() - 1, -1)
        return replace(self, known=known)._recoded(self.classes[stays], codes)

    def _recoded(self, classes: NDArray[Any], codes: NDArray[np.intp]) -> Given:
        """Give class `i` the place ``codes[i]`` among `classes`; one with -1 has neither rows nor a description."""
        is_listed = np.zeros(len(classes), dtype=bool)
        is_listed[codes[codes >= 0]] = self.is_listed[codes >= 0]
        return Given(self.known.recoded(codes, len(classes)), classes, is_listed, self.n_rows)
