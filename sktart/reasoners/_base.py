"""What every family of reasoners offers to the estimator and to pretraining."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from torch import Tensor, nn

# Queries come in multiples of this many. Matrix products then give a row the same bits, however many others there are;
# with fewer rows, other kernels would add in another order.
TILE = 16
# Attention logits in one pass over several contexts.
MAX_PASS_ELEMENTS = 2**22


def log_shares(logits: Tensor) -> Tensor:
    """Return the logarithm of the softmax over the last dimension, in float64, of whole or half tiles of rows.

    A row has the same bits in any of them: `log_softmax` takes some rows together, and the last ones by themselves.
    """
    # In rows: sums over columns have another order for few rows than for many.
    shifted = logits.cpu().double().contiguous()
    shifted = shifted - shifted.amax(-1, keepdim=True)
    return shifted - shifted.exp().sum(-1, keepdim=True).log()


class Reasoner(nn.Module):
    """Reads labelled rows once, then answers for any number of queries, each by itself.

    Attributes
    ----------
    config : GramConfig or DecoderConfig
        What ``config.json`` holds.
    reads_in_order : bool
        Whether the order of context rows changes the answer. Such reasoners cannot weigh rows.
    keeps_rows : bool
        Whether a context that has been read holds the labelled rows themselves.
    max_context, max_features : int or None
        What the network can take; None where there is no limit.
    """

    config: Any
    reads_in_order: ClassVar[bool] = False
    keeps_rows: ClassVar[bool] = True

    @property
    def max_context(self) -> int | None:
        """Largest number of context rows."""
        return None

    @property
    def max_features(self) -> int | None:
        """Largest number of features."""
        return None

    @property
    def n_weights(self) -> int:
        """Number of weights; each row of each class meets all of them once."""
        return sum(weight.numel() for weight in self.parameters())

    @property
    def reads_pool(self) -> bool:
        """Whether `read_context` takes rows without a label and class descriptions as well."""
        return False

    def contexts_at_once(self, n_rows: int, n_classes: int) -> int:
        """Return how many contexts of a size one call of `read_context` may read."""
        return max(1, MAX_PASS_ELEMENTS // (n_rows**2 * self.config.n_heads))

    def tile(self, context: Any) -> int:
        """Return of how many rows queries of a context come in multiples."""
        return TILE

    @abstractmethod
    def read_context(
        self, context_x: Tensor, context_y: Tensor, n_classes: int, weight: Tensor | None = None
    ) -> Any:
        """Run labelled rows (B, N, D) with integer labels (B, N) through the network once.

        A reasoner that `reads_pool` takes ``pool_x``, ``pool_weight`` and ``class_vectors`` as well.
        """

    @abstractmethod
    def answer(self, context: Any, query_x: Tensor) -> Tensor:
        """Return logits (B, M, C) for queries (B, M, D)."""

    @abstractmethod
    def loss(
        self, context_x: Tensor, context_y: Tensor, query_x: Tensor, query_y: Tensor, n_classes: int
    ) -> Tensor:
        """Return the mean cross-entropy of a batch of tasks, in nats."""

    def forward(
        self,
        context_x: Tensor,
        context_y: Tensor,
        query_x: Tensor,
        n_classes: int,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Read a context and answer queries; see `read_context` and `answer`."""
        return self.answer(self.read_context(context_x, context_y, n_classes, weight), query_x)
