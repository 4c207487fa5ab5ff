"""The metric of all rows: directions along which these spread count for more."""

import numpy as np
import pytest
import torch

from sktart.reasoners import _metric
from sktart.reasoners._metric import DIMENSIONS, SHARE, in_metric, root_of_metric


def draw(n=23, d=6):
    """Rows about 0 with a mean squared length of 1, and their weights."""
    rng = np.random.default_rng(0)
    weight = rng.uniform(0.5, 2, size=n)
    x = rng.normal(size=(n, d)) * np.arange(1, d + 1)
    x -= np.average(x, axis=0, weights=weight)
    x /= np.sqrt(np.average(np.square(x).sum(axis=1), weights=weight))
    return torch.from_numpy(x)[None], torch.from_numpy(weight)[None]


def test_metric_is_the_mean_of_a_flat_one_and_the_covariance_in_units_of_the_effective_dimension():
    x, weight = draw()
    root = root_of_metric(x, weight)
    (matrix,) = root
    covariance = np.cov(x[0].T, aweights=weight[0], ddof=0)
    dimension = 1 / np.square(covariance).sum()
    part = SHARE / (1 + (DIMENSIONS / dimension) ** 2)
    expected = (1 - part) * np.eye(6) + part * dimension * covariance
    torch.testing.assert_close(matrix[0] @ matrix[0].T, torch.from_numpy(expected))
    length = in_metric(x, root).square().sum(-1)
    assert np.average(length[0], weights=weight[0]) == pytest.approx(1, rel=1e-12)


def test_rows_that_spread_alike_in_all_directions_are_compared_as_they_are():
    x = torch.cat([torch.eye(4), -torch.eye(4)]).double()[None]
    torch.testing.assert_close(in_metric(x, root_of_metric(x, torch.ones(1, 8))), x)


def test_equal_rows_are_compared_as_they_are_as_far_as_that_matters():
    x = torch.zeros(1, 5, 3, dtype=torch.float64)
    (root,) = root_of_metric(x, torch.ones(1, 5, dtype=torch.float64))
    part = SHARE / (1 + DIMENSIONS**2)
    torch.testing.assert_close(root[0], (1 - part) ** 0.5 * torch.eye(3, dtype=torch.float64))


def test_wide_rows_are_compared_alike_and_without_a_square_of_their_features(monkeypatch):
    x, weight = draw(n=7, d=40)
    narrow = in_metric(x, root_of_metric(x, weight))
    monkeypatch.setattr(_metric, "WIDEST", 39)
    root = root_of_metric(x, weight)
    assert all(40 * 40 > part.numel() for part in root)
    wide = in_metric(x, root)
    assert wide.shape == (1, 7, 40 + 16)
    torch.testing.assert_close(wide @ wide.mT, narrow @ narrow.mT)


def test_without_a_metric_rows_are_the_same_tensor():
    x, _ = draw()
    assert in_metric(x, ()) is x
