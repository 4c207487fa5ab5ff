"""How far a reasoner is from the Bayes-optimal predictor on the prior of the paper, next to logistic regression."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold
from torch import Tensor

from sktart.pretrain._bayes import posterior_predictive
from sktart.priors import FEWEST_TASKS, Tasks, sample_tasks
from sktart.reasoners._base import Reasoner

CLIP = 1e-7


@dataclass(frozen=True)
class BayesDistance:
    """Means over tasks and queries at one number of context rows; log-losses and `kl` in nats.

    `kl` is KL(Bayes || reasoner), `kl_error` its standard error over tasks, `lr_` is LogisticRegressionCV, `lr1_` is
    LogisticRegression(C=1), `mc_error` the largest Monte Carlo standard error of a Bayes probability.
    """

    rows: int
    tasks: int
    kl: float
    kl_error: float
    log_loss: float
    bayes_log_loss: float
    lr_log_loss: float
    lr1_log_loss: float
    accuracy: float
    bayes_accuracy: float
    lr_accuracy: float
    lr1_accuracy: float
    mc_error: float


def bayes_distance(
    reasoner: Reasoner,
    *,
    rows: int,
    n_features: tuple[int, int] = (1, 16),
    scale: tuple[float, float] = (0.5, 10.0),
    n_tasks: int = 128,
    n_queries: int = 64,
    seed: int = 0,
) -> BayesDistance:
    """Compare a reasoner with the posterior predictive on tasks of the logistic prior.

    Parameters
    ----------
    reasoner : Reasoner
    rows, n_features : int, (int, int)
        Context rows N, and bounds of D, uniform.
    scale : (float, float)
        Bounds of the standard deviation a of the weights, log-uniform; the paper has 10 for both.
    n_tasks, n_queries : int
        At least `FEWEST_TASKS` tasks, the fewest that :func:`~sktart.priors.sample_tasks` draws.
    seed : int
        Of tasks and Markov chains.
    """
    if n_tasks < FEWEST_TASKS:
        raise ValueError(
            f"n_tasks must be at least {FEWEST_TASKS}, the fewest that are drawn at once; got {n_tasks}"
        )
    if rows < 1 or not 1 <= n_features[0] <= n_features[1]:
        raise ValueError(f"rows and rising n_features must be at least 1; got {rows} and {tuple(n_features)}")
    generator = torch.Generator().manual_seed(seed)
    tasks = logistic_tasks(
        generator, rows=rows, n_features=n_features, scale=scale, n_tasks=n_tasks, n_queries=n_queries
    )
    bayes = posterior_predictive(
        tasks.context_x, tasks.context_y, tasks.query_x, scale=scale, generator=generator
    )
    with torch.inference_mode():
        logits = reasoner(tasks.context_x, tasks.context_y, tasks.query_x, 2)
    answers = {
        "": logits.double().softmax(-1)[..., 1],
        "bayes_": bayes.probability,
        "lr_": torch.stack([_logistic_regression(tasks, task, tuned=True) for task in range(n_tasks)]),
        "lr1_": torch.stack([_logistic_regression(tasks, task, tuned=False) for task in range(n_tasks)]),
    }
    divergence = kl(bayes.probability, answers[""]).mean(1)
    scores: dict[str, float] = {}
    for prefix, probability in answers.items():
        scores[prefix + "log_loss"] = -_log_likelihood(probability, tasks.query_y).mean().item()
        scores[prefix + "accuracy"] = ((probability > 0.5) == tasks.query_y).double().mean().item()
    return BayesDistance(
        rows=rows,
        tasks=n_tasks,
        kl=divergence.mean().item(),
        kl_error=(divergence.std() / n_tasks**0.5).item(),
        mc_error=bayes.standard_error.max().item(),
        **scores,
    )


def logistic_tasks(
    generator: torch.Generator,
    *,
    rows: int,
    n_features: tuple[int, int] = (1, 16),
    scale: tuple[float, float] = (0.5, 10.0),
    n_tasks: int = 128,
    n_queries: int = 64,
) -> Tasks:
    """Draw tasks of the logistic prior, all with as many rows; parameters as in :func:`bayes_distance`."""
    options = {"n_features": n_features, "scale": scale}
    return sample_tasks(
        generator,
        ({"family": "logistic", "weight": 1.0, "n_classes": (2, 2), "options": options},),
        context_rows=(rows, rows),
        query_rows=n_queries,
        max_tasks=n_tasks,
        max_tokens=n_tasks * 2 * (rows + n_queries),
    )


def evaluate(
    reasoner: Reasoner, *, rows: Sequence[int] = (16, 64, 256), **options: Any
) -> list[dict[str, Any]]:
    """Return :func:`bayes_distance` for several numbers of rows, as ``metrics.json`` holds it.

    Rows beyond what the reasoner can read are left out.
    """
    limit = max(rows) if reasoner.max_context is None else reasoner.max_context
    distances = (bayes_distance(reasoner, rows=n, **options) for n in rows if n <= limit)
    return [{key: round(value, 5) for key, value in asdict(distance).items()} for distance in distances]


def kl(p: Tensor, q: Tensor) -> Tensor:
    """Return KL(p || q) of two classes from probabilities of the second, in nats."""
    p, q = p.clamp(CLIP, 1 - CLIP), q.clamp(CLIP, 1 - CLIP)
    return p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()


def _log_likelihood(probability: Tensor, y: Tensor) -> Tensor:
    return torch.where(y == 1, probability, 1 - probability).clamp_min(CLIP).log()


def _logistic_regression(tasks: Tasks, task: int, *, tuned: bool) -> Tensor:
    """Answer by LogisticRegressionCV, or by C = 1 where not `tuned` or where a label occurs once.

    Where a label is absent, the answer is Laplace's rule.
    """
    x, y, query_x = (part[task].numpy() for part in (tasks.context_x, tasks.context_y, tasks.query_x))
    rarest = np.bincount(y, minlength=2).min()
    if rarest == 0:
        return torch.full((len(query_x),), (y.sum() + 1) / (len(y) + 2), dtype=torch.float64)
    model: Any = LogisticRegression(max_iter=1000)
    if tuned and rarest > 1:
        model = LogisticRegressionCV(
            Cs=np.logspace(-3, 4, 8),
            l1_ratios=(0.0,),
            cv=StratifiedKFold(min(5, rarest)),
            scoring="neg_log_loss",
            max_iter=1000,
            use_legacy_attributes=False,
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return torch.from_numpy(model.fit(x, y).predict_proba(query_x)[:, 1]).double()
