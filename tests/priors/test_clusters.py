"""Classes as clusters: every option against its definition."""

import numpy as np
import pytest
import torch
from drawing import by_class, fixed, generator, spectrum_slope

from sktart.priors._clusters import sample_clusters


def draw(n_tasks, n_rows, n_classes=2, seed=0, **options):
    """Rows of each class of each task, by options of one value each; one even cluster a class unless told."""
    simple = {"clusters": 1, "unequal": 0.0, "imbalance": 0.0}
    x, y = sample_clusters(generator(seed), n_tasks, n_rows, n_classes, **fixed(**simple | options))
    return by_class(x, y)


def covariances(tasks):
    """Covariances of the rows of each class, (tasks x classes, D, D)."""
    return torch.stack([rows.T.cov() for classes in tasks for rows in classes])


@pytest.mark.parametrize("exponent", [0.2, 0.8])
def test_noise_of_clusters_has_a_power_law_spectrum(exponent):
    for first, _ in draw(3, 4000, n_features=60, spectrum=exponent):
        assert spectrum_slope(first) == pytest.approx(exponent, abs=0.02)


@pytest.mark.parametrize("separation", [0.5, 4.0])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_separation_is_the_typical_mahalanobis_distance_of_class_means(separation, n_classes):
    options = {"n_features": 40, "spectrum": 0.5, "alignment": 0.3, "separation": separation}
    noise = torch.arange(1, 41) ** -0.5
    squares = []
    for classes in draw(60, 400 * n_classes, n_classes, **options):
        means = torch.stack([rows.mean(0) for rows in classes]) / noise
        # What the estimate of a mean adds to the squared distance of two.
        chance = sum(40 / len(rows) for rows in classes) * 2 / n_classes
        squares.append((torch.pdist(means).square().mean() - chance).item())
    assert np.mean(squares) ** 0.5 == pytest.approx(separation, rel=0.1)


def log_ratio_of_spreads(tasks):
    """Log of the ratio of the standard deviations of two classes, (tasks, D)."""
    return torch.stack([(first.std(0) / second.std(0)).log() for first, second in tasks])


def test_unequal_noise_differs_between_classes():
    ratios = log_ratio_of_spreads(draw(200, 200, unequal=0.4, n_features=50, separation=0.4))
    assert ratios[:, 0].std().item() == pytest.approx(0.4 * 2**0.5, abs=0.12)


def test_uneven_noise_differs_between_classes_in_each_feature():
    ratios = log_ratio_of_spreads(draw(8, 2000, uneven=0.5, n_features=50, separation=0.4))
    assert ratios.std().item() == pytest.approx(0.5 * 2**0.5, rel=0.15)
    assert ratios.mean(1).abs().max() < 0.4  # no class is noisier as a whole


def test_scatter_makes_several_clusters_of_a_class():
    def excess(clusters):
        """How far the rows of one class are from a Gaussian: kurtosis along the longest axis."""
        values = []
        for rows, _ in draw(30, 600, n_features=3, separation=20.0, clusters=clusters, scatter=1.5):
            centred = rows - rows.mean(0)
            along = centred @ torch.linalg.svd(centred, full_matrices=False).Vh[0]
            values.append((along**4).mean() / (along**2).mean() ** 2)
        return torch.stack(values).mean().item()

    assert excess(1) == pytest.approx(3, abs=0.3)
    assert excess(2) < 2.2


@pytest.mark.parametrize("imbalance", [0.0, 0.5])
def test_imbalance_is_the_spread_of_the_log_odds(imbalance):
    tasks = draw(600, 2000, seed=1, n_features=2, imbalance=imbalance)
    log_odds = np.log([len(second) / len(first) for first, second in tasks])
    assert log_odds.std() == pytest.approx(imbalance * 2**0.5, rel=0.15, abs=0.06)


OWN = {"alignment": 0.0, "own_rank": 3}


@pytest.mark.parametrize("options, rank", [({}, 3), ({"clusters": 4, "separation": 1e-3}, 12)])
def test_each_cluster_and_not_each_class_has_directions_of_its_own(options, rank):
    tasks = draw(4, 600, n_features=20, own=1.0, **OWN, **options)
    for covariance in covariances(tasks):
        assert torch.linalg.matrix_rank(covariance, rtol=1e-4) == rank
    everyone = torch.cat([rows - torch.cat(classes).mean(0) for classes in tasks for rows in classes])
    assert torch.linalg.matrix_rank(everyone.T.cov(), rtol=1e-4) == 20


@pytest.mark.parametrize("share", [0.0, 0.4, 0.8])
def test_own_is_the_share_of_the_variance_of_the_noise(share):
    tasks = draw(8, 3000, 3, n_features=200, spectrum=0.0, own=share, **OWN)
    eigenvalues = torch.linalg.eigvalsh(covariances(tasks))
    leading = (eigenvalues[:, -3:].sum(1) / eigenvalues.sum(1)).mean().item()
    assert leading == pytest.approx(share + (1 - share) * 3 / 200, abs=0.03)


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_clusters_together_have_the_spectrum_that_they_have_without_own_directions(share):
    tasks = draw(60, 400, 5, n_features=30, spectrum=0.5, own=share, **OWN)
    variance = covariances(tasks).mean(0).diagonal()
    torch.testing.assert_close(variance, 1 / torch.arange(1.0, 31), rtol=0.25, atol=0)
    assert variance.sum().item() == pytest.approx((1 / torch.arange(1.0, 31)).sum().item(), rel=0.05)


@pytest.mark.parametrize("share", [0.0, 0.8])
def test_kindred_classes_have_a_part_of_their_mean_in_common(share):
    options = {"n_features": 100, "spectrum": 0.0, "alignment": 0.0, "separation": 50.0, "kin": share}
    nearest, typical = [], []
    for classes in draw(6, 4000, 16, **options):
        means = torch.stack([rows.mean(0) for rows in classes])
        square = torch.cdist(means, means).square()
        typical.append(square.sum() / (16 * 15))
        nearest.append(square.fill_diagonal_(torch.inf).min(1).values.median())
    # Kin differ by their own parts only; without families all pairs are about equally far.
    ratio = np.sum(nearest) / np.sum(typical)
    assert ratio == pytest.approx(0.25, abs=0.12) if share else ratio > 0.6


def residuals(classes):
    """Rows less the mean of their class."""
    return [rows - rows.mean(0) for rows in classes]


def test_common_clusters_are_the_same_for_all_classes():
    for classes in draw(4, 2000, 2, n_features=20, common=1.0, common_clusters=5, common_lean=0.0):
        first, second = (rows.unique(dim=0) for rows in classes)
        assert len(first) == len(second) == 5
        # They stand about the means of their classes in the same way.
        torch.testing.assert_close(first - first[0], second - second[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_common_is_the_share_of_the_variance_between_common_clusters(share):
    within = []
    options = {"n_features": 400, "spectrum": 0.0, "common_clusters": 4, "separation": 0.4}
    for classes in draw(4, 600, common=share, **options):
        residual = torch.cat(residuals(classes))
        nearest = torch.cdist(residual, residual).fill_diagonal_(torch.inf).argmin(1)
        within.append((residual - residual[nearest]).square().mean() / 2)
    # Nearest rows are of one cluster, and by chance a little nearer than others of it.
    assert np.mean(within) == pytest.approx(0.83 * (1 - share), rel=0.1)


def test_classes_lean_to_some_common_clusters():
    def difference(lean):
        """How far apart the shares of clusters are between two classes."""
        found = []
        for classes in draw(20, 2000, n_features=10, common=1.0, common_clusters=6, common_lean=lean):
            first, second = (rows.unique(dim=0, return_counts=True)[1] / len(rows) for rows in classes)
            if len(first) == len(second):
                found.append((first - second).abs().sum() / 2)
        return torch.stack(found).mean().item()

    assert difference(0.0) < 0.06
    assert difference(1.5) > 0.3


@pytest.mark.parametrize("tails", [0.0, 0.4])
def test_tails_are_the_spread_of_the_logarithm_of_the_size_of_noise(tails):
    spread, square = [], []
    for classes in draw(20, 1000, n_features=200, spectrum=0.0, tails=tails, separation=0.4):
        size = torch.cat(residuals(classes)).norm(dim=1)
        spread.append(size.log().std())
        square.append(size.square().mean() / 200)
    assert np.mean(spread) == pytest.approx(tails, abs=0.06)
    assert np.mean(square) == pytest.approx(1, rel=0.03)  # the noise as a whole is as large as without
