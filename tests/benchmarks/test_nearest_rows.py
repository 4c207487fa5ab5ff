import numpy as np

from benchmarks.studies import nearest_rows


def blobs():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 60)
    return np.eye(3, 6)[y] * 8 + rng.normal(size=(180, 6)), y


def test_classes_that_are_not_near_get_little():
    X, y = blobs()
    proba = nearest_rows.by_nearest(X, y, X[:3], n_kept=20)
    assert (proba[:, 0] > 0.99).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1)


def test_measures_three_ways_to_choose_rows():
    found = nearest_rows.measure(*blobs(), n_rows=120, n_queries=30, n_kept=60, seed=0)
    assert list(found) == ["all rows", "a draw", "nearest"]
    assert all(correct == 1.0 and loss < 0.2 for loss, correct in found.values())
