"""How much each labelled row speaks for each class of a query."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sktart.estimators._held_out import log_proba_of_refits

if TYPE_CHECKING:
    from torch import Tensor

    from sktart.estimators._reasoner import TartReasoner

# The network with gradients compares each row with each other one.
MAX_ROWS = 2048
# Keeps the log-odds of the only class finite.
LEAST = -1e300


def by_leaving_out(model: TartReasoner, X: NDArray[Any]) -> NDArray[np.float64]:
    """Return what the log-odds of each class lose without each labelled row, (M, N, C)."""
    import torch

    given = model._kept()
    # A class that loses its only row stays a class.
    given = replace(given, is_listed=np.ones_like(given.is_listed))
    n_rows = len(given.known.labelled)
    kept = [np.arange(n_rows) != row for row in range(n_rows)]
    answers = log_proba_of_refits(model, given, kept, [X] * n_rows, keep_factors=True)
    without = np.stack(list(answers), axis=1)
    whole = torch.from_numpy(model._log_proba(X))[:, None]
    return (_log_odds(whole) - _log_odds(torch.from_numpy(without))).numpy()


def by_gradient(model: TartReasoner, X: NDArray[Any]) -> NDArray[np.float64]:
    """Return the gradient of the log-odds with respect to the weight of each row, times it, (M, N, C)."""
    import torch

    from sktart.contexts._net import log_probabilities

    reasoner, known = model._fitted.reasoner, model._kept().known
    n_rows = len(known.labelled) + len(known.pool)
    if reasoner.reads_in_order or n_rows > MAX_ROWS:
        why = "reads rows without weights" if reasoner.reads_in_order else f"has read {n_rows} rows"
        raise ValueError(
            f"method='gradient' takes a reasoner of the gram family with at most {MAX_ROWS} rows; checkpoint "
            f"{model.checkpoint_!r} {why}: pass method='leave_one_out', or fit fewer rows"
        )
    device = next(reasoner.parameters()).device
    # Not merged, so that each row has a weight of its own.
    inputs = {
        name: torch.from_numpy(array)[None].to(device)
        for name, array in known.inputs(reasoner, merged=False).items()
    }
    inputs["weight"].requires_grad_()
    shift = model._fitted.log_prior_shift
    answer = np.empty((len(X), len(known.labelled), known.n_classes))
    with torch.enable_grad():
        context = reasoner.read_context(**inputs, n_classes=known.n_classes)
        logits = reasoner.answer(context, torch.from_numpy(X)[None].to(device))[0]
        log_odds = _log_odds(log_probabilities(model._fitted.temperature, shift, logits))
        for row, code in np.ndindex(log_odds.shape):
            (gradient,) = torch.autograd.grad(log_odds[row, code], inputs["weight"], retain_graph=True)
            answer[row, :, code] = (gradient * inputs["weight"].detach())[0].cpu()
    return answer


def _log_odds(log_proba: Tensor) -> Tensor:
    """Return the log-odds of each class (..., C) against all others, also where a probability rounds to 1."""
    import torch

    most = log_proba.argmax(-1, keepdim=True)
    others = log_proba.scatter(-1, most, -np.inf)
    # Of the most probable class, 1 - p is the sum over others; of these, p is at most a half.
    sum_of_others = others.logsumexp(-1, keepdim=True).clamp_min(LEAST)
    return log_proba - torch.log1p(-others.exp()).scatter(-1, most, sum_of_others)
