"""How much each labelled row speaks for each class of a query."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sktart.estimators._held_out import log_proba_of_refits

if TYPE_CHECKING:
    from sktart.estimators._reasoner import TartReasoner

# The network with gradients compares each row with each other one.
MAX_ROWS = 2048
# Keeps the log-odds of the only class finite.
LEAST = 1e-300


def by_leaving_out(model: TartReasoner, X: NDArray[Any]) -> NDArray[np.float64]:
    """Return what the log-odds of each class lose without each labelled row, (M, N, C)."""
    given = model._kept()
    # A class that loses its only row stays a class.
    given = replace(given, is_listed=np.ones_like(given.is_listed))
    n_rows = len(given.known.labelled)
    parts = [given.holding(np.arange(n_rows) != row) for row in range(n_rows)]
    without = np.stack(log_proba_of_refits(model, parts, [X] * n_rows), axis=1)
    return _log_odds(model._fitted.log_proba(X)[:, None]) - _log_odds(without)


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
        log_proba = log_probabilities(model._fitted.temperature, shift, logits)
        for row, code in np.ndindex(log_proba.shape):
            (gradient,) = torch.autograd.grad(log_proba[row, code], inputs["weight"], retain_graph=True)
            answer[row, :, code] = (gradient * inputs["weight"].detach())[0].cpu()
    # The log-odds of a class rise faster than its log-probability, the more probable it is.
    unlikely = -np.expm1(log_proba.detach().numpy())
    return answer / np.maximum(unlikely, LEAST)[:, None]


def _log_odds(log_proba: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log-odds of each class against all others."""
    return log_proba - np.log(np.maximum(-np.expm1(log_proba), LEAST))
