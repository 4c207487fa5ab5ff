"""Classes as clusters: every option against its definition."""

import numpy as np
import pytest
import torch
from drawing import generator, spectrum_slope

from sktart.priors._clusters import sample_clusters

SIMPLE_CLUSTERS = {"clusters": (1, 1), "unequal": (0.0, 0.0), "imbalance": (0.0, 0.0)}


@pytest.mark.parametrize("exponent", [0.2, 0.8])
def test_noise_of_clusters_has_a_power_law_spectrum(exponent):
    x, y = sample_clusters(
        generator(), 3, 4000, 2, n_features=(60, 60), spectrum=(exponent, exponent), **SIMPLE_CLUSTERS
    )
    for rows, labels in zip(x, y, strict=True):
        assert spectrum_slope(rows[labels == 0]) == pytest.approx(exponent, abs=0.02)


@pytest.mark.parametrize("separation", [0.5, 4.0])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_separation_is_the_typical_mahalanobis_distance_of_class_means(separation, n_classes):
    x, y = sample_clusters(
        generator(),
        60,
        400 * n_classes,
        n_classes,
        n_features=(40, 40),
        spectrum=(0.5, 0.5),
        alignment=(0.3, 0.3),
        separation=(separation, separation),
        **SIMPLE_CLUSTERS,
    )
    noise = torch.arange(1, 41) ** -0.5
    squares = []
    for rows, labels in zip(x / noise, y, strict=True):
        classes = [rows[labels == label] for label in range(n_classes)]
        means = torch.stack([members.mean(0) for members in classes])
        # What the estimate of a mean adds to the squared distance of two.
        chance = sum(40 / len(members) for members in classes) * 2 / n_classes
        squares.append((torch.pdist(means).square().mean() - chance).item())
    assert np.mean(squares) ** 0.5 == pytest.approx(separation, rel=0.1)


def test_unequal_noise_differs_between_classes():
    options = {**SIMPLE_CLUSTERS, "unequal": (0.4, 0.4), "n_features": (50, 50), "separation": (0.4, 0.4)}
    x, y = sample_clusters(generator(), 200, 200, 2, **options)
    spread = [
        [rows[labels == label].std(0)[0].log() for label in (0, 1)] for rows, labels in zip(x, y, strict=True)
    ]
    difference = torch.tensor(spread).diff(dim=1).std().item()
    assert difference == pytest.approx(0.4 * 2**0.5, abs=0.12)


def test_uneven_noise_differs_between_classes_in_each_feature():
    options = {**SIMPLE_CLUSTERS, "uneven": (0.5, 0.5), "n_features": (50, 50), "separation": (0.4, 0.4)}
    x, y = sample_clusters(generator(), 8, 2000, 2, **options)
    ratios = torch.stack(
        [
            (task[labels == 0].std(0) / task[labels == 1].std(0)).log()
            for task, labels in zip(x, y, strict=True)
        ]
    )
    assert ratios.std().item() == pytest.approx(0.5 * 2**0.5, rel=0.15)
    assert ratios.mean(1).abs().max() < 0.4  # no class is noisier as a whole


def test_scatter_makes_several_clusters_of_a_class():
    def excess(clusters):
        """How far the rows of one class are from a Gaussian: kurtosis along the longest axis."""
        x, y = sample_clusters(
            generator(),
            30,
            600,
            2,
            n_features=(3, 3),
            separation=(20.0, 20.0),
            **{**SIMPLE_CLUSTERS, "clusters": clusters},
            scatter=(1.5, 1.5),
        )
        values = []
        for rows, labels in zip(x, y, strict=True):
            members = rows[labels == 0]
            centred = members - members.mean(0)
            along = centred @ torch.linalg.svd(centred, full_matrices=False).Vh[0]
            values.append((along**4).mean() / (along**2).mean() ** 2)
        return torch.stack(values).mean().item()

    assert excess((1, 1)) == pytest.approx(3, abs=0.3)
    assert excess((2, 2)) < 2.2


@pytest.mark.parametrize("imbalance", [0.0, 0.5])
def test_imbalance_is_the_spread_of_the_log_odds(imbalance):
    _, y = sample_clusters(generator(1), 600, 2000, 2, n_features=(2, 2), imbalance=(imbalance, imbalance))
    log_odds = y.float().mean(1).logit()
    assert log_odds.std().item() == pytest.approx(imbalance * 2**0.5, rel=0.15, abs=0.06)


def covariances(x, y):
    """Covariances of the rows of each class, (tasks x classes, D, D)."""
    return torch.stack(
        [rows[labels == c].T.cov() for rows, labels in zip(x, y, strict=True) for c in labels.unique()]
    )


OWN = {**SIMPLE_CLUSTERS, "alignment": (0.0, 0.0), "own_rank": (3, 3)}


def test_each_cluster_has_as_many_directions_of_its_own_as_asked():
    x, y = sample_clusters(generator(), 4, 300, 3, n_features=(20, 20), **OWN, own=(1.0, 1.0))
    for covariance in covariances(x, y):
        assert torch.linalg.matrix_rank(covariance, rtol=1e-4) == 3
    everyone = torch.cat([(rows - rows.mean(0)) for rows in x])
    assert torch.linalg.matrix_rank(everyone.T.cov(), rtol=1e-4) == 20


def test_own_directions_are_of_the_cluster_and_not_of_the_class():
    options = {**OWN, "clusters": (4, 4), "own": (1.0, 1.0), "separation": (1e-3, 1e-3)}
    x, y = sample_clusters(generator(), 4, 600, 2, n_features=(20, 20), **options)
    for covariance in covariances(x, y):
        assert torch.linalg.matrix_rank(covariance, rtol=1e-4) == 12


@pytest.mark.parametrize("share", [0.0, 0.4, 0.8])
def test_own_is_the_share_of_the_variance_of_the_noise(share):
    x, y = sample_clusters(
        generator(), 8, 3000, 3, n_features=(200, 200), spectrum=(0.0, 0.0), **OWN, own=(share, share)
    )
    eigenvalues = torch.linalg.eigvalsh(covariances(x, y))
    leading = (eigenvalues[:, -3:].sum(1) / eigenvalues.sum(1)).mean().item()
    assert leading == pytest.approx(share + (1 - share) * 3 / 200, abs=0.03)


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_clusters_together_have_the_spectrum_that_they_have_without_own_directions(share):
    x, y = sample_clusters(
        generator(), 60, 400, 5, n_features=(30, 30), spectrum=(0.5, 0.5), **OWN, own=(share, share)
    )
    variance = covariances(x, y).mean(0).diagonal()
    torch.testing.assert_close(variance, 1 / torch.arange(1.0, 31), rtol=0.25, atol=0)
    assert variance.sum().item() == pytest.approx((1 / torch.arange(1.0, 31)).sum().item(), rel=0.05)


@pytest.mark.parametrize("share", [0.0, 0.8])
def test_kindred_classes_have_a_part_of_their_mean_in_common(share):
    options = {**SIMPLE_CLUSTERS, "n_features": (100, 100), "spectrum": (0.0, 0.0), "alignment": (0.0, 0.0)}
    x, y = sample_clusters(generator(), 6, 4000, 16, **options, separation=(50.0, 50.0), kin=(share, share))
    nearest, typical = [], []
    for rows, labels in zip(x, y, strict=True):
        means = torch.stack([rows[labels == label].mean(0) for label in range(16)])
        square = torch.cdist(means, means).square()
        typical.append(square.sum() / (16 * 15))
        nearest.append(square.fill_diagonal_(torch.inf).min(1).values.median())
    # Kin differ by their own parts only; without families all pairs are about equally far.
    ratio = np.sum(nearest) / np.sum(typical)
    assert ratio == pytest.approx(0.25, abs=0.12) if share else ratio > 0.6
