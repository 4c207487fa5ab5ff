"""The decoder against a direct computation: the whole sequence through transformers' GPT-2, one query at a time."""

import numpy as np
import pytest
import torch
from direct_decoder import CONFIGS, direct_logits, draw, pair

SIZES = pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"W{config.width}")


@pytest.fixture(scope="module")
def networks():
    """Return a direct network of five features and ours with the same weights, in float64."""
    return pair(CONFIGS[1])


@pytest.mark.parametrize("dtype, atol", [(torch.float32, 1e-5), (torch.float64, 1e-10)], ids=str)
@SIZES
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0], ids=lambda share: f"{share:.0%}")
def test_equal_to_the_whole_sequence_for_each_query(config, share, dtype, atol):
    direct, reasoner = pair(config, dtype=dtype)
    n_rows = round(share * reasoner.max_context)
    context_x, y, query_x = draw(1, n_rows, 6, config.n_features, dtype=dtype)
    with torch.inference_mode():
        expected = direct_logits(direct, context_x, y, query_x).sigmoid()
        found = reasoner(context_x, y, query_x, 2).softmax(-1)[0, :, 1]
    torch.testing.assert_close(found, expected, rtol=0, atol=atol)


@SIZES
def test_sequence_logits_are_those_of_the_whole_sequence(config):
    direct, reasoner = pair(config)
    x, y, _ = draw(2, config.n_pairs, 0, config.n_features)
    expected = direct(x, y)
    # With gradients attention is computed in another way than without.
    for without_gradients in (False, True):
        with torch.inference_mode(without_gradients):
            torch.testing.assert_close(reasoner.sequence_logits(x, y), expected, rtol=0, atol=1e-10)


def test_loss_is_the_cross_entropy_at_every_row(networks):
    direct, reasoner = networks
    x, y, _ = draw(3, 12, 0, 5)
    found = reasoner.loss(x[:, :7], y[:, :7], x[:, 7:], y[:, 7:], 2)
    chance = direct(x, y).sigmoid()
    expected = -torch.where(y == 1, chance, 1 - chance).log().mean()
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_one_of_three_classes_against_the_rest(networks):
    direct, reasoner = networks
    context_x, y, query_x = draw(4, 10, 5, 5, n_classes=3)
    with torch.inference_mode():
        single = torch.stack(
            [direct_logits(direct, context_x, (y == c).long(), query_x).sigmoid() for c in range(3)], dim=-1
        )
        found = reasoner(context_x, y, query_x, 3).softmax(-1)[0]
    torch.testing.assert_close(found, single / single.sum(-1, keepdim=True), rtol=0, atol=1e-10)


def test_several_tasks_at_once(networks):
    _, reasoner = networks
    tasks = [draw(seed, 8, 4, 5, n_classes=3) for seed in range(3)]
    with torch.inference_mode():
        found = reasoner(*map(torch.cat, zip(*tasks, strict=True)), 3)
        expected = torch.cat([reasoner(*task, 3) for task in tasks])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_one_class_is_certain(networks):
    context_x, y, query_x = draw(5, 4, 3, 5, n_classes=1)
    assert networks[1](context_x, y, query_x, 1).softmax(-1).tolist() == [[[1.0]] * 3]


def test_missing_features_are_zeros(networks):
    _, reasoner = networks
    context_x, y, query_x = draw(6, 9, 4, 3)
    padded = [torch.nn.functional.pad(x, (0, 2)) for x in (context_x, query_x)]
    with torch.inference_mode():
        found, expected = reasoner(context_x, y, query_x, 2), reasoner(padded[0], y, padded[1], 2)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("n_rows", [3, 8, 13])
def test_bits_of_a_query_do_not_depend_on_the_others_and_the_context_stays_as_it_was(n_rows):
    config = CONFIGS[2]
    _, reasoner = pair(config, dtype=torch.float32)
    context_x, y, query_x = draw(7, n_rows, 64, config.n_features, dtype=torch.float32)
    order = torch.from_numpy(np.random.default_rng(0).permutation(64))
    with torch.inference_mode():
        context = reasoner.read_context(context_x, y, 2)
        before = [layer.keys.clone() for layer in context.layers]
        found = reasoner.answer(context, query_x)
        assert torch.equal(reasoner.answer(context, query_x[:, order]), found[:, order])
    assert all(torch.equal(layer.keys, keys) for layer, keys in zip(context.layers, before, strict=True))


@pytest.mark.parametrize(
    "n_rows, n_features, weight, message",
    [
        (20, 5, None, "at most 19 context rows; got 20"),
        (4, 6, None, "at most 5 features; got 6"),
        (2, 5, torch.tensor([[1.0, 2.0]]), "weights must be 1; repeat rows or use a gram reasoner"),
    ],
)
def test_limits(networks, n_rows, n_features, weight, message):
    x, y, _ = draw(9, n_rows, 0, n_features)
    with pytest.raises(ValueError, match=message):
        networks[1].read_context(x, y, 2, weight)
