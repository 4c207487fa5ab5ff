"""Classes as mixtures of Gaussian clusters: what sentence, image and audio embeddings look like."""

from __future__ import annotations

import torch
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


def sample_clusters(
    generator: Generator,
    n_tasks: int,
    n_rows: int,
    n_classes: int,
    *,
    n_features: tuple[int, int] = (2, 512),
    spectrum: Range = (0.2, 0.8),
    alignment: Range = (0.2, 1.5),
    separation: Range = (0.4, 6.0),
    clusters: tuple[int, int] = (1, 4),
    scatter: Range = (0.0, 1.5),
    unequal: Range = (0.0, 0.4),
    uneven: Range | None = None,
    imbalance: Range = (0.0, 1.5),
) -> tuple[Tensor, Tensor]:
    """Draw rows of tasks with x = class mean + cluster mean + noise, noise_j ~ j^-a.

    Parameters
    ----------
    generator : torch.Generator
    n_tasks, n_rows, n_classes : int
    n_features, spectrum : as in :func:`~sktart.priors.linear.sample_linear`
    alignment : (float, float)
        Bounds of the exponent p by which means fall, mean_j ~ j^-p.
    separation : (float, float)
        Bounds of the typical distance of two class means in units of the noise (Mahalanobis), log-uniform.
    clusters : (int, int)
        Bounds of the number of clusters of a class, log-uniform, one draw for all tasks of a call.
    scatter : (float, float)
        Bounds of the spread of clusters about their class mean, relative to the spread of class means.
    unequal : (float, float)
        Bounds of the standard deviation of the log scale of the noise between classes.
    uneven : (float, float), optional
        Bounds of the standard deviation of the log scale of the noise between classes in each feature alone.
    imbalance : (float, float)
        Bounds of the standard deviation of the log odds of classes; half of the tasks have equal classes.

    Returns
    -------
    x : Tensor of shape (B, R, D)
    y : Tensor of shape (B, R)
    """
    mask = feature_mask(generator, n_tasks, n_features, logarithmic=True)
    noise_scale = power_law(mask, uniform(generator, spectrum, n_tasks))
    falling = power_law(mask, uniform(generator, alignment, n_tasks))
    n_clusters = log_uniform_int(generator, clusters)
    means = directions(generator, n_classes, falling)[:, :, None]
    offsets = directions(generator, n_classes * n_clusters, falling).unflatten(1, (n_classes, n_clusters))
    centres = means + offsets * (uniform(generator, scatter, n_tasks, 1, 1, 1) if n_clusters > 1 else 0.0)
    # Mahalanobis distance between two class means, averaged over pairs, before scaling.
    typical = ((2 * (means / noise_scale.clamp_min(1e-6)[:, None, None]).square().sum(-1)).mean(1)).sqrt()
    centres = centres * (log_uniform(generator, separation, n_tasks, 1) / typical)[:, :, None, None]
    y = _labels(generator, n_tasks, n_rows, n_classes, imbalance)
    cluster = torch.randint(n_clusters, y.shape, generator=generator)
    chosen = centres.flatten(1, 2).gather(
        1, (y * n_clusters + cluster)[..., None].expand(-1, -1, mask.shape[1])
    )
    class_scale = (normal(generator, n_tasks, n_classes) * uniform(generator, unequal, n_tasks, 1)).exp()
    noise = normal(generator, n_tasks, n_rows, mask.shape[1]) * noise_scale[:, None]
    if uneven is not None:
        log_scale = normal(generator, n_tasks, n_classes, mask.shape[1]) * uniform(
            generator, uneven, n_tasks, 1, 1
        )
        noise = noise * log_scale.exp().gather(1, y[..., None].expand_as(noise))
    return chosen + noise * class_scale.gather(1, y)[..., None], y


def _labels(generator: Generator, n_tasks: int, n_rows: int, n_classes: int, imbalance: Range) -> Tensor:
    """Half of the tasks have exactly balanced classes in each run of C rows, as stratified samples do."""
    log_odds = normal(generator, n_tasks, 1, n_classes) * uniform(generator, imbalance, n_tasks, 1, 1)
    drawn = categorical(generator, log_odds.expand(-1, n_rows, -1))
    balanced = (torch.arange(n_rows) % n_classes).expand(n_tasks, -1)
    is_balanced = torch.rand(n_tasks, 1, generator=generator) < 0.5
    return torch.where(is_balanced, balanced, drawn)
