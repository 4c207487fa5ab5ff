"""Many contexts of one kind: each answers its own queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sktart.contexts._known import Known
from sktart.reasoners._base import Reasoner

# Of each context at once: bounds memory where many rows are asked about.
MAX_QUERIES = 256


def answer_each(
    reasoner: Reasoner, contexts: Sequence[Known], queries: Sequence[NDArray[Any]]
) -> list[Tensor]:
    """Return the logits (M, C) of each context for queries (M, D) of its own.

    Contexts of one size go through the reasoner together.
    """
    inputs = [context.inputs(reasoner) for context in contexts]
    groups: dict[Any, list[int]] = {}
    for place, (context, arrays, rows) in enumerate(zip(contexts, inputs, queries, strict=True)):
        shapes = tuple((name, array.shape) for name, array in arrays.items())
        groups.setdefault((context.n_classes, shapes, rows.shape), []).append(place)
    answers: list[Any] = [None] * len(contexts)
    device = next(reasoner.parameters()).device
    for (n_classes, _, _), places in groups.items():
        n_rows = len(contexts[places[0]].labelled) + len(contexts[places[0]].pool)
        size = reasoner.contexts_at_once(n_rows, n_classes)
        for start in range(0, len(places), size):
            chunk = places[start : start + size]
            stacked = {
                name: torch.from_numpy(np.stack([inputs[place][name] for place in chunk])).to(device)
                for name in inputs[chunk[0]]
            }
            asked = torch.from_numpy(np.stack([queries[place] for place in chunk])).to(device)
            with torch.inference_mode():
                read = reasoner.read_context(**stacked, n_classes=n_classes)
                parts = [
                    reasoner.answer(read, asked[:, first : first + MAX_QUERIES])
                    for first in range(0, max(1, asked.shape[1]), MAX_QUERIES)
                ]
            for place, part in zip(chunk, torch.cat(parts, dim=1), strict=True):
                answers[place] = part
    return answers
