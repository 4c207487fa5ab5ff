"""Ridge regression of the labels on the context, at several strengths at once: what the gram reasoner begins with.

Shapes: B tasks, N context rows, R rows of any kind, D features, C classes, K strengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# In units of the mean squared norm of a centred row.
STRENGTHS = (8.0, 1.0, 1 / 8, 1 / 64)
# Divisors of ridge predictions to choose from: with the right one, their softmax is calibrated.
TEMPERATURES = tuple(10 ** (exponent / 4) for exponent in range(-6, 3))
# Keeps the logarithm of an error finite where a class is predicted without any.
LEAST_ERROR = 1e-2
# Rows whose leverage is computed at once where they are summed: bounds memory.
ROWS_AT_ONCE = 8192
# Without its only row a context has nothing left to divide by.
LEAST_LEFT = 1e-12


@dataclass(frozen=True)
class Ridge:
    """Solved ridge regressions of a context.

    Parameters
    ----------
    operators : Tensor of shape (B, K, N, D) or (B, K, D, D)
        From a row to the weights with which its prediction sums the centred labels; where rows are summed first,
        to those with which it sums `X' W` times them.
    solution : Tensor of shape (B, K, C, D)
        From a row to its predictions.
    centre : Tensor of shape (B, 1, D)
        Mean of the labelled rows; 0 where rows come centred by it.
    offset : Tensor of shape (B, C)
        What predictions are relative to: the mean label of each class.
    trust : Tensor of shape (B, K)
        Factors of the predictions in the linear answer, see :meth:`answer`.
    rows : Tensor of shape (B, N, D) or (B, 0, D)
        Labelled rows about `centre`; none where they are summed.
    """

    operators: Tensor
    solution: Tensor
    centre: Tensor
    offset: Tensor
    trust: Tensor
    rows: Tensor

    @property
    def is_summed(self) -> bool:
        """Whether sums over the labelled rows are kept in place of the rows."""
        return self.rows.shape[1] != self.operators.shape[2]

    def answer(self, predicted: Tensor) -> Tensor:
        """Return calibrated logits (B, C, R) from predictions (B, C, R, K).

        They are the mean over strengths and temperatures, each weighted by the likelihood that its answers give to
        the labels of rows that were held out.
        """
        trusted = (predicted + self.offset[:, :, None, None]) * self.trust[:, None, None]
        first, *others = trusted.unbind(-1)
        for part in others:  # the order in which `sum` adds depends on where a row stands
            first = first + part
        return first

    def weights(self, x: Tensor) -> Tensor:
        """Return the weights (B, K, R, N) of labelled rows in the predictions of rows."""
        with torch.autocast(x.device.type, enabled=False):
            return (x - self.centre)[:, None] @ self.operators.mT

    def predict(self, x: Tensor, smoothers: Tensor) -> tuple[Tensor, Tensor]:
        """Return predictions (B, C, R, K) and variances (B, R, K) of rows without a label, given their `weights`."""
        with torch.autocast(x.device.type, enabled=False):
            x = x - self.centre
            predicted = x[:, None] @ self.solution.mT  # (B, K, R, C)
            if self.is_summed:
                strength = x.new_tensor(STRENGTHS)[:, None]
                variance = strength * (smoothers * x[:, None]).sum(-1)
            else:
                known = (smoothers * (x @ self.rows.mT)[:, None]).sum(-1)
                variance = x.square().sum(-1)[:, None] - known  # (B, K, R)
        return predicted.permute(0, 3, 2, 1), variance.mT


@dataclass(frozen=True)
class HeldOut:
    """What the regressions say of the context rows themselves.

    Parameters
    ----------
    prediction : Tensor of shape (B, C, N, K)
        What a row would be predicted without itself.
    variance : Tensor of shape (B, N, K)
        Posterior variance of the regression at a row without itself, in units of the prior's.
    error : Tensor of shape (B, C, K)
        Logarithm of the squared error of `prediction`, relative to that of the class's share.
    """

    prediction: Tensor
    variance: Tensor
    error: Tensor


def solve_ridge(
    x: Tensor, label: Tensor, weight: Tensor, *, is_centred: bool = True, is_summed: bool = False
) -> tuple[Ridge, HeldOut]:
    """Regress labels on rows at each of `STRENGTHS`, with an intercept that is not penalised.

    Parameters
    ----------
    x : Tensor of shape (B, N, D)
        Labelled rows, about any origin; with N = 0 nothing is known, and all predictions are 0.
    label : Tensor of shape (B, C, N)
    weight : Tensor of shape (B, N)
        Positive. A row of weight 2 is the row twice, and either of them is predicted with the other one there: what
        is left out is one unit of weight, or the whole row where it has less.
    is_centred : bool
        Whether the weighted mean of `x` is 0 already.
    is_summed : bool
        Whether the cost grows with N only, and nothing is kept of each row; else `operators` has a part for each.

    Notes
    -----
    Leaving a row out has a closed form: with leverage h and fit f, the prediction without the row is
    (f - h y) / (1 - h) (Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, section 7.10).
    """
    dtype, given_x = x.dtype, x
    # Small strengths are too much for float32; the one device that has nothing else keeps it.
    exact = torch.float32 if x.device.type == "mps" else torch.float64
    with torch.autocast(x.device.type, enabled=False):
        x, weight, label = x.to(exact), weight.to(exact), label.to(exact)
        share = weight / weight.sum(1, keepdim=True)
        centre = x.new_zeros(len(x), 1, x.shape[2])
        if not is_centred:
            centre = (share[..., None] * x).sum(1, keepdim=True)
            x = x - centre
        offset = (label * share[:, None]).sum(-1)  # (B, C)
        target = (label - offset[..., None]).mT[:, None]  # (B, 1, N, C)
        strength = x.new_tensor(STRENGTHS)[:, None]
        if is_summed:
            operators = inverse_covariance(x, weight, STRENGTHS)
            solution = ((target[:, 0] * weight[..., None]).mT @ x)[:, None] @ operators
            leverage = torch.cat([_leverage(part, operators) for part in x.split(ROWS_AT_ONCE, dim=1)], dim=2)
        else:
            operators = smoother(x, weight, STRENGTHS)
            solution = target.mT @ operators  # (B, K, C, D)
            leverage = torch.einsum("bnd,bknd->bkn", x, operators) / weight[:, None]  # of a unit of weight
        removed = weight.clamp_max(1.0)[:, None]
        with_mean = (leverage + 1 / weight.sum(1)[:, None, None]) * removed
        left = (1 - with_mean).clamp_min(LEAST_LEFT)[..., None]
        held_out = (x[:, None] @ solution.mT - with_mean[..., None] * target) / left  # (B, K, N, C)
        variance = strength * leverage / (1 - removed * leverage).clamp_min(LEAST_LEFT)
        square = (share[:, None, :, None] * target.square()).sum(2)  # (B, 1, C)
        error = (share[:, None, :, None] * (target - held_out).square()).sum(2)  # (B, K, C)
        error = ((error + LEAST_ERROR) / (square + LEAST_ERROR)).log()
        trust = _trust(held_out + offset[:, None, None], label, weight)
        rows = given_x[:, :0] if is_summed else given_x - centre.to(dtype)
    held = HeldOut(held_out.permute(0, 3, 2, 1).to(dtype), variance.mT.to(dtype), error.mT.to(dtype))
    solved = (operators, solution, centre, offset, trust, rows)
    return Ridge(*(part.to(dtype) for part in solved)), held


def _trust(held_out: Tensor, label: Tensor, weight: Tensor) -> Tensor:
    """Return the mean inverse temperature of each strength, (B, K), by the likelihood of labels held out."""
    is_label = label.mT[:, None] > 0
    likelihoods = []
    for temperature in TEMPERATURES:  # one by one, as all of them together are large
        log_share = (held_out / temperature).log_softmax(-1)  # (B, K, N, C)
        likelihoods.append(((log_share * is_label).sum(-1) * weight[:, None]).sum(-1))
    likelihood = torch.stack(likelihoods, dim=1)  # (B, T, K)
    posterior = likelihood.flatten(1).softmax(-1).view_as(likelihood)
    return (posterior / held_out.new_tensor(TEMPERATURES)[:, None]).sum(1)


def _leverage(x: Tensor, operators: Tensor) -> Tensor:
    """Return the leverage (B, K, R) of rows, each of unit weight."""
    return ((x[:, None] @ operators) * x[:, None]).sum(-1)


def inverse_covariance(x: Tensor, weight: Tensor, strengths: Sequence[float]) -> Tensor:
    """Return (X' W X + s)^-1 for each strength s, (B, K, D, D)."""
    return _inverse((x * weight[..., None]).mT @ x, strengths)


def smoother(x: Tensor, weight: Tensor, strengths: Sequence[float]) -> Tensor:
    """Return W X (X' W X + s)^-1 for each strength s, (B, K, N, D), by way of the smaller of X' W X and X W X'."""
    scaled = x * weight.sqrt()[..., None]
    is_tall = x.shape[1] > x.shape[2]
    inverse = _inverse(scaled.mT @ scaled if is_tall else scaled @ scaled.mT, strengths)
    operators = scaled[:, None] @ inverse if is_tall else inverse @ scaled[:, None]
    return operators * weight.sqrt()[:, None, :, None]


def _inverse(square: Tensor, strengths: Sequence[float]) -> Tensor:
    """Return the inverse of a square matrix (B, R, R) plus each strength, (B, K, R, R)."""
    strength = square.new_tensor(strengths)[:, None]
    identity = torch.eye(square.shape[-1], dtype=square.dtype, device=square.device)
    # Not `cholesky`, which raises where features overflow: the answer is then not a number, and the caller says so.
    factor, failed = torch.linalg.cholesky_ex(square[:, None] + strength[..., None] * identity)
    return torch.cholesky_inverse(factor).where(failed[..., None, None] == 0, torch.nan)
