"""The Bayes-optimal answer on tasks of the logistic prior, by Markov chain Monte Carlo: the best one can do.

B tasks, N context rows, M query rows, D features, K chains, S = D + 1. The state of a chain is z = (xi, tau),
a standard normal S-vector under the prior: the weights are w = a(tau) xi, and the normal distribution
function turns tau into a uniform number, hence log a. In these coordinates the prior has no funnel, so little
data is easy. Much data makes the posterior narrow: the ellipses of the slice sampler are therefore drawn not
from the prior but from a multivariate t fitted to the warm-up, and the likelihood takes in what the t gets
wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.functional import logsigmoid

DEGREES_OF_FREEDOM = 5  # of the t; 1 to 10 mix alike, 100 (nearly a normal) 1.4 times slower
WARM_UP_FITS = 5  # the t is refitted at 1/16, 1/8, 1/4, 1/2 and 1/1 of the warm-up
RESOLUTION = 1e-3  # spread of a probability below which chains need not agree any better


@dataclass(frozen=True)
class BayesPrediction:
    """Posterior predictive of a batch of tasks, and how far to trust the Monte Carlo.

    Attributes
    ----------
    probability : Tensor of shape (B, M)
        P(y* = 1 | context, x*), float64.
    standard_error : Tensor of shape (B, M)
        Monte Carlo standard error of `probability`, from the spread of the 2K half chains.
    r_hat : Tensor of shape (B,)
        Split R-hat of the predictive, variances pooled over the queries: near 1 where the chains agree.
    """

    probability: Tensor
    standard_error: Tensor
    r_hat: Tensor


@dataclass(frozen=True)
class _Reference:
    """A multivariate t for each task: mean (B, 1, S) and Cholesky factor (B, S, S) of its scale matrix."""

    mean: Tensor
    factor: Tensor

    @classmethod
    def fit(cls, draws: Tensor) -> _Reference:
        """Match the moments of draws (B, n, S)."""
        mean = draws.mean(1, keepdim=True)
        centred = draws - mean
        ridge = 1e-6 * torch.eye(draws.shape[2]).to(draws)
        return cls(mean, torch.linalg.cholesky(centred.mT @ centred / draws.shape[1] + ridge))


@dataclass(frozen=True)
class _Ellipses:
    """For each of n chains the points mean + start cos(angle) + axis sin(angle), and their log density.

    `states` (n, 3, S) holds mean, start and axis; `logits` (n, 3, N) their products with the signed context
    rows; `squares` (n, 3) the products start.start, start.axis and axis.axis in the norm of the t.
    """

    states: Tensor
    logits: Tensor
    squares: Tensor
    log_scale: tuple[float, float]

    def turn(self, rows: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
        """States (r, S) of some chains at an angle each, and log of posterior over t there (r,)."""
        cos, sin = angle.cos(), angle.sin()
        mix = torch.stack([torch.ones_like(cos), cos, sin], -1)[:, None]  # (r, 1, 3)
        state = (mix @ self.states[rows])[:, 0]
        logits = _scale(state[:, -1:], self.log_scale) * (mix @ self.logits[rows])[:, 0]
        norm = (torch.stack([cos * cos, 2 * cos * sin, sin * sin], -1) * self.squares[rows]).sum(-1)
        log_t = -(DEGREES_OF_FREEDOM + state.shape[1]) / 2 * torch.log1p(norm / DEGREES_OF_FREEDOM)
        return state, logsigmoid(logits).sum(-1) - state.square().sum(-1) / 2 - log_t


def posterior_predictive(
    context_x: Tensor,
    context_y: Tensor,
    query_x: Tensor,
    *,
    scale: tuple[float, float] = (0.5, 10.0),
    n_samples: int = 4000,
    n_warmup: int = 2000,
    n_chains: int = 4,
    generator: Generator,
) -> BayesPrediction:
    """Predict with the posterior of log a ~ Uniform(log scale), w ~ N(0, a^2 I), y ~ Bernoulli(sigmoid(w.x)).

    The weights w and their scale a are both integrated out, by elliptical slice sampling. Tasks with fewer
    than D features may be padded with columns of zeros, in context and queries alike: the labels say nothing
    about the weights of such columns, which given a stay draws of the prior and integrate to one, so only the
    Monte Carlo noise changes. Separable contexts, contexts with one label and empty ones are fine.

    Parameters
    ----------
    context_x : Tensor of shape (B, N, D)
    context_y : Tensor of shape (B, N)
        Labels 0 and 1.
    query_x : Tensor of shape (B, M, D)
    scale : (float, float)
        Bounds of a.
    n_samples, n_warmup : int
        Steps of each chain that count, and steps before them; at least 16. A short warm-up fits the t badly:
        with 256 rows of 16 features and a = 10, chains mix 7 times slower after 500 steps than after 2000.
    n_chains : int
        Independent chains a task, at least 2.
    generator : torch.Generator
        The only source of randomness; the work is done on its device, in float64.

    References
    ----------
    Murray, Adams and MacKay, "Elliptical slice sampling", AISTATS 2010.
    Nishihara, Murray and Adams, "Parallel MCMC with generalized elliptical slice sampling", JMLR 2014.

    Examples
    --------
    >>> x, y = torch.tensor([[[1.0], [2.0], [-1.0]]]), torch.tensor([[1, 1, 0]])
    >>> query_x, generator = torch.tensor([[[0.0], [1.0]]]), torch.Generator().manual_seed(0)
    >>> bayes = posterior_predictive(x, y, query_x, n_samples=500, n_warmup=100, generator=generator)
    >>> bayes.probability.round(decimals=1)
    tensor([[0.5000, 0.9000]], dtype=torch.float64)
    """
    _check_options(scale, n_samples, n_warmup, n_chains)
    x, y, queries = (part.to(generator.device, torch.float64) for part in (context_x, context_y, query_x))
    _check_tasks(x, y, queries)
    signed_x = x * (2 * y - 1)[..., None]  # the likelihood is sigmoid(w.signed_x), whatever the label
    log_scale = (math.log(scale[0]), math.log(scale[1]))

    shape = (x.shape[0], n_chains, x.shape[2] + 1)
    z = torch.randn(shape, generator=generator, dtype=x.dtype, device=x.device)
    reference = _Reference(torch.zeros_like(z[:, :1]), torch.eye(shape[2]).to(x).repeat(len(x), 1, 1))
    fits = [n_warmup >> halvings for halvings in range(WARM_UP_FITS)]
    draws: list[Tensor] = []  # since the last fit
    for step in range(1, n_warmup + 1):
        z = _step(signed_x, log_scale, reference, z, generator)
        draws.append(z)
        if step in fits:
            reference, draws = _Reference.fit(torch.cat(draws, 1)), []

    half = n_samples // 2
    total = queries.new_zeros(2, 2, len(x), n_chains, queries.shape[1])  # half, moment, B, K, M
    for step in range(2 * half):
        z = _step(signed_x, log_scale, reference, z, generator)
        probability = (_scale(z[..., -1:], log_scale) * z[..., :-1] @ queries.mT).sigmoid()
        total[step // half] += torch.stack([probability, probability.square()])
    return _summary(*(total / half).permute(1, 2, 0, 3, 4).flatten(2, 3))


def _scale(tau: Tensor, log_scale: tuple[float, float]) -> Tensor:
    """Return a, of which the logarithm is uniform where tau is standard normal."""
    low, high = log_scale
    return (low + (high - low) * torch.special.ndtr(tau)).exp()


def _step(
    signed_x: Tensor, log_scale: tuple[float, float], reference: _Reference, z: Tensor, generator: Generator
) -> Tensor:
    """Move each state in z (B, K, S) once: draw an ellipse through it and a level, shrink until above it."""
    size, n = z.shape[2], z.shape[0] * z.shape[1]
    start = z - reference.mean
    white = torch.linalg.solve_triangular(reference.factor, start.mT, upper=False).mT
    # A t is a normal of random size, here drawn given the present state.
    like: dict[str, Any] = {"generator": generator, "dtype": z.dtype, "device": z.device}
    noise = torch.randn(*z.shape[:2], DEGREES_OF_FREEDOM + 2 * size, **like)
    chi2 = noise[..., size:].square().sum(-1, keepdim=True)  # DEGREES_OF_FREEDOM + S degrees of freedom
    other = noise[..., :size] * ((DEGREES_OF_FREEDOM + white.square().sum(-1, keepdim=True)) / chi2).sqrt()
    states = torch.stack([reference.mean.expand_as(z), start, other @ reference.factor.mT], 2)  # (B, K, 3, S)
    logits = states[..., :-1].flatten(1, 2) @ signed_x.mT  # (B, 3K, N)
    squares = torch.stack([white * white, white * other, other * other], 2).sum(-1)
    ellipses = _Ellipses(states.flatten(0, 1), logits.reshape(n, 3, -1), squares.flatten(0, 1), log_scale)

    def uniform(count: int) -> Tensor:
        return torch.rand(count, **like)

    rows = torch.arange(n, device=z.device)
    level = ellipses.turn(rows, z.new_zeros(n))[1] + uniform(n).log()
    angle = 2 * math.pi * uniform(n)
    low, high = angle - 2 * math.pi, angle
    moved = torch.empty_like(ellipses.states[:, 0])
    while len(rows):
        state, log_density = ellipses.turn(rows, angle)
        outside = log_density < level  # equal is inside: the start itself must be, or rounding never ends
        moved[rows[~outside]] = state[~outside]
        rows, level, angle, low, high = (part[outside] for part in (rows, level, angle, low, high))
        low, high = torch.where(angle < 0, angle, low), torch.where(angle < 0, high, angle)
        angle = low + (high - low) * uniform(len(rows))
    return moved.view_as(z)


def _summary(mean: Tensor, mean_square: Tensor) -> BayesPrediction:
    """Combine the first two moments of the predictive over each half chain, both (B, 2K, M)."""
    between = mean.var(1)
    within = (mean_square - mean.square()).mean(1).clamp_min(0) + RESOLUTION**2
    r_hat = (1 + between.sum(1) / within.sum(1)).sqrt()
    return BayesPrediction(mean.mean(1), (between / mean.shape[1]).sqrt(), r_hat)


def _check_options(scale: tuple[float, float], n_samples: int, n_warmup: int, n_chains: int) -> None:
    if not 0 < scale[0] <= scale[1] < math.inf:
        raise ValueError(f"scale must be two finite numbers with 0 < lower <= upper; got {scale!r}")
    if min(n_samples, n_warmup) < 16 or n_chains < 2:
        got = f"n_samples={n_samples}, n_warmup={n_warmup}, n_chains={n_chains}"
        raise ValueError(f"n_samples and n_warmup must be at least 16, n_chains at least 2; got {got}")


def _check_tasks(x: Tensor, y: Tensor, queries: Tensor) -> None:
    fits = x.ndim == queries.ndim == 3 and y.shape == x.shape[:2]
    if not fits or (len(x), x.shape[2]) != (len(queries), queries.shape[2]):
        shapes = ", ".join(str(tuple(part.shape)) for part in (x, y, queries))
        raise ValueError(f"context_x, context_y, query_x must be (B, N, D), (B, N), (B, M, D); got {shapes}")
    if not (x.isfinite().all() and queries.isfinite().all()):
        raise ValueError("context_x and query_x must be finite; drop or impute the rows with nan or inf")
    if not ((y == 0) | (y == 1)).all():
        raise ValueError(f"context_y must hold labels 0 and 1; got the values {y.unique().tolist()[:5]}")
