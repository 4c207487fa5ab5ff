"""Given: the rows and labels that a fitted estimator goes by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sktart.contexts._context_rows import ContextRows
from sktart.contexts._known import Known
from sktart.estimators._labels import join_labels


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
        classes = np.unique(join_labels(self.classes, new.classes))
        parts = [
            part._recoded(classes) for part in (self, replace(new, known=new.known.shifted(self.n_rows)))
        ]
        is_listed = parts[0].is_listed | parts[1].is_listed
        return Given(parts[0].known.plus(parts[1].known), classes, is_listed, self.n_rows + new.n_rows)

    def without(self, rows: NDArray[np.intp]) -> Given:
        """Leave out the rows with some numbers, and classes that nothing speaks of any more."""
        known = self.known
        return self._with(
            known.labelled.take(np.flatnonzero(~np.isin(known.labelled.numbers, rows))),
            known.pool.take(np.flatnonzero(~np.isin(known.pool.numbers, rows))),
        )

    def holding(self, places: NDArray[Any]) -> Given:
        """Keep the labelled rows at some places, as a mask or numbers, and all without a label."""
        return self._with(
            self.known.labelled.take(np.arange(len(self.known.labelled))[places]), self.known.pool
        )

    def latest(self, max_rows: int | None, max_pool: int | None) -> Given:
        """Keep the rows that were given last."""
        parts = zip((self.known.labelled, self.known.pool), (max_rows, max_pool), strict=True)
        return self._with(*(part if size is None else part.latest(size) for part, size in parts))

    def _with(self, labelled: ContextRows, pool: ContextRows) -> Given:
        known = replace(self.known, labelled=labelled, pool=pool)
        stays = self.is_listed | known.has_rows | known.is_described
        return Given(known, self.classes, self.is_listed, self.n_rows)._recoded(self.classes[stays])

    def _recoded(self, classes: NDArray[Any]) -> Given:
        """Count classes among `classes`, which may be more, or leave out classes without a row."""
        is_kept = np.isin(self.classes, classes)
        codes = np.searchsorted(classes, self.classes)
        is_listed = np.zeros(len(classes), dtype=bool)
        is_listed[codes[is_kept]] = self.is_listed[is_kept]
        return Given(self.known.recoded(codes, is_kept, len(classes)), classes, is_listed, self.n_rows)
