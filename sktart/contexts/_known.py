"""Known: all that a reasoner may read of a task, and what it makes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sktart.contexts._context_rows import ContextRows

if TYPE_CHECKING:
    from sktart.reasoners._base import Reasoner


@dataclass(frozen=True)
class Known:
    """Checked rows with and without labels, and descriptions of classes.

    Parameters
    ----------
    labelled : ContextRows
        May be empty where there is a pool and descriptions.
    pool : ContextRows
        Rows without labels; their codes are None.
    n_classes : int
    class_vectors : ndarray of shape (C, D), or None
        Description of each class, NaN for a class without any.
    """

    labelled: ContextRows
    pool: ContextRows
    n_classes: int
    class_vectors: NDArray[Any] | None = None

    @property
    def has_more(self) -> bool:
        """Whether there is anything beside labelled rows."""
        return len(self.pool) > 0 or self.class_vectors is not None

    def draw(
        self,
        *,
        max_rows: int | None,
        max_pool: int | None,
        n_draws: int,
        in_order: bool,
        random_state: Any,
    ) -> list[Known]:
        """Draw what each context holds, as `ContextRows.draw` does; of the pool at most `max_pool` rows, the same."""
        rng = check_random_state(random_state)
        drawn = self.labelled.draw(max_rows=max_rows, n_draws=n_draws, in_order=in_order, random_state=rng)
        pool = self.pool
        if max_pool is not None and len(pool) > max_pool:
            pool = pool.take(np.sort(rng.choice(len(pool), max_pool, replace=False)))
        return [replace(self, labelled=part, pool=pool) for part in drawn]

    @property
    def has_rows(self) -> NDArray[np.bool_]:
        """Which classes have a labelled row, (C,)."""
        return np.isin(np.arange(self.n_classes), np.asarray(self.labelled.codes))

    @property
    def is_described(self) -> NDArray[np.bool_]:
        """Which classes have a description, (C,)."""
        if self.class_vectors is None:
            return np.zeros(self.n_classes, dtype=bool)
        return ~np.isnan(self.class_vectors).any(axis=1)

    def recoded(self, codes: NDArray[np.intp], n_classes: int) -> Known:
        """Give class `i` the code ``codes[i]``; one with -1 has neither rows nor a description."""
        labelled, vectors = self.labelled, None
        if self.class_vectors is not None:
            vectors = np.full((n_classes, self.class_vectors.shape[1]), np.nan)
            vectors[codes[codes >= 0]] = self.class_vectors[codes >= 0]
        labelled = replace(labelled, codes=codes[labelled.codes])
        return Known(labelled, self.pool, n_classes, vectors)

    def shifted(self, n_rows: int) -> Known:
        """Let `n_rows` other rows come before these in their numbers."""
        return replace(self, labelled=self.labelled.shifted(n_rows), pool=self.pool.shifted(n_rows))

    def plus(self, new: Known) -> Known:
        """Add rows of the same classes; a new description of a class takes the place of a former one."""
        vectors = self.class_vectors
        if vectors is None or new.class_vectors is None:
            vectors = new.class_vectors if vectors is None else vectors
        else:
            vectors = np.where(new.is_described[:, None], new.class_vectors, vectors)
        labelled, pool = self.labelled.plus(new.labelled), self.pool.plus(new.pool)
        return Known(labelled, pool, self.n_classes, vectors)

    def inputs(self, reasoner: Reasoner, *, merged: bool = True) -> dict[str, NDArray[Any]]:
        """Return the arrays that `Reasoner.read_context` takes, each of one task; equal rows may be merged."""
        labelled = self.labelled.merged() if merged and not reasoner.reads_in_order else self.labelled
        assert labelled.codes is not None
        arrays = {"context_x": labelled.x, "context_y": labelled.codes, "weight": labelled.weight}
        if len(self.pool):
            pool = self.pool.merged()
            arrays |= {"pool_x": pool.x, "pool_weight": pool.weight}
        if self.class_vectors is not None:
            arrays["class_vectors"] = self.class_vectors
        return arrays

    def read(self, reasoner: Reasoner) -> Any:
        """Run everything through a reasoner once, and return what it makes of it, as `Reasoner.read_context` does."""
        import torch

        device = next(reasoner.parameters()).device
        tensors = {
            name: torch.from_numpy(array)[None].to(device) for name, array in self.inputs(reasoner).items()
        }
        with torch.inference_mode():
            return reasoner.read_context(**tensors, n_classes=self.n_classes)
