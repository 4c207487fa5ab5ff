import numpy as np
import pytest
import torch

from sktart.reasoners import _landmarks


def choose_landmarks(strata, order, weight, **sizes):
    tensors = map(torch.from_numpy, (strata, order, weight))
    return [part.numpy() for part in _landmarks.choose_landmarks(*tensors, **sizes)]


def draw(n=100, n_strata=4):
    rng = np.random.default_rng(0)
    return rng.integers(n_strata, size=n), rng.normal(size=n), rng.uniform(0.5, 3, size=n)


def test_each_stratum_keeps_its_weight():
    strata, order, weight = draw()
    rows, amounts = choose_landmarks(strata, order, weight, size=20, least=2)
    assert 20 <= len(rows) <= 24
    assert (np.diff(rows) > 0).all()
    for stratum in range(4):
        assert amounts[strata[rows] == stratum].sum() == pytest.approx(weight[strata == stratum].sum())


def test_small_stratum_is_taken_whole():
    strata = np.array([0] * 50 + [1] * 3)
    rows, amounts = choose_landmarks(strata, np.arange(53.0), np.ones(53), size=10, least=4)
    assert rows[-3:].tolist() == [50, 51, 52]
    assert amounts[-3:].tolist() == [1, 1, 1]


def test_landmarks_are_spread_along_the_order():
    rows, amounts = choose_landmarks(np.zeros(100, int), -np.arange(100.0), np.ones(100), size=4, least=1)
    assert rows.tolist() == [12, 37, 62, 87]
    assert amounts.tolist() == [25] * 4


def test_heavy_row_stands_for_itself():
    weight = np.ones(10)
    weight[3] = 90
    rows, amounts = choose_landmarks(np.zeros(10, int), np.arange(10.0), weight, size=5, least=1)
    assert amounts[rows == 3].sum() > 75


def test_order_of_rows_changes_nothing():
    strata, order, weight = draw()
    rows, amounts = choose_landmarks(strata, order, weight, size=20, least=2)
    shuffled = np.random.default_rng(1).permutation(len(strata))
    again, same = choose_landmarks(strata[shuffled], order[shuffled], weight[shuffled], size=20, least=2)
    assert dict(zip(shuffled[again], same, strict=True)) == pytest.approx(
        dict(zip(rows, amounts, strict=True))
    )
