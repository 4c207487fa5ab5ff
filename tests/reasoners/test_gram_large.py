"""Large contexts and many classes: the laws of the gram reasoner where it reads landmarks, sums and groups."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from sktart import TartReasoner, load_checkpoint
from sktart.reasoners import _gram as gram

N_CLASSES = 3


@pytest.fixture(scope="module")
def reasoner():
    return copy.deepcopy(load_checkpoint().reasoner).double()


@pytest.fixture
def sums(monkeypatch):
    """Read contexts of any size as large ones, with few landmarks."""
    monkeypatch.setattr(gram, "MAX_EXACT_ROWS", 0)
    monkeypatch.setattr(gram, "N_LANDMARKS", 9)
    monkeypatch.setattr(gram, "LEAST_LANDMARKS", 2)
    monkeypatch.setattr(gram, "MAX_KEY_ELEMENTS", 0)


@pytest.fixture
def groups(monkeypatch):
    """Put classes into groups of two, of which queries open two."""
    monkeypatch.setattr(gram, "MAX_CLASSES", 4)
    monkeypatch.setattr(gram, "GROUP_SIZE", 2)
    monkeypatch.setattr(gram, "OPEN_GROUPS", 2)


def draw(seed, n_classes=N_CLASSES, n=40, u=0, d=6, m=5):
    """All that is known of a task, and queries; a generator for more."""
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(n_classes), rng.integers(n_classes, size=n - n_classes)])
    centres = 2 * rng.normal(size=(n_classes, d))
    parts = {
        "context_x": centres[y] + rng.normal(size=(n, d)),
        "context_y": y,
        "pool_x": centres[rng.integers(n_classes, size=u)] + rng.normal(size=(u, d)),
        "class_vectors": centres + rng.normal(size=(n_classes, d)),
        "query": centres[rng.integers(n_classes, size=m)] + rng.normal(size=(m, d)),
    }
    return {name: torch.from_numpy(part)[None] for name, part in parts.items()}, rng


def answer(reasoner, task):
    known = {name: part for name, part in task.items() if name != "query"}
    with torch.inference_mode():
        context = reasoner.read_context(n_classes=task["class_vectors"].shape[1], **known)
        return reasoner.answer(context, task["query"]).softmax(-1)


def assert_same(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-9)


def moved(task, rng):
    d = task["query"].shape[2]
    turn = torch.from_numpy(np.linalg.qr(rng.normal(size=(d, d)))[0])
    places = {name: 3.7 * task[name] @ turn + 1.3 for name in ("context_x", "pool_x", "query")}
    return task | places | {"class_vectors": task["class_vectors"] @ turn}


def reordered(task, rng):
    order, pool = (rng.permutation(task[name].shape[1]) for name in ("context_x", "pool_x"))
    rows = {name: task[name][:, order] for name in ("context_x", "context_y")}
    return task | rows | {"pool_x": task["pool_x"][:, pool]}


def test_all_rows_as_landmarks_are_the_exact_network(reasoner, sums, monkeypatch):
    monkeypatch.setattr(gram, "N_LANDMARKS", 10**6)
    for u in (0, 30):
        task, _ = draw(u, u=u)
        summed = answer(reasoner, task)
        with monkeypatch.context() as patch:
            patch.setattr(gram, "MAX_EXACT_ROWS", 10**6)
            assert_same(summed, answer(reasoner, task))


@pytest.mark.parametrize("u", [0, 30])
@pytest.mark.parametrize("change", [moved, reordered])
def test_what_may_change_changes_nothing_with_landmarks(reasoner, sums, change, u):
    task, rng = draw(1, u=u)
    assert_same(answer(reasoner, change(task, rng)), answer(reasoner, task))


@pytest.mark.parametrize("change", [moved, reordered])
def test_what_may_change_changes_nothing_without_any_label(reasoner, sums, change):
    task, rng = draw(7, u=40)
    task |= {"context_x": task["context_x"][:, :0], "context_y": task["context_y"][:, :0]}
    assert_same(answer(reasoner, change(task, rng)), answer(reasoner, task))


@pytest.mark.parametrize("change", [moved, reordered])
def test_what_may_change_changes_nothing_with_groups(reasoner, groups, change):
    task, rng = draw(2, n_classes=7, u=20)
    assert_same(answer(reasoner, change(task, rng)), answer(reasoner, task))


@pytest.mark.parametrize("n_classes", [N_CLASSES, 7])
def test_names_of_classes_do_not_matter(reasoner, sums, groups, n_classes):
    task, rng = draw(3, n_classes=n_classes, u=20)
    names = torch.as_tensor(rng.permutation(n_classes))
    renamed = {
        "context_y": names[task["context_y"]],
        "class_vectors": task["class_vectors"][:, names.argsort()],
    }
    assert_same(answer(reasoner, task | renamed)[..., names], answer(reasoner, task))


def test_landmarks_are_few_and_stand_for_all_rows(reasoner, sums):
    task, _ = draw(4, u=30)
    with torch.inference_mode():
        context = reasoner.read_context(
            task["context_x"], task["context_y"], N_CLASSES, pool_x=task["pool_x"]
        )
    for landmarks in context.landmarks:
        assert landmarks.x.shape[1] < 30
        assert landmarks.weight[:, : landmarks.n_labelled].sum() == pytest.approx(40)
        assert landmarks.weight[:, landmarks.n_labelled :].sum() == pytest.approx(30)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31), m=st.integers(1, 40))
def test_queries_do_not_see_each_other_in_groups(reasoner, seed, m):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("MAX_CLASSES", 4), ("GROUP_SIZE", 2), ("OPEN_GROUPS", 2)):
            patch.setattr(gram, name, value)
        task, _ = draw(seed, n_classes=7, m=m)
        assert_same(answer(reasoner, task | {"query": task["query"][:, :1]}), answer(reasoner, task)[:, :1])


def test_probability_of_a_class_is_that_of_its_group_times_that_within(reasoner, groups):
    task, _ = draw(5, n_classes=7)
    with torch.inference_mode():
        context = reasoner.read_context(task["context_x"], task["context_y"], 7)
        proba = reasoner.answer(context, task["query"]).softmax(-1)
        among = reasoner.answer(replace(context, groups=(), members=()), task["query"]).softmax(-1)
    torch.testing.assert_close(proba.sum(-1), torch.ones_like(proba[..., 0]))
    opened = among.topk(2).indices
    for number, (group, members) in enumerate(zip(context.groups, context.members, strict=True)):
        assert_same(proba[..., members].sum(-1), among[..., number])
        with torch.inference_mode():
            inside = reasoner.answer(group, task["query"]).softmax(-1)
        is_open = (opened == number).any(-1, keepdim=True)
        expected = inside.where(is_open, torch.tensor(1 / len(members), dtype=inside.dtype))
        assert_same(proba[..., members], among[..., number : number + 1] * expected)


def test_classes_without_a_labelled_row_are_not_grouped(reasoner, groups):
    task, _ = draw(6, n_classes=7, u=20)
    task["context_y"] = task["context_y"].clamp_max(5)
    assert answer(reasoner, task).shape == (1, 5, 7)


@pytest.mark.parametrize("n_rows, n_classes, d", [(600, 2, 20), (600, 2, 50), (150, 70, 20), (700, 70, 50)])
def test_row_has_the_same_bits_alone_shuffled_and_after_a_pickle(n_rows, n_classes, d):
    rng = np.random.default_rng(n_rows)
    y = np.arange(n_rows) % n_classes
    X = rng.normal(size=(n_rows, d)) + 2 * rng.normal(size=(n_classes, d))[y]
    queries = rng.normal(size=(gram.GROUP_QUERIES + 37, d))
    model = TartReasoner().fit(X, y)
    everything = model.predict_proba(queries)
    some = slice(gram.GROUP_QUERIES - 9, gram.GROUP_QUERIES + 9)
    assert np.array_equal(
        np.vstack([model.predict_proba(row[None]) for row in queries[some]]), everything[some]
    )
    assert np.array_equal(model.predict_proba(queries[::-1]), everything[::-1])
    order = rng.permutation(n_rows)
    assert np.array_equal(TartReasoner().fit(X[order], y[order]).predict_proba(queries), everything)
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict_proba(queries), everything)


@pytest.mark.parametrize("scale", [1e-120, 1e120, 1e300])
def test_scale_does_not_matter_to_groups(scale):
    rng = np.random.default_rng(0)
    y = np.arange(200) % 100
    X, queries = rng.normal(size=(200, 8)), rng.normal(size=(5, 8))
    one, other = (
        TartReasoner(dtype="float64").fit(factor * X, y).predict_proba(factor * queries)
        for factor in (1, scale)
    )
    np.testing.assert_allclose(other, one, rtol=0, atol=1e-9)


def test_averages_of_many_contexts_have_the_same_bits_in_any_call():
    rng = np.random.default_rng(0)
    X, queries = rng.normal(size=(90, 6)), rng.normal(size=(300, 6))
    model = TartReasoner(max_context=40, n_permutations=8, random_state=0).fit(X, np.arange(90) % 3)
    everything = model.predict_proba(queries)
    for size in (1, 15, 48, 299):
        assert np.array_equal(model.predict_proba(queries[:size]), everything[:size])


def test_more_features_than_rows_are_read_exactly(reasoner):
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(size=(1, 600, 700)))
    with torch.inference_mode():
        assert not reasoner.read_context(x, torch.arange(600)[None] % 2, 2).ridge.is_summed
        assert reasoner.read_context(x[..., :500], torch.arange(600)[None] % 2, 2).ridge.is_summed


@pytest.mark.parametrize("n", [40, 600])
def test_tokens_of_a_context_are_not_kept(reasoner, n):
    task, _ = draw(0, n=n)
    with torch.inference_mode():
        _, pool_logits = reasoner._read(task["context_x"], task["context_y"], N_CLASSES, *[None] * 4)
    assert pool_logits.shape == (1, 0, N_CLASSES)
    assert pool_logits.untyped_storage().nbytes() == 0


def test_many_rows_are_worth_reading():
    X, y = load_digits(return_X_y=True)
    few = TartReasoner().fit(X[:300], y[:300]).score(X[1200:], y[1200:])
    assert TartReasoner().fit(X[:1200], y[:1200]).score(X[1200:], y[1200:]) > max(few, 0.93)


def test_hundreds_of_classes_are_told_apart():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(200, 30))
    y = np.repeat(np.arange(200), 3)
    model = TartReasoner().fit(centres[y] + 0.3 * rng.normal(size=(600, 30)), y)
    assert model.score(centres + 0.3 * rng.normal(size=(200, 30)), np.arange(200)) > 0.9
