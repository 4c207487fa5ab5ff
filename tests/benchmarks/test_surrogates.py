import numpy as np
import pytest

from benchmarks.fewshot.readers import DataSet
from benchmarks.studies import surrogates


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 400)
    # Skewed noise, and the second class has less of it.
    noise = (rng.exponential(size=(1200, 8)) - 1) * np.where(y == 1, 0.5, 1.0)[:, None]
    return DataSet("set", "table", np.eye(3, 8)[y] * 2 + noise, y, None, "columns")


def spreads(data):
    return [data.X[data.y == label].std() for label in range(3)]


@pytest.mark.parametrize("kind", surrogates.SURROGATES)
def test_means_of_classes_and_the_noise_as_a_whole_stay(data, kind):
    other = surrogates.surrogate(data, kind, seed=0)
    for label in range(3):
        of_class = data.y == label
        np.testing.assert_allclose(other.X[of_class].mean(axis=0), data.X[of_class].mean(axis=0), atol=0.2)
    assert other.X.std() == pytest.approx(data.X.std(), rel=0.05)


def test_rows_as_they_are_and_those_that_lose_the_spread_of_their_class(data):
    kept = {kind: surrogates.surrogate(data, kind, seed=0) for kind in surrogates.SURROGATES}
    np.testing.assert_allclose(kept["as they are"].X, data.X)
    np.testing.assert_allclose(spreads(kept["Gaussian, covariance of the class"]), spreads(data), rtol=0.1)
    for kind in ("residuals of any class", "Gaussian, one covariance"):
        assert np.ptp(spreads(kept[kind])) < 0.3 * np.ptp(spreads(data))


def test_measures_the_reasoner_against_its_ridge(data):
    found = surrogates.measure(data, labels=24, seeds=2, checkpoint=None)
    assert len(found) == 2
    assert all(0.3 < ratio < 3 and abs(gain) < 20 for ratio, gain in found)
