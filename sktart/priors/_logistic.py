"""The prior of the paper: Bayesian logistic regression with isotropic features and weights."""

from __future__ import annotations

from torch import Generator, Tensor

from sktart.exceptions import RecipeError
from sktart.priors._draws import Range, categorical, feature_mask, log_uniform, normal


def sample_logistic(
    generator: Generator,
    n_tasks: int,
    n_rows: int,
    n_classes: int,
    *,
    n_features: tuple[int, int] = (1, 16),
    scale: Range = (0.5, 10.0),
) -> tuple[Tensor, Tensor]:
    """Draw rows of logistic-regression tasks: x ~ N(0, I), w ~ N(0, a^2 I), y ~ Bernoulli(sigmoid(w.x)).

    Parameters
    ----------
    generator : torch.Generator
    n_tasks, n_rows : int
    n_classes : int
        2, the only number this prior has.
    n_features : (int, int)
        Bounds of the number of features of a task, uniform; tasks with fewer are padded with zeros.
    scale : (float, float)
        Bounds of a, log-uniform; the paper has 10.

    Returns
    -------
    x : Tensor of shape (B, R, D)
    y : Tensor of shape (B, R)

    References
    ----------
    Bhatia et al., TART, arXiv 2306.07536, section 4.
    """
    if n_classes != 2:
        raise RecipeError(f"the logistic prior has 2 classes; got n_classes={n_classes}")
    mask = feature_mask(generator, n_tasks, n_features, logarithmic=False)
    x = normal(generator, n_tasks, n_rows, mask.shape[1]) * mask[:, None]
    weight = normal(generator, n_tasks, 1, mask.shape[1]) * log_uniform(generator, scale, n_tasks, 1, 1)
    logit = (x * weight).sum(-1, keepdim=True)
    return x, categorical(generator, (logit * logit.new_tensor([0.0, 1.0])))
