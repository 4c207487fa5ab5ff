"""The skorch net that answers queries from contexts that were read once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial, reduce
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from torch import Tensor, nn

from sktart._runtime import one_torch_thread
from sktart.reasoners._base import TILE, Reasoner, log_shares

# Multiply-adds of what one thread answers, some hundredths of a second; for less, starting threads is not worth it.
LEAST_WORK = 2**28


@cache
def workers(n_threads: int) -> ThreadPoolExecutor:
    """Return threads that have one torch thread each.

    They stay: a fork right after the end of a thread may copy a lock that nobody holds any more, and hang.
    """
    return ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,))


if hasattr(os, "register_at_fork"):  # a child has none of its parent's threads
    os.register_at_fork(after_in_child=workers.cache_clear)


class ContextModule(nn.Module):
    """A reasoner together with its contexts; maps query rows (M, D) to logits (M, C).

    Several contexts are draws or orders of the same labelled rows: the probabilities they give are averaged.
    """

    def __init__(self, reasoner: Reasoner, contexts: Sequence[Any]) -> None:
        super().__init__()
        self.reasoner = reasoner
        self.contexts = tuple(contexts)

    def forward(self, query_x: Tensor) -> Tensor:
        """Answer each row by itself."""
        return averaged([self.reasoner.answer(context, query_x[None])[0] for context in self.contexts])


class Chunks:
    """The iterator that skorch asks for: chunks of `batch_size` rows, the last one as short as bits allow.

    Matrix products over some rows give each of them the same bits, as long as there are no fewer than a tile.
    """

    def __init__(self, dataset: Any, batch_size: int, tile: int) -> None:
        self.rows = dataset.X
        self.batch_size = batch_size
        self.tile = tile

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(self.rows), self.batch_size):
            chunk = self.rows[start : start + self.batch_size]
            padded = np.zeros((len(chunk) + -len(chunk) % self.tile, chunk.shape[1]), chunk.dtype)
            padded[: len(chunk)] = chunk
            yield torch.from_numpy(padded), torch.zeros(0)


class ContextNet(NeuralNet):
    """A net that is ready after construction: nothing is trained, so it has no optimiser and no criterion.

    Parameters
    ----------
    reasoner : Reasoner
    contexts : sequence
        What `reasoner` made of the labelled rows; answers are averaged over them.
    batch_size : int
        Queries of one forward pass, rounded up to whole tiles.
    device : torch.device
    temperature : float
        Divides the logits.
    log_prior_shift : ndarray of shape (C,)
        Is added to the logits after that.
    """

    def __init__(
        self,
        reasoner: Any,
        contexts: Any,
        *,
        batch_size: int,
        device: Any,
        temperature: float,
        log_prior_shift: Any,
    ) -> None:
        self.reasoner = reasoner
        self.contexts = contexts
        self.temperature = temperature
        self.log_prior_shift = log_prior_shift
        super().__init__(
            ContextModule,
            criterion=nn.Identity,
            iterator_valid=Chunks,
            iterator_valid__tile=max(map(reasoner.tile, contexts)),
            batch_size=batch_size + -batch_size % TILE,
            train_split=None,
            # Applied to each chunk: numpy sums rows of a table in an order that depends on how many there are.
            predict_nonlinearity=partial(log_probabilities, temperature, log_prior_shift),
            callbacks="disable",
            device=device,
            verbose=0,
        )
        self.initialize()
        # The module holds both now; a pickle would hold them twice, outside of what skorch moves between devices.
        self.reasoner = self.contexts = None
        self.n_weights = self.module_.reasoner.n_weights

    def initialize_module(self) -> ContextNet:
        """Put reasoner and contexts together."""
        self.module_ = ContextModule(self.reasoner, self.contexts)
        return self

    def initialize_optimizer(self, triggered_directly: Any = None) -> ContextNet:
        """Make none: building one costs seconds at first use."""
        return self

    def evaluation_step(self, batch: Any, training: bool = False) -> Tensor:
        """Answer a chunk; skorch would first look through all modules for whether they train."""
        with torch.inference_mode():
            return self.infer(batch[0])

    def log_proba(self, rows: np.ndarray) -> np.ndarray:
        """Return log-probabilities (M, C) for query rows (M, D)."""
        if self.device.type != "cpu":
            return self.predict_proba(rows)[: len(rows)]
        work = len(rows) * len(self.log_prior_shift) * self.n_weights
        with one_torch_thread() as n_threads:
            # Threads that each answer some rows wait for nothing; the number of torch threads would change bits.
            n_parts = min(n_threads, work // LEAST_WORK, len(rows) // TILE)
            if n_parts < 2:
                return self.predict_proba(rows)[: len(rows)]
            size = -(-self.batch_size // n_threads)
            size += -size % TILE
            parts = [rows[start : start + size] for start in range(0, len(rows), size)]
            answers = workers(n_threads).map(lambda part: self.predict_proba(part)[: len(part)], parts)
            return np.concatenate(list(answers))


def averaged(logits: Sequence[Tensor]) -> Tensor:
    """Average the probabilities of several contexts, given their logits (M, C), and return logits again."""
    if len(logits) == 1:
        return logits[0]
    # One by one: the order in which `logsumexp` adds depends on how many rows there are.
    return reduce(torch.logaddexp, map(log_shares, logits))


def log_probabilities(temperature: float, log_prior_shift: np.ndarray, logits: Tensor) -> Tensor:
    """Turn logits (M, C) into log-probabilities, which sum to 1 in float64.

    Examples
    --------
    >>> log_probabilities(2.0, np.zeros(2), torch.tensor([[4.0, 0.0]])).exp()
    tensor([[0.8808, 0.1192]], dtype=torch.float64)
    """
    return log_shares(logits.cpu().double() / temperature + torch.from_numpy(log_prior_shift))
