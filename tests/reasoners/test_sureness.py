"""How sure answers are: a factor of logits that is learned, and one for more rows than training has."""

import copy
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


@pytest.mark.parametrize("value", [-1e6, 1e6])
def test_the_factor_stays_between_1_over_e_and_e(reasoner, task, value):
    factor = logits(with_output(reasoner, value), task) / logits(reasoner, task)
    wanted = torch.tensor(1.0, dtype=torch.float64).mul(1 if value > 0 else -1).exp()
    torch.testing.assert_close(factor, wanted.expand_as(factor))


def test_it_reads_what_is_known_of_the_task(reasoner, task):
    x, y, _ = task
    changed = copy.deepcopy(reasoner)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        torch.nn.init.normal_(changed.sureness.read_out.weight)
    vectors = torch.stack([x[:, :3].sum(1), x[:, 3:6].sum(1), x[:, 6:9].sum(1)], dim=1)
    known = ({}, {"pool_x": x[:, :8] + 1}, {"class_vectors": vectors}, {"pool_x": x[:, :4] + 1})
    contexts = [reasoner.read_context(x, y, 3, **more) for more in known]
    contexts += [reasoner.read_context(x[:, :12], y[:, :12], 3), reasoner.read_context(x, y, 4)]
    factors = torch.stack([changed.sureness(context) for context in contexts])
    assert factors.shape == (6, 2)
    assert torch.pdist(factors.T.reshape(12, 1)).min() > 1e-6  # each task and each reading has its own


def test_answers_are_less_sure_with_more_rows_than_in_training(reasoner, task, monkeypatch):
    sure = logits(reasoner, task)
    for rows, factor in ((10, 4**-sureness.DOUBT), (1, sureness.LEAST_SURE)):
        monkeypatch.setattr(sureness, "MAX_SURE_ROWS", rows)
        torch.testing.assert_close(logits(reasoner, task), factor * sure)
    # What all checkpoints answer up to there keeps its bits.
    monkeypatch.setattr(sureness, "MAX_SURE_ROWS", 40)
    assert torch.equal(logits(reasoner, task), sure)
