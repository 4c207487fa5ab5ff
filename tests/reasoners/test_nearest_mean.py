"""The constructed start answers by the nearest class mean before any training."""

import pytest
import torch

from sktart.exceptions import RecipeError
from sktart.pretrain._evaluate import logistic_tasks
from sktart.reasoners._config import DecoderConfig
from sktart.reasoners._decoder import DecoderReasoner
from sktart.reasoners._nearest_mean import start_from_nearest_mean


def started(config):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        reasoner = DecoderReasoner(config)
        start_from_nearest_mean(reasoner)
    return reasoner.eval().requires_grad_(False)


@pytest.mark.parametrize("n_features, width, n_heads", [(16, 128, 4), (8, 64, 2), (16, 256, 8)])
def test_agrees_with_the_nearest_mean(n_features, width, n_heads):
    config = DecoderConfig(width=width, n_layers=3, n_heads=n_heads, n_features=n_features, n_pairs=66)
    options = {"n_features": (n_features, n_features), "scale": (10.0, 10.0)}
    tasks = logistic_tasks(torch.Generator().manual_seed(0), rows=64, n_tasks=32, n_queries=32, **options)
    logits = started(config)(tasks.context_x, tasks.context_y, tasks.query_x, 2)
    sign = 2.0 * tasks.context_y - 1
    rule = ((sign[..., None] * tasks.context_x).sum(1, keepdim=True) * tasks.query_x).sum(-1)
    answers = logits[..., 1] > 0
    assert (answers == (rule > 0)).float().mean() > 0.8
    assert (answers == tasks.query_y.bool()).float().mean() > 0.7


@pytest.mark.parametrize(
    "change",
    [{"n_layers": 1}, {"n_heads": 1}, {"n_features": 32}, {"width": 48, "n_heads": 2, "n_features": 16}],
    ids=str,
)
def test_network_must_have_room(change):
    values = {"width": 128, "n_layers": 2, "n_heads": 4, "n_features": 16, "n_pairs": 8}
    with pytest.raises(RecipeError, match="'nearest-mean' needs 2 layers, 2 heads, more channels a head"):
        start_from_nearest_mean(DecoderReasoner(DecoderConfig(**values | change)))
