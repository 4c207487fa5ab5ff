"""The laws of the gram reasoner, on random and on the shipped weights."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sktart import load_checkpoint
from sktart.reasoners import _gram as gram
from sktart.reasoners._config import GramConfig
from sktart.reasoners._gram import GramReasoner

TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4}
N_CLASSES = 3


def random_reasoner(sureness_width=0) -> GramReasoner:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        reasoner = GramReasoner(GramConfig(width=16, n_layers=3, n_heads=2, sureness_width=sureness_width))
        for parameter in reasoner.parameters():
            # Output projections start at zero, which would hide what they add.
            torch.nn.init.normal_(parameter, std=0.3)
        if sureness_width:
            torch.nn.init.ones_(reasoner.sureness.read_out.bias)  # a factor below 1 would be cut
    return reasoner.eval().requires_grad_(False)


NETWORKS = {
    "random": random_reasoner,
    "random, with a sureness": lambda: random_reasoner(sureness_width=4),
    "shipped": lambda: load_checkpoint().reasoner,
}


@pytest.fixture(scope="module", params=NETWORKS)
def reasoner(request):
    return NETWORKS[request.param]()


@pytest.fixture(scope="module", params=[torch.float64, torch.float32], ids=["float64", "float32"])
def answer(request, reasoner):
    """Return a function from a task to probabilities, computed in this precision."""
    dtype = request.param
    converted = copy.deepcopy(reasoner).to(dtype)

    def answer(x, y, q, weight=None):
        with torch.inference_mode():
            return converted(x.to(dtype), y, q.to(dtype), N_CLASSES, weight).softmax(-1)

    return answer


def draw(seed, n=20, m=6, d=5):
    """Rows, labels of every class, queries and a generator for more."""
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(N_CLASSES), rng.integers(N_CLASSES, size=n - N_CLASSES)])
    x = rng.normal(size=(n, d)) + y[:, None] * rng.normal(size=d)
    q = rng.normal(size=(m, d))
    return *(torch.from_numpy(part)[None] for part in (x, y, q)), rng


def law(test):
    sizes = {"n": st.integers(4, 20), "m": st.integers(1, 6), "d": st.integers(1, 12)}
    drawn = given(task=st.builds(draw, st.integers(0, 2**31), **sizes))
    return settings(max_examples=10, deadline=None)(drawn(test))


def assert_same(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=0, atol=TOLERANCE[expected.dtype])


@law
def test_order_of_context_rows_does_not_matter(answer, task):
    x, y, q, rng = task
    order = rng.permutation(x.shape[1])
    assert_same(answer(x[:, order], y[:, order], q), answer(x, y, q))


@law
def test_queries_do_not_see_each_other(answer, task):
    x, y, q, rng = task
    order = rng.permutation(q.shape[1])
    everything = answer(x, y, q)
    assert_same(answer(x, y, q[:, order]), everything[:, order])
    assert_same(answer(x, y, q[:, :1]), everything[:, :1])


@law
def test_rotation_reflection_translation_scale_and_padding_do_not_matter(answer, task):
    x, y, q, rng = task
    wide = x.shape[2] + 2
    turn = torch.from_numpy(np.linalg.qr(rng.normal(size=(wide, wide)))[0])
    shift = torch.from_numpy(rng.normal(size=wide))
    scale = float(np.exp(rng.normal()))

    def move(rows):
        return scale * torch.nn.functional.pad(rows, (0, 2)) @ turn + shift

    assert_same(answer(move(x), y, move(q)), answer(x, y, q))


@law
def test_names_of_classes_do_not_matter(answer, task):
    x, y, q, rng = task
    names = torch.as_tensor(rng.permutation(N_CLASSES))
    assert_same(answer(x, names[y], q)[..., names], answer(x, y, q))


@law
def test_weight_counts_as_repetition(answer, task):
    x, y, q, rng = task
    counts = torch.as_tensor(rng.integers(1, 4, size=x.shape[1]))
    repeated = answer(x.repeat_interleave(counts, 1), y.repeat_interleave(counts, 1), q)
    assert_same(answer(x, y, q, counts[None].to(repeated.dtype)), repeated)


def test_chunks_of_rows_do_not_matter(answer, monkeypatch):
    *task, _ = draw(0)
    whole = answer(*task)
    monkeypatch.setattr(gram, "MAX_ATTENTION_ELEMENTS", 300)
    assert_same(answer(*task), whole)


def test_fused_attention_equals_the_one_that_is_trained(reasoner):
    *task, _ = draw(0)
    doubled = copy.deepcopy(reasoner).double()
    with torch.enable_grad():
        trained = doubled(*task, N_CLASSES)
    with torch.inference_mode():
        assert_same(doubled(*task, N_CLASSES), trained)


def test_batch_of_tasks_equals_one_by_one(answer):
    tasks = [draw(seed)[:3] for seed in (0, 1)]
    together = answer(*map(torch.cat, zip(*tasks, strict=True)))
    assert_same(together, torch.cat([answer(*task) for task in tasks]))


@pytest.mark.parametrize(
    "rows", [torch.zeros(1, 6, 4), torch.full((1, 6, 4), 0.1), torch.full((1, 6, 4), 1e30)], ids=str
)
def test_constant_features_leave_the_shares_of_classes(answer, rows):
    y = torch.tensor([[0, 0, 0, 0, 1, 2]])
    found = answer(rows, y, torch.randn(1, 3, 4, generator=torch.Generator()))
    assert torch.isfinite(found).all()
    torch.testing.assert_close(found[0, 0], found[0, 1])


def test_far_queries_stay_finite(answer):
    x, y, _, _ = draw(0, d=3)
    far = torch.tensor([[[1e300, -1e300, 1e300], [1e9, 0.0, 0.0]]], dtype=torch.float64)
    assert torch.isfinite(answer(x, y, far)).all()


def test_cached_context_is_not_changed_by_queries(reasoner):
    x, y, q, _ = draw(0)
    context = reasoner.read_context(x.float(), y, N_CLASSES)
    first = reasoner.answer(context, q.float())
    reasoner.answer(context, q.float() + 1)
    assert torch.equal(reasoner.answer(context, q.float()), first)
