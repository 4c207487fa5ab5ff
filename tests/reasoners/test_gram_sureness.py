"""How sure answers are: a factor of logits that is learned, and one for more rows than training has."""

import copy
import math
from dataclasses import replace

import pytest
import torch

from sktart.reasoners import _sureness as sureness
from sktart.reasoners._config import GramConfig
from sktart.reasoners._gram import GramReasoner

CONFIG = GramConfig(width=16, n_layers=2, n_heads=2, pool_message_width=4, sureness_width=5)


@pytest.fixture(scope="module")
def reasoner():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return GramReasoner(CONFIG).double().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def task():
    generator = torch.Generator().manual_seed(0)
    x, queries = (torch.randn(2, n, 6, generator=generator, dtype=torch.float64) for n in (40, 5))
    return x, torch.arange(40).expand(2, -1) % 3, queries


def logits(reasoner, task, n_classes=3, **known):
    x, y, queries = task
    return reasoner.answer(reasoner.read_context(x, y, n_classes, **known), queries)


def with_output(reasoner, value):
    changed = copy.deepcopy(reasoner)
    torch.nn.init.constant_(changed.sureness.read_out.bias, value)
    return changed


def test_untrained_it_changes_no_bit(reasoner, task):
    without = GramReasoner(replace(CONFIG, sureness_width=0)).double().eval()
    without.load_state_dict({k: v for k, v in reasoner.state_dict().items() if "sureness" not in k})
    assert torch.equal(logits(reasoner, task), logits(without, task))


@pytest.mark.parametrize("value, exponent", [(-1e6, 0), (-0.5, 0), (0.5, math.tanh(0.5)), (1e6, 1)])
def test_the_factor_is_from_1_to_e(reasoner, task, value, exponent):
    factor = logits(with_output(reasoner, value), task) / logits(reasoner, task)
    torch.testing.assert_close(factor, torch.full_like(factor, math.exp(exponent)))


def test_in_training_it_can_come_back_from_below_1(reasoner, task):
    changed = with_output(reasoner, -0.5).train().requires_grad_(True)
    logits(changed, task).square().sum().backward()
    assert changed.sureness.read_out.bias.grad.abs() > 0


def test_each_task_has_a_factor_of_its_own(reasoner, task):
    x, y, _ = task
    changed = copy.deepcopy(reasoner)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        torch.nn.init.normal_(changed.sureness.read_out.weight, std=0.1)
    torch.nn.init.constant_(changed.sureness.read_out.bias, 0.5)
    contexts = [
        reasoner.read_context(x[:, :n], y[:, :n], n_classes) for n, n_classes in ((40, 3), (12, 3), (40, 4))
    ]
    factors = torch.cat([changed.sureness(context.task_scalars) for context in contexts])
    assert factors.shape == (6,)
    assert torch.pdist(factors[:, None]).min() > 1e-6


def test_a_pool_or_descriptions_are_read_without_it(reasoner, task):
    x, _, _ = task
    changed = with_output(reasoner, 1.0)
    for known in ({"pool_x": x[:, :8] + 1}, {"class_vectors": x[:, :3]}):
        assert torch.equal(logits(changed, task, **known), logits(reasoner, task, **known))


def test_answers_are_less_sure_with_more_rows_than_in_training(reasoner, task, monkeypatch):
    sure = logits(reasoner, task)
    for rows, factor in ((10, 4**-sureness.DOUBT), (1, sureness.LEAST_SURE)):
        monkeypatch.setattr(sureness, "MAX_SURE_ROWS", rows)
        torch.testing.assert_close(logits(reasoner, task), factor * sure)
    # What all checkpoints answer up to there keeps its bits.
    monkeypatch.setattr(sureness, "MAX_SURE_ROWS", 40)
    assert torch.equal(logits(reasoner, task), sure)
