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

    def read(self, reasoner: Reasoner) -> Any:
        """Run everything through a reasoner once, and return what it makes of it, as `Reasoner.read_context` does."""
        import torch

        labelled = self.labelled if reasoner.reads_in_order else self.labelled.merged()
        device = next(reasoner.parameters()).device

        def tensor(values: NDArray[Any]) -> torch.Tensor:
            return torch.from_numpy(values)[None].to(device)

        more: dict[str, Any] = {}
        if len(self.pool):
            pool = self.pool.merged()
            more = {"pool_x": tensor(pool.x), "pool_weight": tensor(pool.weight)}
        if self.class_vectors is not None:
            more["class_vectors"] = tensor(self.class_vectors)
        assert labelled.codes is not None
        with torch.inference_mode():
            return reasoner.read_context(
                tensor(labelled.x), tensor(labelled.codes), self.n_classes, tensor(labelled.weight), **more
            )
