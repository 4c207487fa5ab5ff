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
    own: Range | None = None,
    own_rank: tuple[int, int] = (1, 12),
    kin: Range | None = None,
    common: Range | None = None,
    common_clusters: tuple[int, int] = (4, 256),
    common_lean: Range = (0.0, 1.0),
    tails: Range | None = None,
) -> tuple[Tensor, Tensor]:
    """Draw rows of tasks with x = centre of a cluster of the class + noise, noise_j ~ j^-a.

    A row's class is drawn, then one of the K clusters of the class. The centre is the mean of the class plus an offset
    of the cluster; means and offsets fall like j^-p. Noise is Gaussian; between classes it may differ in scale
    (`unequal`) and in the scale of each feature (`uneven`), between clusters in its directions (`own`), between rows in
    size (`tails`). A part of it may be clusters that all classes have in common (`common`).

    Parameters
    ----------
    generator : torch.Generator
    n_tasks, n_rows, n_classes : int
    n_features, spectrum : as in :func:`~sktart.priors._linear.sample_linear`
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
        Bounds of the standard deviation of the log odds of classes.
    own : (float, float), optional
        Bounds of the share of the variance of the noise that each cluster has along a few directions of its own, as
        one digit is written slanted or wide. Directions are drawn with the spectrum of the noise, so that all
        clusters together have the same spectrum as without.
    own_rank : (int, int)
        Bounds of the number of these directions, log-uniform, one draw for all tasks of a call.
    kin : (float, float), optional
        Bounds of the share of the variance of class means that kindred classes have in common: of C classes, each is
        of one of about sqrt(C) families. So a few pairs of many classes are easily confused, as intents are.
    common : (float, float), optional
        Bounds of the share of the variance of the noise that is between clusters which all classes have in common, as
        praise and blame are about the same things. Near rows then need not be of one class.
    common_clusters : (int, int)
        Bounds of the number of these clusters, log-uniform, one draw for all tasks of a call.
    common_lean : (float, float)
        Bounds of the standard deviation of their log odds between classes. Between clusters it is 1.
    tails : (float, float), optional
        Bounds of q: the noise of a row is exp(q g) times as large, g ~ N(0, 1).

    Returns
    -------
    x : Tensor of shape (B, R, D)
    y : Tensor of shape (B, R)
    """
    mask = feature_mask(generator, n_tasks, n_features, logarithmic=True)
    noise_scale = power_law(mask, uniform(generator, spectrum, n_tasks))
    falling = power_law(mask, uniform(generator, alignment, n_tasks))
    n_clusters = log_uniform_int(generator, clusters)
    centres = _centres(generator, n_classes, n_clusters, falling, noise_scale, scatter, separation, kin)
    log_odds = normal(generator, n_tasks, 1, n_classes) * uniform(generator, imbalance, n_tasks, 1, 1)
    y = categorical(generator, log_odds.expand(-1, n_rows, -1))
    # (B, R), counted over the clusters of all classes.
    cluster = y * n_clusters + torch.randint(n_clusters, y.shape, generator=generator)
    class_scale = (normal(generator, n_tasks, n_classes) * uniform(generator, unequal, n_tasks, 1)).exp()
    noise = normal(generator, n_tasks, n_rows, mask.shape[1]) * noise_scale[:, None]
    if uneven is not None:
        log_scale = normal(generator, n_tasks, n_classes, mask.shape[1])
        log_scale = log_scale * uniform(generator, uneven, n_tasks, 1, 1)
        noise = noise * log_scale.exp().gather(1, y[..., None].expand_as(noise))
    if own is not None:
        noise = _with_own_directions(generator, noise, cluster, centres.shape[1], noise_scale, own, own_rank)
    if tails is not None:
        size = (normal(generator, n_tasks, n_rows, 1) * uniform(generator, tails, n_tasks, 1, 1)).exp()
        noise = noise * size / size.square().mean(1, keepdim=True).sqrt()
    if common is not None:
        n_common = log_uniform_int(generator, common_clusters)
        noise = _with_common_clusters(
            generator, noise, y, n_classes, n_common, noise_scale, common, common_lean
        )
    centre = centres.gather(1, cluster[..., None].expand_as(noise))
    return centre + noise * class_scale.gather(1, y)[..., None], y


def _centres(
    generator: Generator,
    n_classes: int,
    n_clusters: int,
    falling: Tensor,
    noise_scale: Tensor,
    scatter: Range,
    separation: Range,
    kin: Range | None,
) -> Tensor:
    """Draw the centres of all clusters, (B, C K, D): those of class c are c K to c K + K - 1."""
    n_tasks = len(falling)
    means = directions(generator, n_classes, falling)[:, :, None]
    offsets = directions(generator, n_classes * n_clusters, falling).unflatten(1, (n_classes, n_clusters))
    if kin is not None:
        means = _with_kin(generator, means, falling, kin)
    centres = means + offsets * (uniform(generator, scatter, n_tasks, 1, 1, 1) if n_clusters > 1 else 0.0)
    # Mahalanobis distance between two class means, averaged over pairs, before scaling.
    typical = ((2 * (means / noise_scale.clamp_min(1e-6)[:, None, None]).square().sum(-1)).mean(1)).sqrt()
    wanted = log_uniform(generator, separation, n_tasks, 1)
    return (centres * (wanted / typical)[:, :, None, None]).flatten(1, 2)


def _with_kin(generator: Generator, means: Tensor, falling: Tensor, kin: Range) -> Tensor:
    """Give class means (B, C, 1, D) a part that they share with the other classes of their family."""
    n_tasks, n_classes = means.shape[:2]
    n_families = max(2, round(n_classes**0.5))
    family = torch.randint(n_families, (n_tasks, n_classes, 1), generator=generator)
    common = directions(generator, n_families, falling).gather(1, family.expand(-1, -1, falling.shape[1]))
    share = uniform(generator, kin, n_tasks, 1, 1, 1)
    return share.sqrt() * common[:, :, None] + (1 - share).sqrt() * means


def _with_own_directions(
    generator: Generator,
    noise: Tensor,
    cluster: Tensor,
    n_all: int,
    noise_scale: Tensor,
    own: Range,
    own_rank: tuple[int, int],
) -> Tensor:
    """Put a share of the variance of noise (B, R, D) into a few directions of each of the `n_all` clusters."""
    rank = log_uniform_int(generator, own_rank)
    share = uniform(generator, own, len(noise), 1, 1)
    tangents = directions(generator, n_all * rank, noise_scale)  # (B, C K rank, D)
    # Directions have unit length: along `rank` of them there is as much variance as in all features.
    size = noise_scale.norm(dim=1)[:, None, None] / rank**0.5
    coefficients = share.sqrt() * (normal(generator, *cluster.shape, rank) * size)
    is_of_cluster = (cluster[..., None] == torch.arange(n_all)).float()  # (B, R, C K)
    along = (is_of_cluster[..., None] * coefficients[:, :, None]).flatten(2) @ tangents
    return (1 - share).sqrt() * noise + along


def _with_common_clusters(
    generator: Generator,
    noise: Tensor,
    y: Tensor,
    n_classes: int,
    n_common: int,
    noise_scale: Tensor,
    common: Range,
    lean: Range,
) -> Tensor:
    """Put a share of the variance of noise (B, R, D) between clusters that classes have in common."""
    n_tasks = len(noise)
    deviation = uniform(generator, lean, n_tasks, 1, 1)
    log_odds = (
        normal(generator, n_tasks, 1, n_common) + normal(generator, n_tasks, n_classes, n_common) * deviation
    )
    cluster = categorical(generator, log_odds.gather(1, y[..., None].expand(-1, -1, n_common)))
    share = uniform(generator, common, n_tasks, 1, 1)
    centres = normal(generator, n_tasks, n_common, noise.shape[2]) * noise_scale[:, None]
    of_row = centres.gather(1, cluster[..., None].expand_as(noise))
    return (1 - share).sqrt() * noise + share.sqrt() * of_row
