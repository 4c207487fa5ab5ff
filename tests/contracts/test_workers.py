"""Threads and processes: the same bits wherever a fitted model answers, and no more threads than cores."""

import json
import threading

import many_workers
import numpy as np
import pytest
from programs import run_python

from sktart import TartReasoner, save


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    return TartReasoner().fit(rng.normal(size=(300, 16)) + np.arange(300)[:, None] % 3, np.arange(300) % 3)


@pytest.fixture
def folder(model, tmp_path):
    save(model, tmp_path / "model.sktart")
    np.save(tmp_path / "rows.npy", np.random.default_rng(1).normal(size=(200, 16)))
    return tmp_path


def test_workers_give_the_same_bits_and_a_search_has_no_more_threads_than_cores(folder):
    run_python([many_workers.__file__, str(folder)], folder)
    found = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    assert found["same"] == dict.fromkeys(many_workers.WAYS, True)
    assert found["threads"] <= found["cores"]


def test_eight_threads_on_two_models_while_one_is_fitted_elsewhere(model):
    """Models share their network, so answers must not depend on who else uses it."""
    X = np.random.default_rng(2).normal(size=(40, 16))
    models = [model, TartReasoner(temperature=2.0).fit(X, np.arange(40) % 2)]
    expected = [each.predict_proba(X) for each in models]
    wrong = []

    def ask(number):
        for _ in range(20):
            which = number % 2
            if number == 7:
                TartReasoner().fit(X, np.arange(40) % 4)
            if not np.array_equal(models[which].predict_proba(X), expected[which]):
                wrong.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
