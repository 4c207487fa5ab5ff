"""The skorch net that answers queries from a context that was read once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from torch import Tensor, nn

from sktart.reasoners.gram import Context, GramReasoner


class ContextModule(nn.Module):
    """A reasoner together with one context; maps query rows (M, D) to logits (M, C)."""

    def __init__(self, reasoner: GramReasoner, context: Context) -> None:
        super().__init__()
        self.reasoner = reasoner
        self.context = context

    def forward(self, query_x: Tensor) -> Tensor:
        """Answer each row by itself."""
        return self.reasoner.answer(self.context, query_x[None])[0]


class FixedChunks:
    """The iterator that skorch asks for: chunks of exactly `batch_size` rows, the last one padded.

    Matrix products over equal shapes give equal bits, so that the answer for a row does not depend on its batch.
    """

    def __init__(self, dataset: Any, batch_size: int) -> None:
        self.rows = dataset.X
        self.batch_size = batch_size

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(self.rows), self.batch_size):
            chunk = self.rows[start : start + self.batch_size]
            padded = np.zeros((self.batch_size, chunk.shape[1]), chunk.dtype)
            padded[: len(chunk)] = chunk
            yield torch.from_numpy(padded), torch.zeros(0)


class ContextNet(NeuralNet):
    """A net that is ready after construction: nothing is trained, so it has no optimiser and no criterion.

    Parameters
    ----------
    reasoner : GramReasoner
    context : Context
    batch_size : int
        Queries of one forward pass.
    device : torch.device
    """

    def __init__(self, reasoner: Any, context: Any, batch_size: int, device: Any) -> None:
        self.reasoner = reasoner
        self.context = context
        super().__init__(
            ContextModule,
            criterion=nn.Identity,
            module__reasoner=reasoner,
            module__context=context,
            iterator_valid=FixedChunks,
            batch_size=batch_size,
            train_split=None,
            predict_nonlinearity=None,
            callbacks="disable",
            device=device,
            verbose=0,
        )
        self.initialize()

    def initialize_optimizer(self, triggered_directly: Any = None) -> ContextNet:
        """Make none: building one costs seconds at first use."""
        return self

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Return the logits (M, C) for query rows (M, D), in the dtype of the network."""
        return self.predict_proba(rows)[: len(rows)]
