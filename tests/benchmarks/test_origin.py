from dataclasses import replace

import pytest
import torch

from benchmarks.studies import origin
from sktart.pretrain._evaluate import logistic_tasks


@pytest.fixture
def drawn():
    return logistic_tasks(torch.Generator().manual_seed(0), rows=6, n_tasks=3, n_queries=4)


def test_what_is_left_of_tasks_does_not_tell_where_the_origin_was(drawn):
    exists = (drawn.context_x != 0).any(1, keepdim=True)  # columns of zeros are no features
    moved = replace(drawn, context_x=drawn.context_x + 5 * exists, query_x=drawn.query_x + 5 * exists)
    for before, after in zip(origin.without_origin(drawn), origin.without_origin(moved), strict=True):
        torch.testing.assert_close(before, after, atol=1e-5, rtol=0)


def test_each_query_is_a_task_of_its_own_with_a_column_for_the_offset(drawn):
    context_x, context_y, query_x = origin.without_origin(drawn)
    width = drawn.context_x.shape[2] + 1
    assert (context_x.shape, context_y.shape, query_x.shape) == ((12, 6, width), (12, 6), (12, 1, width))
    centre = torch.cat([context_x, query_x], 1)[..., :-1].mean(1)
    torch.testing.assert_close(centre, torch.zeros_like(centre), atol=1e-6, rtol=0)
    counts = (drawn.context_x != 0).any(1).sum(-1).repeat_interleave(4)
    assert query_x[:, 0, -1].tolist() == pytest.approx(((counts / 7) ** 0.5).tolist())
