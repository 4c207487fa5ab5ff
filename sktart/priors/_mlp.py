"""Small random networks as teachers."""

from __future__ import annotations

from torch import Generator, Tensor

from sktart.priors._draws import (
    Range,
    categorical,
    directions,
    feature_mask,
    log_uniform,
    log_uniform_int,
    normal,
    power_law,
    uniform,
)


def sample_mlp(
    generator: Generator,
    n_tasks: int,
    n_rows: int,
    n_classes: int,
    *,
    n_features: tuple[int, int] = (2, 512),
    spectrum: Range = (0.0, 0.8),
    alignment: Range = (0.0, 1.5),
    hidden: tuple[int, int] = (2, 32),
    curvature: Range = (0.3, 3.0),
    scale: Range = (1.0, 30.0),
) -> tuple[Tensor, Tensor]:
    """Draw rows of tasks whose teacher is logits = s V tanh(c (U z + b)), standardised over the rows.

    Parameters
    ----------
    generator : torch.Generator
    n_tasks, n_rows, n_classes : int
    n_features, spectrum, alignment, scale
        As in :func:`~sktart.priors._linear.sample_linear`; U takes the place of u.
    hidden : (int, int)
        Bounds of the number of hidden units, log-uniform, one draw for all tasks of a call.
    curvature : (float, float)
        Bounds of c, log-uniform: small is nearly linear.

    Returns
    -------
    x : Tensor of shape (B, R, D)
    y : Tensor of shape (B, R)
    """
    mask = feature_mask(generator, n_tasks, n_features, logarithmic=True)
    n_hidden = log_uniform_int(generator, hidden)
    z = normal(generator, n_tasks, n_rows, mask.shape[1]) * mask[:, None]
    into = directions(generator, n_hidden, power_law(mask, uniform(generator, alignment, n_tasks)))
    bend = log_uniform(generator, curvature, n_tasks, 1, 1)
    bias = normal(generator, n_tasks, 1, n_hidden)
    logits = (bend * (z @ into.mT + bias)).tanh() @ normal(generator, n_tasks, n_hidden, n_classes)
    logits = (logits - logits.mean(1, keepdim=True)) / logits.std(1, keepdim=True).clamp_min(1e-6)
    x = z * power_law(mask, uniform(generator, spectrum, n_tasks))[:, None]
    return x, categorical(generator, logits * log_uniform(generator, scale, n_tasks, 1, 1))
