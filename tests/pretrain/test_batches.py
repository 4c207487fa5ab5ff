"""The stream of tasks: a step is a function of the recipe and its number."""

from dataclasses import replace

import numpy as np
import torch
from tiny_training import RECIPE

from sktart.pretrain._batches import Epoch, TaskStream, group_seed


def test_a_step_is_a_function_of_seed_and_number():
    stream, again = TaskStream(RECIPE), TaskStream(RECIPE)
    stream[0]
    first, second = stream[5], again[5]
    assert len(first) == RECIPE.groups
    for one, two in zip(first, second, strict=True):
        assert torch.equal(one.context_x, two.context_x)
        assert torch.equal(one.query_y, two.query_y)
    means = [
        group.context_x.mean().item()
        for seed in (0, 1, 2, 2**31 - 1)
        for step in range(4)
        for group in TaskStream(replace(RECIPE, seed=seed))[step]
    ]
    assert len(set(means)) == 4 * 4 * RECIPE.groups


def test_seeds_of_groups_keep_apart():
    # torch reads 32 bits: a seed that was shifted by 32 drew the tasks of every other one.
    starts = np.sort([group_seed(seed, 0) for seed in range(1000)])
    assert np.diff(starts).min() > 1_000_000
    assert [group_seed(0, group) for group in range(3)] == [0, 1, 2]  # as shipped checkpoints were trained
    assert group_seed(2**31 - 1, 2**32) < 2**32


def test_component_joins_at_its_step():
    late = {"family": "linear", "weight": 1e9, "n_classes": [5, 5], "from_step": 3}
    stream = TaskStream(replace(RECIPE, prior=(*RECIPE.prior, late)))
    joined = [{group.n_classes == 5 for group in stream[step]} for step in range(6)]
    assert joined == [{False}] * 3 + [{True}] * 3
    plain = TaskStream(RECIPE)[2]
    assert all(torch.equal(a.context_x, b.context_x) for a, b in zip(plain, stream[2], strict=True))


def test_curriculum_holds_for_the_context_rows_of_a_component():
    part = {**RECIPE.prior[0], "context_rows": [2, 40]}
    ramp = {"context_rows": [3, 5, 2, 4], "n_features": [1, 4, 3, 4]}
    stream = TaskStream(replace(RECIPE, prior=(part,), curriculum=ramp))
    sizes = [
        {group.context_x.shape[1:] for step in steps for group in stream[step]} for steps in ((0, 1), (6, 7))
    ]
    assert max(rows for rows, _ in sizes[0]) <= 3 < max(rows for rows, _ in sizes[1]) <= 5
    assert max(features for _, features in sizes[0]) == 1 < max(features for _, features in sizes[1])


def test_epoch_begins_where_the_stream_stands():
    stream = TaskStream(RECIPE)
    stream.start = 4
    assert [int(step) for step, _ in Epoch(stream, batch_size=1)] == [4, 5]
