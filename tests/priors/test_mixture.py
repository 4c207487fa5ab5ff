"""How a group of tasks is drawn from the components of a recipe."""

from dataclasses import replace

import pytest
import torch
from drawing import effective_dimension, generator

from sktart.pretrain._recipe import read_recipe
from sktart.priors import FEWEST_TASKS, Component, Knowledge, sample_tasks
from sktart.zoo._registry import PACKAGE

COMPONENT = {"family": "linear", "weight": 1.0, "n_classes": (2, 6), "options": {"n_features": (2, 9)}}
SIZES = {"context_rows": (4, 20), "query_rows": 7, "max_tasks": 8, "max_tokens": 1500}


def test_tasks_keep_the_sizes_of_the_recipe():
    rows, classes = set(), set()
    for seed in range(200):
        tasks = sample_tasks(generator(seed), [COMPONENT], **SIZES)
        n_tasks, n_context, n_features = tasks.context_x.shape
        assert tasks.query_x.shape == (n_tasks, 7, n_features)
        assert tasks.context_y.shape == (n_tasks, n_context)
        assert tasks.query_y.shape == (n_tasks, 7)
        assert n_features <= 9
        assert n_context >= tasks.n_classes
        tokens = (n_context + 7) * tasks.n_classes
        assert n_tasks == max(FEWEST_TASKS, min(8, 1500 // tokens))
        assert max(tasks.context_y.max(), tasks.query_y.max()) < tasks.n_classes
        rows.add(n_context)
        classes.add(tasks.n_classes)
    assert classes == {2, 3, 4, 5, 6}
    assert rows == set(range(4, 21))


@pytest.mark.parametrize("each_class", [True, False])
def test_context_begins_with_each_class_unless_said_otherwise(each_class):
    component = {"family": "logistic", "weight": 1.0, "n_classes": (2, 2), "each_class": each_class}
    tasks = sample_tasks(
        generator(), [component], context_rows=(6, 6), query_rows=1, max_tasks=200, max_tokens=10**6
    )
    differ = (tasks.context_y[:, 0] != tasks.context_y[:, 1]).float().mean().item()
    assert differ > 0.9 if each_class else 0.3 < differ < 0.7


def test_context_is_never_smaller_than_the_number_of_classes():
    component = {**COMPONENT, "n_classes": (9, 9)}
    tasks = sample_tasks(generator(), [component], **{**SIZES, "context_rows": (1, 2)})
    assert tasks.context_x.shape[1] == 9


def test_queries_ask_for_no_class_that_the_context_does_not_show():
    for seed in range(20):
        tasks = sample_tasks(generator(seed), [{**COMPONENT, "label_noise": 1.0}], **SIZES)
        for context_y, query_y in zip(tasks.context_y, tasks.query_y, strict=True):
            assert set(query_y.tolist()) <= set(context_y.tolist())


def test_tasks_are_a_function_of_the_generator():
    before = torch.get_rng_state()
    first, other = (sample_tasks(generator(seed), [COMPONENT], **SIZES) for seed in (0, 1))
    again = sample_tasks(generator(0), [Component.from_dict(COMPONENT)], **SIZES)
    for name in ("context_x", "context_y", "query_x", "query_y"):
        assert torch.equal(getattr(first, name), getattr(again, name))
    assert first.context_x.shape != other.context_x.shape or not torch.equal(first.context_x, other.context_x)
    assert torch.equal(torch.get_rng_state(), before)


def test_components_are_drawn_by_their_weight():
    components = [
        {**COMPONENT, "weight": 3.0, "n_classes": (2, 2)},
        {**COMPONENT, "weight": 1.0, "n_classes": (3, 3)},
    ]
    draws = [sample_tasks(generator(seed), components, **SIZES).n_classes for seed in range(600)]
    assert draws.count(2) / 600 == pytest.approx(0.75, abs=0.06)


def counts(y, n_classes):
    return torch.nn.functional.one_hot(y, n_classes).sum(1)


@pytest.mark.parametrize("each_class", [True, False])
def test_balanced_tasks_have_equal_counts_in_context_and_queries(each_class):
    component = {
        "family": "clusters",
        "weight": 1.0,
        "n_classes": (3, 3),
        "options": {"imbalance": (0.0, 0.0)},
        "balanced": 1.0,
        "each_class": each_class,
    }
    sizes = {"context_rows": (30, 30), "query_rows": 24, "max_tasks": 40, "max_tokens": 10**6}
    tasks = sample_tasks(generator(), [component], **sizes)
    assert (counts(tasks.context_y, 3) == 10).all()
    assert (counts(tasks.query_y, 3) == 8).all()
    tasks = sample_tasks(generator(), [{**component, "balanced": 0.4}], **sizes)
    assert (counts(tasks.context_y, 3) == 10).all(1).float().mean().item() == pytest.approx(0.4, abs=0.2)


def test_wrong_labels_come_after_balancing():
    component = {**COMPONENT, "n_classes": (2, 2), "balanced": 1.0, "label_noise": 1.0}
    tasks = sample_tasks(
        generator(), [component], context_rows=(60, 60), query_rows=2, max_tasks=200, max_tokens=10**6
    )
    wrong = (counts(tasks.context_y, 2)[:, 0] - 30).abs().float()
    assert 0.5 < wrong.mean() < 5


def test_projected_groups_hold_components_of_their_context():
    component = {**COMPONENT, "options": {"n_features": (100, 100)}, "projected": 0.5}
    sizes = {**SIZES, "context_rows": (10, 10)}
    groups = [sample_tasks(generator(seed), [component], **sizes) for seed in range(80)]
    projected = [tasks for tasks in groups if tasks.context_x.shape[2] < 100]
    assert len(projected) / 80 == pytest.approx(0.5, abs=0.15)
    for tasks in projected:
        assert tasks.context_x.shape[2] <= 9
        assert tasks.query_x.shape[2] == tasks.context_x.shape[2]
        assert tasks.context_x.mean(1).abs().max() < 1e-5
        assert tasks.query_x.mean(1).abs().max() > 0.01


def test_a_component_may_have_context_rows_of_its_own():
    own = {**COMPONENT, "context_rows": [40, 50]}
    rows = {sample_tasks(generator(seed), [own], **SIZES).context_x.shape[1] for seed in range(100)}
    assert rows == set(range(40, 51))


def test_large_tasks_are_drawn_at_least_two_at_once():
    tasks = sample_tasks(generator(), [COMPONENT], **{**SIZES, "max_tokens": 1})
    assert len(tasks.context_x) == FEWEST_TASKS == 2


def test_wide_components_of_the_shipped_recipe_are_as_broad_as_embeddings():
    """The prior must go beyond the 79 to 138 dimensions of texts by MiniLM (docs/notes/real-feature-spectra.md)."""
    wide = [
        replace(component, context_rows=(), projected=0.0)
        for component in read_recipe(PACKAGE / "default" / "recipe.json").components
        if component.options.get("n_features", [0])[0] >= 48 and component.family != "mlp"
    ]
    assert wide
    found = []
    for component in wide:
        for seed in range(3):
            tasks = sample_tasks(
                generator(seed),
                [component],
                context_rows=(600, 600),
                query_rows=600,
                max_tasks=FEWEST_TASKS,
                max_tokens=1,
            )
            x = torch.cat([tasks.context_x, tasks.query_x], dim=1)
            # The sample is finite, which makes the estimate a bit small.
            found += [effective_dimension(task) for task in x]
    assert max(found) > 138
    assert sum(79 < value < 138 for value in found) > 2
    assert sum(value < 79 for value in found) > 2


@pytest.mark.parametrize("labels_only", [True, False])
def test_tasks_of_a_component_may_have_labelled_rows_only(labels_only):
    component = {"family": "logistic", "weight": 1.0, "n_classes": (2, 2), "labels_only": labels_only}
    tasks = sample_tasks(
        torch.Generator().manual_seed(0),
        [component],
        context_rows=(8, 8),
        query_rows=4,
        max_tasks=2,
        max_tokens=1000,
        knowledge=Knowledge(pool=1.0, described=1.0),
    )
    assert (tasks.pool_x.shape[1] == 0) == labels_only
    assert (tasks.class_vectors is None) == labels_only
