"""How queries are shared among threads."""

import numpy as np
import pytest
import torch

from sktart import TartReasoner
from sktart._runtime import torch_threads
from sktart.contexts import _net
from sktart.estimators import _base
from sktart.reasoners._gram import GramReasoner

RNG = np.random.default_rng(0)
X, QUERIES = RNG.normal(size=(40, 5)), RNG.normal(size=(300, 5))
Y = np.arange(40) % 3


def spy(monkeypatch, method):
    """Return a list that gets the number of torch threads in each call of a method of the reasoner."""
    found, plain = [], getattr(GramReasoner, method)

    def spied(self, *arguments, **options):
        found.append(torch.get_num_threads())
        return plain(self, *arguments, **options)

    monkeypatch.setattr(GramReasoner, method, spied)
    return found


@pytest.mark.parametrize("most_work, n_threads", [(2**31, 1), (1, 3)])
def test_little_work_is_read_on_one_thread(monkeypatch, most_work, n_threads):
    monkeypatch.setattr(_base, "MOST_WORK_OF_ONE_THREAD", most_work)
    found = spy(monkeypatch, "read_context")
    with torch_threads(3):
        TartReasoner().fit(X, Y)
        assert torch.get_num_threads() == 3
    assert found == [n_threads]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_threads_share_rows_and_change_no_bit(monkeypatch, dtype):
    model = TartReasoner(dtype=dtype).fit(X, Y)
    expected = model.predict_proba(QUERIES)
    found = spy(monkeypatch, "answer")
    monkeypatch.setattr(_net, "LEAST_WORK", 1)
    with torch_threads(3):
        assert np.array_equal(model.predict_proba(QUERIES), expected)
        assert np.array_equal(model.predict_proba(QUERIES[-1:]), expected[-1:])
        assert torch.get_num_threads() == 3
    assert found == [1] * 5  # four parts of 96 rows and less, and a single row


def test_threads_do_not_make_more_than_a_batch_of_rows_at_once(monkeypatch):
    sizes = []
    model = TartReasoner(batch_size=64).fit(X, Y)
    monkeypatch.setattr(_net, "LEAST_WORK", 1)
    monkeypatch.setattr(
        _net.ContextModule, "forward", lambda self, rows: sizes.append(len(rows)) or torch.zeros(len(rows), 3)
    )
    with torch_threads(2):
        model.predict_proba(QUERIES)
    assert sorted(sizes) == [16, *[32] * 9]
