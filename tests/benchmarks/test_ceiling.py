import numpy as np
import pytest
from made_data import make_data
from scipy.special import log_softmax

from benchmarks.studies import ceiling


def test_best_temperature_undoes_a_wrong_one():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 3)) * 2
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    right = -log_softmax(logits, axis=1)[np.arange(len(y)), y].mean()
    for factor in (0.3, 1.0, 5.0):
        found = ceiling.best_temperature(y, log_softmax(logits * factor, axis=1))
        assert found == pytest.approx(right, abs=2e-3)


def test_ceiling_is_at_most_what_its_parts_reach():
    row = ceiling.measure(make_data(), 48, 0, 60)
    assert row["best C and temperature"] <= row["best C"] + 1e-9
    assert row["best C and temperature"] <= row["C = 1, best temperature"] + 1e-9
    assert row["accuracy, best C"] > -5
    assert ceiling.measure(make_data(), 10_000, 0, 60) is None
