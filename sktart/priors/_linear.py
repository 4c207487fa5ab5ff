"""Linear teachers on features with a power-law spectrum."""

from __future__ import annotations

from torch import Generator, Tensor

from sktart.priors._draws import (
    Range,
    categorical,
    directions,
    feature_mask,
    intercepts,
    log_uniform,
    normal,
    power_law,
    uniform,
)


def sample_linear(
    generator: Generator,
    n_tasks: int,
    n_rows: int,
    n_classes: int,
    *,
    n_features: tuple[int, int] = (2, 512),
    spectrum: Range = (0.0, 0.8),
    alignment: Range = (-0.25, 1.5),
    scale: Range = (0.7, 30.0),
    intercept: float = 0.5,
) -> tuple[Tensor, Tensor]:
    """Draw rows of linear tasks: x_j = j^-a z_j, logits = s u.z + b with u_j ~ j^-p.

    Parameters
    ----------
    generator : torch.Generator
    n_tasks, n_rows, n_classes : int
    n_features : (int, int)
        Bounds of D, log-uniform.
    spectrum, alignment : (float, float)
        Bounds of the exponents a (standard deviations) and p (how far the signal leans to the leading features).
    scale : (float, float)
        Bounds of s, the standard deviation of a logit, log-uniform.
    intercept : float
        Standard deviation of b relative to s; half of the tasks have none.

    Returns
    -------
    x : Tensor of shape (B, R, D)
    y : Tensor of shape (B, R)
    """
    mask = feature_mask(generator, n_tasks, n_features, logarithmic=True)
    z = normal(generator, n_tasks, n_rows, mask.shape[1]) * mask[:, None]
    teacher = directions(generator, n_classes, power_law(mask, uniform(generator, alignment, n_tasks)))
    logits = z @ teacher.mT + intercepts(generator, n_tasks, n_classes, intercept)
    logits = logits * log_uniform(generator, scale, n_tasks, 1, 1)
    x = z * power_law(mask, uniform(generator, spectrum, n_tasks))[:, None]
    return x, categorical(generator, logits)
