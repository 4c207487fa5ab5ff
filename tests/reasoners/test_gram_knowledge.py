"""The laws of the gram reasoner with unlabelled rows and class descriptions, on random and on shipped weights."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sktart import load_checkpoint
from sktart.reasoners import _gram as gram
from sktart.reasoners import _metric
from sktart.reasoners._config import GramConfig
from sktart.reasoners._gram import GramReasoner
from sktart.reasoners._metric import DIMENSIONS, SHARE

N_CLASSES = 3


def random_reasoner(pool_metric=0):
    with torch.random.fork_rng():
        torch.manual_seed(2)
        shape = {"width": 16, "n_layers": 2, "n_heads": 2, "pool_message_width": 4}
        reasoner = GramReasoner(GramConfig(**shape, pool_metric=pool_metric))
        for parameter in reasoner.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    return reasoner.eval().requires_grad_(False)


NETWORKS = {
    "random": random_reasoner,
    "random, in the metric of rows": lambda: random_reasoner(pool_metric=1),
    "shipped": lambda: load_checkpoint().reasoner,
}


@pytest.fixture(scope="module", params=NETWORKS)
def reasoner(request):
    network = NETWORKS[request.param]()
    return copy.deepcopy(network).double()


@pytest.fixture(scope="module")
def answer(reasoner):
    """Return a function from a task to probabilities, in float64."""

    def answer(task):
        with torch.inference_mode():
            context = reasoner.read_context(
                task["x"],
                task["y"],
                N_CLASSES,
                task.get("weight"),
                pool_x=task.get("pool"),
                pool_weight=task.get("pool_weight"),
                class_vectors=task.get("vectors"),
            )
            return reasoner.answer(context, task["q"]).softmax(-1)

    return answer


def draw(seed, n=12, u=8, m=4, d=5, left_out=False):
    """Labelled rows (maybe none), a pool, queries, and vectors of the classes; a generator for more."""
    rng = np.random.default_rng(seed)
    y = rng.integers(N_CLASSES, size=n)
    parts = {"x": rng.normal(size=(n, d)) + y[:, None], "pool": rng.normal(size=(u, d)), "y": y}
    vectors = rng.normal(size=(N_CLASSES, d))
    vectors[2 if left_out else 3 :] = np.nan
    parts |= {"vectors": vectors, "q": rng.normal(size=(m, d))}
    return {name: torch.from_numpy(part)[None] for name, part in parts.items()}, rng


def law(test):
    sizes = {
        "n": st.integers(0, 12),
        "u": st.integers(2, 9),
        "d": st.integers(2, 12),
        "left_out": st.booleans(),
    }
    drawn = given(task=st.builds(draw, st.integers(0, 2**31), **sizes))
    return settings(max_examples=15, deadline=None)(drawn(test))


def assert_same(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-9)


@law
def test_order_of_unlabelled_rows_does_not_matter(answer, task):
    task, rng = task
    order = rng.permutation(task["pool"].shape[1])
    assert_same(answer(task | {"pool": task["pool"][:, order]}), answer(task))


@law
def test_weight_of_an_unlabelled_row_counts_as_repetition(answer, task):
    task, rng = task
    counts = torch.as_tensor(rng.integers(1, 4, size=task["pool"].shape[1]))
    repeated = answer(task | {"pool": task["pool"].repeat_interleave(counts, 1)})
    assert_same(answer(task | {"pool_weight": counts[None].double()}), repeated)


@law
def test_rotation_translation_and_scale_of_all_rows_do_not_matter(answer, task):
    task, rng = task
    wide = task["x"].shape[2] + 2
    turn = torch.from_numpy(np.linalg.qr(rng.normal(size=(wide, wide)))[0])
    shift, scale = torch.from_numpy(rng.normal(size=wide)), float(np.exp(rng.normal()))
    turned = {
        name: torch.nn.functional.pad(task[name], (0, 2)) @ turn for name in ("x", "pool", "q", "vectors")
    }
    moved = {name: part if name == "vectors" else scale * part + shift for name, part in turned.items()}
    assert_same(answer(task | moved), answer(task))


@law
def test_offset_and_scale_of_all_descriptions_do_not_matter(answer, task):
    task, rng = task
    offset = torch.from_numpy(rng.normal(size=task["x"].shape[2]))
    assert_same(answer(task | {"vectors": 3.7 * task["vectors"] + offset}), answer(task))


@law
def test_names_of_classes_do_not_matter(answer, task):
    task, rng = task
    names = torch.as_tensor(rng.permutation(N_CLASSES))
    renamed = {"y": names[task["y"]], "vectors": task["vectors"][:, names.argsort()]}
    assert_same(answer(task | renamed)[..., names], answer(task))


@law
def test_queries_do_not_see_each_other(answer, task):
    task, _ = task
    assert_same(answer(task | {"q": task["q"][:, :1]}), answer(task)[:, :1])


@law
def test_batch_of_tasks_equals_one_by_one(answer, task):
    task, _ = task
    other = {name: part.flip(1) for name, part in task.items()} | {"vectors": task["vectors"]}
    both = {name: torch.cat([task[name], other[name]]) for name in task}
    assert_same(answer(both), torch.cat([answer(task), answer(other)]))


def test_no_pool_is_the_same_as_an_empty_one(answer):
    task, _ = draw(0, u=0)
    assert_same(answer({name: part for name, part in task.items() if name != "pool"}), answer(task))


@pytest.mark.parametrize("part", ["pool", "vectors"])
def test_each_part_is_read(answer, part):
    task, _ = draw(0)
    without = {name: value for name, value in task.items() if name != part}
    assert (answer(task) - answer(without)).abs().max() > 1e-3


def test_chunks_of_rows_do_not_matter(answer, monkeypatch):
    task, _ = draw(0)
    whole = answer(task)
    monkeypatch.setattr(gram, "MAX_ATTENTION_ELEMENTS", 300)
    assert_same(answer(task), whole)


def test_fused_attention_equals_the_one_that_is_trained(reasoner, answer):
    task, _ = draw(0)
    with torch.enable_grad():
        context = reasoner.read_context(
            task["x"], task["y"], N_CLASSES, pool_x=task["pool"], class_vectors=task["vectors"]
        )
        trained = reasoner.answer(context, task["q"]).softmax(-1)
    assert_same(trained, answer(task))


def test_descriptions_that_say_nothing_change_little():
    # All alike, so no class differs: the scores are 0 for every row.
    reasoner = random_reasoner().double()
    task, _ = draw(0)
    alike = task["vectors"][:, :1].expand(-1, N_CLASSES, -1)
    context = reasoner.read_context(task["x"], task["y"], N_CLASSES, class_vectors=alike)
    assert context.descriptions.directions.abs().max() == 0
    assert torch.isfinite(reasoner.answer(context, task["q"])).all()


def test_fresh_parts_leave_the_network_as_it_was():
    small = GramReasoner(GramConfig(width=16, n_layers=2, n_heads=2))
    for parameter in small.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    large = GramReasoner(replace(small.config, pool_message_width=4))
    large.load_state_dict(small.state_dict(), strict=False)
    task, _ = draw(0)
    x, y, q = task["x"].float(), task["y"], task["q"].float()
    assert torch.equal(small(x, y, q, N_CLASSES), large(x, y, q, N_CLASSES))


def test_metric_of_rows_counts_only_where_some_have_no_label():
    plain, in_metric = (random_reasoner(pool_metric=either).double() for either in (0, 1))
    task, _ = draw(0)
    row = task["x"], task["y"], N_CLASSES
    for known, same in [
        ({}, True),
        ({"class_vectors": task["vectors"]}, True),
        ({"pool_x": task["pool"][:, :0]}, True),
        ({"pool_x": task["pool"]}, False),
    ]:
        answers = [each.answer(each.read_context(*row, **known), task["q"]) for each in (plain, in_metric)]
        assert torch.equal(*answers) == same


def test_wide_rows_have_the_same_answers_and_the_same_bits_alone(monkeypatch):
    reasoner, (task, _) = load_checkpoint().reasoner, draw(0, u=40, m=20, d=150)
    x, q = task["x"].float(), task["q"].float()
    known = {"pool_x": task["pool"].float(), "class_vectors": task["vectors"].float()}

    def ask(rows):
        with torch.inference_mode():
            context = reasoner.read_context(x, task["y"], N_CLASSES, **known)
            return reasoner.answer(context, rows)

    narrow = ask(q)
    monkeypatch.setattr(_metric, "WIDEST", 100)
    wide = ask(q)
    torch.testing.assert_close(wide, narrow, rtol=0, atol=1e-4)
    tile = q[:, 3:4].expand(-1, 20, -1)
    assert torch.equal(ask(tile)[:, 0], wide[:, 3])


def test_metric_of_rows_is_that_of_rows_and_descriptions_that_are_mapped_before():
    plain, in_metric = (random_reasoner(pool_metric=either).double() for either in (0, 1))
    task, _ = draw(0)
    every = torch.cat([task["x"], task["pool"]], dim=1)
    covariance = torch.cov(every[0].T, correction=0)
    covariance = covariance / covariance.trace()
    dimension = 1 / covariance.square().sum()
    part = SHARE / (1 + (DIMENSIONS / dimension) ** 2)
    metric = (1 - part) * torch.eye(len(covariance)).double() + part * dimension * covariance
    root = torch.linalg.cholesky(metric)
    mapped = {name: part if name == "y" else part @ root for name, part in task.items()}
    answers = [
        each.answer(
            each.read_context(of["x"], of["y"], N_CLASSES, pool_x=of["pool"], class_vectors=of["vectors"]),
            of["q"],
        ).softmax(-1)
        for each, of in ((in_metric, task), (plain, mapped))
    ]
    assert_same(*answers)
