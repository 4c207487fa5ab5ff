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


def random_reasoner() -> GramReasoner:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        reasoner = GramReasoner(GramConfig(width=16, n_layers=3, n_heads=2))
        for parameter in reasoner.parameters():
            # Output projections start at zero, which would hide what they add.
            torch.nn.init.normal_(parameter, std=0.3)
    return reasoner.eval().requires_grad_(False)


@pytest.fixture(scope="module", params=["random", "shipped"])
def reasoner(request):
    return random_reasoner() if request.param == "random" else load_checkpoint().reasoner


@pytest.fixture(scope="module", params=[torch.float64, torch.float32], ids=["float64", "float32"])
def dtype(request):
    return request.param


tasks = settings(max_examples=10, deadline=None)
drawn = given(seed=st.integers(0, 2**31), n=st.integers(4, 20), m=st.integers(1, 6), d=st.integers(1, 12))


def draw(seed, n, m, d, dtype):
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(N_CLASSES), rng.integers(N_CLASSES, size=n - N_CLASSES)])
    x = rng.normal(size=(n, d)) + y[:, None] * rng.normal(size=d)
    return (
        torch.as_tensor(x, dtype=dtype)[None],
        torch.as_tensor(y)[None],
        torch.as_tensor(rng.normal(size=(m, d)), dtype=dtype)[None],
        rng,
    )


def probabilities(reasoner, dtype, x, y, q, weight=None):
    with torch.inference_mode():
        return copy.deepcopy(reasoner).to(dtype)(x, y, q, N_CLASSES, weight).softmax(-1)


def assert_same(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=0, atol=TOLERANCE[expected.dtype])


@tasks
@drawn
def test_order_of_context_rows_does_not_matter(reasoner, dtype, seed, n, m, d):
    x, y, q, rng = draw(seed, n, m, d, dtype)
    order = rng.permutation(n)
    assert_same(
        probabilities(reasoner, dtype, x[:, order], y[:, order], q), probabilities(reasoner, dtype, x, y, q)
    )


@tasks
@drawn
def test_queries_do_not_see_each_other(reasoner, dtype, seed, n, m, d):
    x, y, q, rng = draw(seed, n, m, d, dtype)
    order = rng.permutation(m)
    everything = probabilities(reasoner, dtype, x, y, q)
    assert_same(probabilities(reasoner, dtype, x, y, q[:, order]), everything[:, order])
    assert_same(probabilities(reasoner, dtype, x, y, q[:, :1]), everything[:, :1])


@tasks
@drawn
def test_rotation_reflection_translation_scale_and_padding_do_not_matter(reasoner, dtype, seed, n, m, d):
    x, y, q, rng = draw(seed, n, m, d, dtype)
    turn = torch.as_tensor(np.linalg.qr(rng.normal(size=(d + 2, d + 2)))[0], dtype=dtype)
    shift = torch.as_tensor(rng.normal(size=d + 2), dtype=dtype)
    scale = float(np.exp(rng.normal()))

    def move(rows):
        return scale * torch.nn.functional.pad(rows, (0, 2)) @ turn + shift

    assert_same(probabilities(reasoner, dtype, move(x), y, move(q)), probabilities(reasoner, dtype, x, y, q))


@tasks
@drawn
def test_names_of_classes_do_not_matter(reasoner, dtype, seed, n, m, d):
    x, y, q, rng = draw(seed, n, m, d, dtype)
    names = torch.as_tensor(rng.permutation(N_CLASSES))
    renamed = probabilities(reasoner, dtype, x, names[y], q)
    assert_same(renamed[..., names], probabilities(reasoner, dtype, x, y, q))


@tasks
@drawn
def test_weight_counts_as_repetition(reasoner, dtype, seed, n, m, d):
    x, y, q, rng = draw(seed, n, m, d, dtype)
    counts = torch.as_tensor(rng.integers(1, 4, size=n))
    repeated = probabilities(
        reasoner, dtype, x.repeat_interleave(counts, 1), y.repeat_interleave(counts, 1), q
    )
    assert_same(probabilities(reasoner, dtype, x, y, q, counts[None].to(dtype)), repeated)


def test_chunks_of_rows_do_not_matter(reasoner, monkeypatch):
    x, y, q, _ = draw(0, 20, 6, 5, torch.float64)
    whole = probabilities(reasoner, torch.float64, x, y, q)
    monkeypatch.setattr(gram, "MAX_ATTENTION_ELEMENTS", 300)
    assert_same(probabilities(reasoner, torch.float64, x, y, q), whole)


def test_fused_attention_equals_the_one_that_is_trained(reasoner):
    x, y, q, _ = draw(0, 20, 6, 5, torch.float64)
    doubled = copy.deepcopy(reasoner).double()
    with torch.enable_grad():
        trained = doubled(x, y, q, N_CLASSES)
    with torch.inference_mode():
        assert_same(doubled(x, y, q, N_CLASSES), trained)


def test_batch_of_tasks_equals_one_by_one(reasoner):
    first, second = draw(0, 9, 4, 3, torch.float64), draw(1, 9, 4, 3, torch.float64)
    together = probabilities(
        reasoner, torch.float64, *(torch.cat([a, b]) for a, b in zip(first[:3], second[:3], strict=True))
    )
    for task, (x, y, q, _) in enumerate((first, second)):
        assert_same(together[task : task + 1], probabilities(reasoner, torch.float64, x, y, q))


@pytest.mark.parametrize(
    "rows", [torch.zeros(1, 6, 4), torch.full((1, 6, 4), 0.1), torch.full((1, 6, 4), 1e30)], ids=str
)
def test_constant_features_leave_the_shares_of_classes(reasoner, rows):
    y = torch.tensor([[0, 0, 0, 0, 1, 2]])
    answer = probabilities(
        reasoner, torch.float32, rows, y, torch.randn(1, 3, 4, generator=torch.Generator())
    )
    assert torch.isfinite(answer).all()
    torch.testing.assert_close(answer[0, 0], answer[0, 1])


def test_far_queries_stay_finite(reasoner):
    x, y, _, _ = draw(0, 8, 1, 3, torch.float64)
    far = torch.tensor([[[1e300, -1e300, 1e300], [1e9, 0.0, 0.0]]], dtype=torch.float64)
    assert torch.isfinite(probabilities(reasoner, torch.float64, x, y, far)).all()
    assert torch.isfinite(probabilities(reasoner, torch.float32, x, y, far)).all()


def test_cached_context_is_not_changed_by_queries(reasoner):
    x, y, q, _ = draw(0, 8, 3, 3, torch.float32)
    context = reasoner.read_context(x, y, N_CLASSES)
    first = reasoner.answer(context, q)
    reasoner.answer(context, q + 1)
    assert torch.equal(reasoner.answer(context, q), first)
