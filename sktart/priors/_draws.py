"""Draws that several families share. B tasks, R rows, D features, C classes."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

Range = tuple[float, float]


def uniform(generator: Generator, bounds: Range, *shape: int) -> Tensor:
    """Draw uniformly between two bounds.

    Examples
    --------
    >>> uniform(torch.Generator(), (2.0, 2.0), 2)
    tensor([2., 2.])
    """
    return bounds[0] + (bounds[1] - bounds[0]) * torch.rand(shape, generator=generator)


def log_uniform(generator: Generator, bounds: Range, *shape: int) -> Tensor:
    """Draw between two positive bounds, uniformly in the logarithm."""
    return uniform(generator, (math.log(bounds[0]), math.log(bounds[1])), *shape).exp()


def log_uniform_int(generator: Generator, bounds: tuple[int, int]) -> int:
    """Draw one integer between two bounds, both included, about uniformly in the logarithm."""
    drawn = int(log_uniform(generator, (bounds[0], bounds[1] + 1 - 1e-6), 1).item())
    return min(max(drawn, bounds[0]), bounds[1])  # exp(log(3)) is 2.9999998 in float32


def normal(generator: Generator, *shape: int) -> Tensor:
    """Draw standard normal numbers."""
    return torch.randn(shape, generator=generator)


def feature_mask(generator: Generator, n_tasks: int, bounds: tuple[int, int], *, logarithmic: bool) -> Tensor:
    """Draw how many features each task has; 1 for a feature that exists, 0 beyond: (B, D) with D the largest."""
    draw = log_uniform if logarithmic else uniform
    counts = draw(generator, (bounds[0], bounds[1] + 1 - 1e-3), n_tasks).floor().clamp(*bounds)
    return (torch.arange(int(counts.max())) < counts[:, None]).float()


def power_law(mask: Tensor, exponent: Tensor) -> Tensor:
    """Return ``j ** -exponent`` for each feature j = 1, 2, ... of each task: (B, D), 0 where there is no feature."""
    rank = torch.arange(1, mask.shape[1] + 1, dtype=mask.dtype)
    return rank ** -exponent[:, None] * mask


def directions(generator: Generator, n_directions: int, size: Tensor) -> Tensor:
    """Random directions (B, n_directions, D) of unit length on average, of which feature j has the share size_j."""
    draws = normal(generator, size.shape[0], n_directions, size.shape[1])
    return draws * (size / size.norm(dim=1, keepdim=True))[:, None]


def categorical(generator: Generator, logits: Tensor) -> Tensor:
    """Draw a class for each row of logits (..., C), by the Gumbel trick."""
    noise = torch.rand(logits.shape, generator=generator).clamp_min(1e-20)
    return (logits - (-noise.log()).log()).argmax(-1)


def intercepts(generator: Generator, n_tasks: int, n_classes: int, deviation: float) -> Tensor:
    """Draw an intercept for each class of half of the tasks, 0 for the others: (B, 1, C)."""
    has_intercept = (torch.rand(n_tasks, 1, 1, generator=generator) < 0.5).float()
    return normal(generator, n_tasks, 1, n_classes) * deviation * has_intercept
