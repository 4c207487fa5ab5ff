"""One step of training: its gradient, its optimisers and rates, and the weights that it starts from."""

from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_gram import TINY_GRAM
from tiny_training import RECIPE, untrained
from torch.nn import functional as F

from sktart.exceptions import RecipeError
from sktart.pretrain._batches import TaskStream
from sktart.pretrain._net import PretrainNet, schedule
from sktart.pretrain._recipe import read_recipe
from sktart.pretrain._start import begin_with
from sktart.reasoners._config import DecoderConfig
from sktart.reasoners._decoder import DecoderReasoner
from sktart.reasoners._gram import GramReasoner
from sktart.zoo._checkpoint import load_folder, save_checkpoint

# a step


class LastFirst(Executor):
    """Computes the groups of a step in reverse order."""

    def map(self, function, groups):
        return reversed([function(group) for group in reversed(groups)])


def test_order_in_which_groups_are_done_changes_no_bit():
    def stepped(workers):
        net = PretrainNet(RECIPE, workers).initialize()
        groups = TaskStream(RECIPE)[0]
        losses = [net.train_step((torch.tensor([step]), groups))["loss"].item() for step in range(2)]
        return losses, list(net.module_.parameters())

    losses, parameters = stepped(ThreadPoolExecutor(1))
    reversed_losses, reversed_parameters = stepped(LastFirst())
    assert losses == reversed_losses
    assert all(torch.equal(a, b) for a, b in zip(parameters, reversed_parameters, strict=True))


def test_gradients_do_not_depend_on_when_other_threads_end():
    net = untrained(replace(RECIPE, precision="bfloat16"))
    # From zeros, only one of the two uses of a weight has a gradient.
    with torch.no_grad():
        for parameter in net.module_.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0))
    group = TaskStream(RECIPE)[0][0]
    _, expected = net._loss_and_gradients(group)
    # What the end of autocast does in any other thread.
    net.module_.blocks[0].register_forward_hook(lambda *_: torch.clear_autocast_cache())
    _, gradients = net._loss_and_gradients(group)
    assert all(torch.equal(a, b) for a, b in zip(gradients, expected, strict=True))


def test_gradient_of_a_step_is_that_of_the_mean_loss():
    groups, net = TaskStream(RECIPE)[0], untrained()
    losses = [
        F.cross_entropy(
            net.module_(g.context_x, g.context_y, g.query_x, g.n_classes).flatten(0, 1),
            g.query_y.flatten(),
        )
        for g in groups
    ]
    mean = torch.stack(losses).mean()
    expected = torch.autograd.grad(mean, list(net.module_.parameters()))
    length = torch.stack([gradient.norm() for gradient in expected]).norm()
    loss = net.train_step((torch.tensor([0]), groups))["loss"]
    torch.testing.assert_close(loss, mean.detach())
    for parameter, gradient in zip(net.module_.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient / max(length.item(), 1.0), rtol=1e-3, atol=1e-6)


# optimisers and their rates


def test_schedule_rises_then_falls_to_nearly_zero_and_that_of_the_papers_adam_stays_level():
    recipe = replace(RECIPE, steps=100, steps_per_epoch=10, warmup_steps=10)
    shares = [schedule(step, recipe) for step in range(100)]
    assert shares[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert shares[10:] == pytest.approx([(100 - step) / 90 for step in range(10, 100)])
    assert max(shares) == 1
    adam = replace(recipe, optimizer="adam")
    assert [schedule(step, adam) for step in (0, 9, 50, 99)] == pytest.approx([0.1, 1, 1, 1])
    short = replace(RECIPE, steps=5, steps_per_epoch=5, warmup_steps=0)
    assert schedule(0, short) == 1
    assert all(0 < schedule(step, replace(short, warmup_steps=50)) <= 1 for step in range(5))


def test_learning_rates_follow_the_schedule():
    recipe = replace(RECIPE, adamw_learning_rate=0.05)
    net = untrained(recipe)
    net.train_step((torch.tensor([5]), TaskStream(recipe)[5]))
    share = schedule(5, recipe)
    for name, peak in (("muon", 0.02), ("adamw", 0.05)):
        assert {group["lr"] for group in net.optimizers_[name].param_groups} == {peak * share}


def test_optimisers_share_out_the_parameters():
    net = untrained()
    names = {id(parameter): name for name, parameter in net.module_.named_parameters()}
    muon, adamw = (
        [names[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]]
        for optimizer in (net.optimizers_["muon"], net.optimizers_["adamw"])
    )
    assert sorted(muon + adamw) == sorted(names.values())
    block = ("query", "key_value_message", "out", "mlp_in", "mlp_out")
    assert set(muon) == {f"blocks.0.{name}.weight" for name in block}


PAPER = Path(__file__).parents[2] / "zoo" / "16" / "any" / "tart-decoder-d16-paper" / "recipe.json"


@pytest.mark.skipif(not PAPER.is_file(), reason="the recipes are in the source tree")
def test_the_papers_recipe_is_the_papers():
    recipe = read_recipe(PAPER)
    assert recipe.network == DecoderConfig(width=256, n_layers=12, n_heads=8, n_features=16, n_pairs=258)
    first, last = TaskStream(recipe)[0], TaskStream(replace(recipe, steps=50_000))[34_999]
    for groups, n_rows, n_features in ((first, 17, 4), (last, 257, 16)):
        assert sum(len(tasks.context_x) for tasks in groups) == 128
        assert {tasks.context_x.shape[1:] for tasks in groups} == {(n_rows, n_features)}
    (adam,) = untrained(recipe).optimizers_.values()
    (group,) = adam.param_groups
    assert (group["betas"], group["weight_decay"]) == ((0.9, 0.999), 0)
    assert schedule(34_999, recipe) * recipe.adamw_learning_rate == 1e-4


# the start


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return the folder of a checkpoint of the recipe's network with random weights. Do not write to it."""
    reasoner = GramReasoner(TINY_GRAM)
    for parameter in reasoner.parameters():
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(0))
    folder = tmp_path_factory.mktemp("trained") / "start"
    metrics = {"training": {"steps": 4, "seconds": 1, "cores": 1, "device": "cpu"}}
    save_checkpoint(folder, reasoner, recipe=RECIPE.to_dict(), metrics=metrics)
    return folder


@pytest.mark.parametrize("n_layers", [1, 3])
def test_training_starts_from_a_checkpoint_and_further_blocks_do_nothing_at_first(trained, n_layers):
    network = replace(RECIPE.network, n_layers=n_layers)
    begun = untrained(replace(RECIPE, network=network, start=str(trained))).module_
    tasks = TaskStream(RECIPE)[0][0]
    task = tasks.context_x, tasks.context_y, tasks.query_x, tasks.n_classes
    assert len(begun.blocks) == n_layers
    torch.testing.assert_close(begun.eval()(*task), load_folder(trained).reasoner(*task), rtol=0, atol=0)


def test_training_with_pools_starts_from_a_reasoner_of_labelled_rows(trained):
    knowing = replace(RECIPE.network, pool_message_width=2)
    recipe = replace(RECIPE, network=knowing, start=str(trained), knowledge={"pool": 1.0, "described": 1.0})
    net = untrained(recipe)
    tasks = TaskStream(RECIPE)[0][0]
    task = tasks.context_x, tasks.context_y, tasks.query_x, tasks.n_classes
    torch.testing.assert_close(
        net.module_.eval()(*task), load_folder(trained).reasoner(*task), rtol=0, atol=0
    )
    before = {name: parameter.clone() for name, parameter in net.module_.named_parameters()}
    for step in range(3):
        net.train_step((torch.tensor([step]), TaskStream(recipe)[step]))
    still = [name for name, p in net.module_.named_parameters() if torch.equal(p, before[name])]
    assert still == []


def test_answers_for_labelled_rows_alone_stay_those_of_the_start_where_the_recipe_says_so(trained):
    network = replace(RECIPE.network, pool_message_width=2, pool_metric=1)
    told = {"network": network, "start": str(trained), "keeps_labels_only": True}
    recipe = replace(RECIPE, **told, knowledge={"pool": 0.5, "described": 0.5})
    net = untrained(recipe)
    before = {name: parameter.clone() for name, parameter in net.module_.named_parameters()}
    for step in range(6):
        net.train_step((torch.tensor([step]), TaskStream(recipe)[step]))
    changed = {name for name, p in net.module_.named_parameters() if not torch.equal(p, before[name])}
    of_start = set(load_folder(trained).reasoner.state_dict())
    assert changed == set(before) - of_start - {"gates.weight", "gates.bias"}
    tasks = TaskStream(RECIPE)[0][0]
    task = tasks.context_x, tasks.context_y, tasks.query_x, tasks.n_classes
    torch.testing.assert_close(
        net.module_.eval()(*task), load_folder(trained).reasoner(*task), rtol=0, atol=0
    )


def test_decisions_stay_those_of_the_start_where_only_sureness_is_trained(trained):
    network = replace(RECIPE.network, sureness_width=3)
    recipe = replace(RECIPE, network=network, start=str(trained), only_sureness=True)
    net, start = untrained(recipe), load_folder(trained).reasoner
    tasks = TaskStream(RECIPE)[0][0]
    task = tasks.context_x, tasks.context_y, tasks.query_x, tasks.n_classes
    torch.testing.assert_close(net.module_.eval()(*task), start(*task), rtol=0, atol=0)
    before = {name: parameter.clone() for name, parameter in net.module_.named_parameters()}
    for step in range(3):
        net.train_step((torch.tensor([step]), TaskStream(recipe)[step]))
    changed = {name for name, p in net.module_.named_parameters() if not torch.equal(p, before[name])}
    assert changed == {f"sureness.{name}" for name in net.module_.sureness.state_dict()}
    # As in training, where a factor below 1 is shown as well.
    factor = net.module_(*task) / start(*task)
    torch.testing.assert_close(factor, factor[:, :1, :1].expand_as(factor))
    assert (factor - 1).abs().min() > 1e-4


@pytest.mark.parametrize(
    "wanted, got",
    [
        ({"width": 16}, {}),
        ({"width": 16, "n_layers": 3}, {}),
        ({}, {"n_layers": 2}),
        ({}, {"pool_message_width": 2}),
        ({"pool_message_width": 2}, {"pool_message_width": 2, "pool_metric": 1}),
        ({}, {"sureness_width": 3}),
    ],
    ids=str,
)
def test_start_of_another_shape_is_refused(wanted, got):
    module, start = (GramReasoner(replace(TINY_GRAM, **change)) for change in (wanted, got))
    with pytest.raises(
        RecipeError,
        match=r"start must .* but for fewer layers, no pool, no metric or no sureness of .*; 'deep' is Gram",
    ):
        begin_with(module, start, "deep")


@pytest.mark.parametrize("n_features", [2, 5])
def test_decoder_reads_the_features_in_common_with_its_start_alike(n_features):
    config = DecoderConfig(width=16, n_layers=1, n_heads=2, n_features=3, n_pairs=8)
    start = DecoderReasoner(config).eval()
    grown = DecoderReasoner(replace(config, n_features=n_features)).eval()
    begin_with(grown, start, "start")
    x, y = torch.randn(1, 6, 2, generator=torch.Generator().manual_seed(0)), torch.tensor([[0, 1, 1, 0]])
    with torch.inference_mode():
        # As many features for both, as sums of other lengths may differ in the last bit.
        padded = [F.pad(x, (0, reasoner.config.n_features - 2)) for reasoner in (grown, start)]
        answers = [
            reasoner(rows[:, :4], y, rows[:, 4:], 2)
            for reasoner, rows in zip((grown, start), padded, strict=True)
        ]
    torch.testing.assert_close(*answers)
