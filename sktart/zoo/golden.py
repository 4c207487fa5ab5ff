"""Golden predictions: what a checkpoint answers in float64 to inputs that a formula makes on any machine."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from sktart.reasoners.base import Reasoner

N_CLASSES = 3


def golden_task() -> tuple[Tensor, Tensor, Tensor]:
    """Return context_x (1, 24, 5), context_y (1, 24) and query_x (1, 6, 5), without a random generator.

    Examples
    --------
    >>> [tuple(part.shape) for part in golden_task()]
    [(1, 24, 5), (1, 24), (1, 6, 5)]
    """
    values = torch.sin(torch.arange(30 * 5, dtype=torch.float64) ** 1.5).reshape(1, 30, 5)
    labels = torch.arange(24)[None] % N_CLASSES
    context_x = values[:, :24].clone()
    context_x[..., 0] += labels
    return context_x, labels, values[:, 24:] + 0.5


def golden_predictions(reasoner: Reasoner) -> list[list[float]]:
    """Return probabilities (6, 3) of a reasoner on the golden task, or what of it fits, computed in float64."""
    context_x, context_y, query_x = golden_task()
    rows, features = slice(reasoner.max_context), slice(reasoner.max_features)
    with torch.inference_mode():
        logits = copy.deepcopy(reasoner).double()(
            context_x[:, rows, features], context_y[:, rows], query_x[..., features], N_CLASSES
        )
    return logits.softmax(-1)[0].tolist()
