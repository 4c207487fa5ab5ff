"""Golden predictions: what a checkpoint answers in float64 to inputs that a formula makes on any machine."""

from __future__ import annotations

import copy
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sktart.exceptions import CheckpointError
from sktart.reasoners._base import Reasoner
from sktart.zoo._folder import CheckpointFolder

if TYPE_CHECKING:
    from sktart.zoo._resolve import FoundCheckpoint

N_CLASSES = 3
# Kinds of devices on which the tests of a release ran; on others each network is checked when it is built.
TRUSTED = ("cpu", "cuda")
# Largest difference of a probability; float32 leaves room for devices that round in their own way.
TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-3}


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
    """Return probabilities (6, 3) of a reasoner on the golden task, or what of it fits, computed in float64.

    One that reads a pool and descriptions gives six more rows, with these.
    """
    # First the CPU, as not every device knows float64.
    return _predict(copy.deepcopy(reasoner).cpu().double())


def check_golden(found: FoundCheckpoint, reasoner: Reasoner) -> float | None:
    """Compare a loaded reasoner, in its precision and on its device, with what its checkpoint answered when made.

    Returns and raises what :func:`compare` does, and raises CheckpointError if ``metrics.json`` is damaged.
    """
    metrics = CheckpointFolder.read(found.folder, ["metrics.json"], found.read).metrics
    return compare(metrics.get("golden"), reasoner, found.name)


def compare(golden: object, reasoner: Reasoner, name: str) -> float | None:
    """Compare what a reasoner answers with golden predictions.

    Returns the largest difference of a probability, or None, with a warning, if there are no golden predictions.
    They are lists of shape (6, 3) or (12, 3); `name` is that of the checkpoint, for messages.
    """
    if golden is None:
        warnings.warn(f"checkpoint {name!r} holds no golden predictions to check it against", stacklevel=2)
        return None
    parameter = next(reasoner.parameters())
    answers = torch.tensor(_predict(reasoner), dtype=torch.float64)
    try:
        expected = torch.tensor(golden, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"the golden predictions of {name!r} must be numbers ({error})") from error
    if expected.shape != answers.shape:
        raise CheckpointError(
            f"the golden predictions of {name!r} must have shape {tuple(answers.shape)}; got {tuple(expected.shape)}"
        )
    difference = (answers - expected).abs().max().item()
    tolerance = TOLERANCES.get(parameter.dtype, 1e-2)
    if not difference <= tolerance:
        raise CheckpointError(
            f"checkpoint {name!r} answers otherwise on {str(parameter.device)!r} than when it was made: "
            f"probabilities differ by {difference:.2g}, more than {tolerance:g}; use device='cpu', and report it"
        )
    return difference


def _predict(reasoner: Reasoner) -> list[list[float]]:
    like = next(reasoner.parameters())
    context_x, context_y, query_x = golden_task()
    rows, features = slice(reasoner.max_context), slice(reasoner.max_features)
    # First the precision, as not every device knows float64.
    context_x, query_x = (x[..., features].to(like.dtype).to(like.device) for x in (context_x, query_x))
    with torch.inference_mode():
        logits = reasoner(context_x[:, rows], context_y[:, rows].to(like.device), query_x, N_CLASSES)
        if reasoner.reads_pool:  # the same with half of the labels, and a vector a class
            labelled, pool, vectors = context_x[:, :12], context_x[:, 12:], context_x[:, :N_CLASSES]
            known: dict[str, Any] = {"pool_x": pool, "class_vectors": vectors}
            context = reasoner.read_context(labelled, context_y[:, :12].to(like.device), N_CLASSES, **known)
            logits = torch.cat([logits, reasoner.answer(context, query_x)], dim=1)
    return logits.softmax(-1)[0].tolist()
