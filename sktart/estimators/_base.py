"""What estimators share that read labelled rows as context."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin

from sktart._runtime import one_torch_thread, resolve_device, resolve_dtype
from sktart.contexts._known import Known
from sktart.estimators._validation import (
    PATH,
    RANDOM_STATE,
    TEXT,
    Constraint,
    check_params,
    integer,
    one_of,
    optional,
    warn_of_draw,
    warn_of_scale,
)
from sktart.zoo._registry import share_checkpoint

if TYPE_CHECKING:
    from sktart.reasoners._base import Reasoner
    from sktart.zoo._checkpoint import Checkpoint

# Attention logits of one chunk of queries when `batch_size` is left to us: bounds memory for long contexts.
MAX_CHUNK_ELEMENTS = 2**25
DEFAULT_CHUNK = 256
# Rows that weights may ask a reasoner for which cannot weigh them.
MAX_REPEATED = 1_000_000
# Rows, and multiply-adds of reading them, some hundredths of a second. Where another process takes a core, two threads
# are up to four times slower than one.
MOST_ROWS_OF_ONE_THREAD, MOST_WORK_OF_ONE_THREAD = 320, 2**30


class BaseInContext(CallbackSupportMixin, BaseEstimator):
    """Base of estimators around a pretrained reasoner: its parameters, and how a checkpoint comes to read contexts.

    A subclass checks what it was given, calls `_load` and `_read_contexts` in ``fit``, and keeps what they return in
    ``_fitted``. Parameters are those of :class:`~sktart.TartReasoner`.
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        "checkpoint": PATH,
        "n_permutations": integer(1),
        "max_context": optional(integer(1)),
        "context_selection": one_of("random", "recent"),
        "max_unlabelled": optional(integer(1)),
        "batch_size": optional(integer(1)),
        "device": TEXT,
        "dtype": TEXT,
        "random_state": RANDOM_STATE,
    }

    def __init__(
        self,
        checkpoint: str | PathLike[str] = "auto",
        *,
        n_permutations: int = 1,
        max_context: int | None = None,
        context_selection: str = "random",
        max_unlabelled: int | None = 1000,
        batch_size: int | None = None,
        device: str = "auto",
        dtype: str = "float32",
        random_state: Any = None,
    ) -> None:
        self.checkpoint = checkpoint
        self.n_permutations = n_permutations
        self.max_context = max_context
        self.context_selection = context_selection
        self.max_unlabelled = max_unlabelled
        self.batch_size = batch_size
        self.device = device
        self.dtype = dtype
        self.random_state = random_state

    def __sklearn_is_fitted__(self) -> bool:
        return "_fitted" in vars(self)

    def _check_params(self) -> None:
        """Check all parameters, before any data are looked at."""
        check_params(self, self._constraints)
        resolve_device(self.device), resolve_dtype(self.dtype)

    def _load(self, n_features: int) -> Checkpoint:
        """Return the checkpoint, on the device and in the precision asked for; all estimators share its network."""
        device, dtype = resolve_device(self.device), resolve_dtype(self.dtype)
        return share_checkpoint(self.checkpoint, device=device, dtype=dtype, n_features=n_features)

    def _read_contexts(self, checkpoint: Checkpoint, known: Known) -> tuple[list[Known], list[Any]]:
        """Return what each context holds, and what the reasoner makes of it."""
        reasoner = checkpoint.reasoner
        if reasoner.reads_in_order and known.labelled.weight.sum() > MAX_REPEATED:
            raise ValueError(
                f"checkpoint {checkpoint.name!r} repeats rows in place of weighing them, so sample_weight must sum "
                f"to at most {MAX_REPEATED:,}; got {known.labelled.weight.sum():.3g}: divide it, or take "
                "'gram-base', which weighs rows"
            )
        self._check_fits(checkpoint, known)
        if reasoner.reads_in_order:
            warn_of_scale(checkpoint.name, known.labelled.x)
        drawn = self._draw_contexts(reasoner, known)
        if len(drawn[0].pool) < len(known.pool):
            warn_of_draw(len(drawn[0].pool), len(known.pool))
        n_rows = len(drawn[0].labelled) + len(drawn[0].pool)
        work = n_rows * known.n_classes * reasoner.n_weights
        is_small = n_rows <= MOST_ROWS_OF_ONE_THREAD and work < MOST_WORK_OF_ONE_THREAD
        with one_torch_thread() if is_small else nullcontext():
            return drawn, [part.read(reasoner) for part in drawn]

    def _draw_contexts(self, reasoner: Reasoner, known: Known) -> list[Known]:
        """Return what each context holds."""
        if reasoner.reads_in_order:
            known = replace(known, labelled=known.labelled.repeated())
        return known.draw(
            max_rows=self.max_context,
            max_pool=self.max_unlabelled,
            n_draws=self.n_permutations,
            in_order=reasoner.reads_in_order,
            random_state=self.random_state,
        )

    def _check_room(self, known: Known) -> None:
        """Check that each class can have a row in the context."""
        n_classes = int(known.has_rows.sum())
        if self.max_context is not None and self.max_context < n_classes:
            raise ValueError(
                f"max_context (={self.max_context}) must be at least the number of classes, {n_classes}"
            )

    def _check_fits(self, checkpoint: Checkpoint, known: Known) -> None:
        """Compare data with what the reasoner can take, before any work."""
        reasoner, name = checkpoint.reasoner, checkpoint.name
        rows = known.labelled.repeated() if reasoner.reads_in_order else known.labelled
        n_features = rows.x.shape[1]
        if known.has_more and not reasoner.reads_pool:
            what = [f"{len(known.pool)} rows without a label"] if len(known.pool) else []
            what += [] if known.class_vectors is None else ["descriptions of classes"]
            raise ValueError(
                f"checkpoint {name!r} reads labelled rows only; got {' and '.join(what)}: take 'gram-base', or leave "
                "these out"
            )
        n_rows = len(rows) if self.max_context is None else min(len(rows), self.max_context)
        if reasoner.max_features is not None and n_features > reasoner.max_features:
            raise ValueError(
                f"checkpoint {name!r} reads at most {reasoner.max_features} features; got {n_features}: "
                f"put TartTransformer(n_components={reasoner.max_features}, whiten=True) before it, or take 'gram-base'"
            )
        if reasoner.max_context is not None and n_rows > reasoner.max_context:
            raise ValueError(
                f"checkpoint {name!r} reads at most {reasoner.max_context} labelled rows at once; got {n_rows}: "
                f"pass max_context={reasoner.max_context} to average over n_permutations stratified draws, "
                "or take 'gram-base', which reads any number"
            )
        if reasoner.reads_in_order and (rows.weight != 1).any():
            raise ValueError(
                f"checkpoint {name!r} repeats rows in place of weighing them, so sample_weight must be whole numbers; "
                f"got {rows.weight[rows.weight != np.rint(rows.weight)][0]:g}: round them, or take 'gram-base', which "
                "weighs rows"
            )

    def _queries_per_chunk(self, checkpoint: Checkpoint, n_rows: int) -> int:
        if self.batch_size is not None:
            return int(self.batch_size)
        logits_per_query = n_rows * checkpoint.reasoner.config.n_heads
        return min(max(1, MAX_CHUNK_ELEMENTS // logits_per_query), DEFAULT_CHUNK)
