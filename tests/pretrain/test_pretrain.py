"""Pretraining in small: it learns, a seed fixes each bit, and no interruption changes one."""

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_gram import TINY_GRAM
from torch.nn import functional as F

from sktart.exceptions import RecipeError
from sktart.pretrain import _loop as loop
from sktart.pretrain._batches import Epoch, TaskStream, group_seed
from sktart.pretrain._loop import STATE_FILE, pretrain
from sktart.pretrain._net import PretrainNet, schedule
from sktart.pretrain._recipe import read_recipe, recipe_from_dict
from sktart.pretrain._start import begin_with
from sktart.priors import sample_tasks
from sktart.reasoners._config import DecoderConfig
from sktart.reasoners._decoder import DecoderReasoner
from sktart.reasoners._gram import GramReasoner
from sktart.zoo._checkpoint import load_folder, save_checkpoint
from sktart.zoo._golden import golden_predictions

RECIPE = recipe_from_dict(
    {
        "name": "tiny",
        "seed": 7,
        "network": TINY_GRAM.to_dict(),
        "prior": [
            {"family": "logistic", "weight": 1.0, "n_classes": [2, 2], "options": {"n_features": [1, 4]}},
            {"family": "clusters", "weight": 1.0, "n_classes": [2, 3], "options": {"n_features": [2, 6]}},
        ],
        "context_rows": [4, 16],
        "query_rows": 8,
        "steps": 8,
        "steps_per_epoch": 2,
        "groups": 3,
        "max_tasks": 4,
        "max_tokens": 400,
        "muon_learning_rate": 0.02,
        "adamw_learning_rate": 0.02,
        "warmup_steps": 2,
        "weight_decay": 0.01,
        "precision": "float32",
    }
)
PARTS = {"model.safetensors", "config.json", "recipe.json", "metrics.json", "README.md"}


def weights(folder):
    return (folder / "model.safetensors").read_bytes()


def names(folder):
    return {path.name for path in folder.iterdir()}


def run(folder, recipe=RECIPE, **options):
    return pretrain(recipe, folder, device="cpu", progress=False, **options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the folder of one run without interruption. Do not write to it."""
    folder = tmp_path_factory.mktemp("whole")
    assert run(folder)
    return folder


def test_same_recipe_gives_the_same_bits(whole, tmp_path):
    run(tmp_path)
    assert weights(tmp_path) == weights(whole)


@pytest.mark.parametrize(
    "change", [{"seed": 8}, {"warmup_steps": 3}, {"weight_decay": 0.1}, {"groups": 2}], ids=str
)
def test_another_recipe_gives_other_weights(whole, tmp_path, change):
    run(tmp_path, replace(RECIPE, **change))
    assert weights(tmp_path) != weights(whole)


def test_folder_is_complete_and_says_what_made_it(whole):
    assert names(whole) == PARTS
    assert read_recipe(whole / "recipe.json").fingerprint() == RECIPE.fingerprint()
    loaded = load_folder(whole)
    assert loaded.reasoner.config == RECIPE.network
    metrics = json.loads((whole / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["training"]["steps"] == 8
    assert len(metrics["training"]["loss_by_epoch"]) == 4
    assert set(metrics["training"]["versions"]) == {"sktart", "torch", "skorch", "numpy"}
    np.testing.assert_allclose(golden_predictions(loaded.reasoner), metrics["golden"], atol=1e-12)
    assert "8 steps, seed 7" in (whole / "README.md").read_text(encoding="utf-8")


def held_out_loss(reasoner):
    losses = []
    for seed in range(12):
        tasks = sample_tasks(
            torch.Generator().manual_seed(10_000 + seed),
            RECIPE.prior,
            context_rows=(12, 24),
            query_rows=16,
            max_tasks=8,
            max_tokens=5000,
        )
        with torch.inference_mode():
            logits = reasoner(tasks.context_x, tasks.context_y, tasks.query_x, tasks.n_classes)
        losses.append(F.cross_entropy(logits.flatten(0, 1), tasks.query_y.flatten()).item())
    return np.mean(losses)


def test_forty_steps_learn(tmp_path):
    recipe = replace(RECIPE, steps=40, steps_per_epoch=20, network=replace(RECIPE.network, width=16))
    with ThreadPoolExecutor(1) as pool:
        untrained = PretrainNet(recipe, pool).initialize().module_
    before = held_out_loss(untrained)
    run(tmp_path, recipe)
    after = held_out_loss(load_folder(tmp_path).reasoner)
    # The labels of the tasks have an entropy of about 0.8 nats; the initial network knows nothing.
    assert after < before - 0.1
    assert after < 0.75


def test_bfloat16_learns_other_bits_and_float32_weights(whole, tmp_path):
    run(tmp_path, replace(RECIPE, precision="bfloat16"))
    assert weights(tmp_path) != weights(whole)
    state = load_folder(tmp_path).reasoner.state_dict()
    assert all(value.dtype == torch.float32 and torch.isfinite(value).all() for value in state.values())


def test_paused_after_each_epoch_and_continued_is_the_whole(whole, tmp_path):
    for epoch in range(3):
        assert not run(tmp_path, minutes=0)
        assert names(tmp_path) == {*PARTS, STATE_FILE}
        metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
        assert metrics["training"]["steps"] == 2 * (epoch + 1)
        assert load_folder(tmp_path).reasoner.config == RECIPE.network
        assert weights(tmp_path) != weights(whole)
    assert run(tmp_path, minutes=0)
    assert weights(tmp_path) == weights(whole)
    assert names(tmp_path) == PARTS
    expected = json.loads((whole / "metrics.json").read_text(encoding="utf-8"))
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["training"]["loss_by_epoch"] == expected["training"]["loss_by_epoch"]


CHILD = """
import sys
from pathlib import Path
from sktart.pretrain._loop import pretrain
from sktart.pretrain._recipe import read_recipe
pretrain(read_recipe(sys.argv[1]), sys.argv[2], device="cpu", progress=False)
"""


def test_killed_and_continued_is_the_whole(tmp_path):
    """SIGKILL as soon as there is a state, in the middle of whatever comes next."""
    recipe = replace(RECIPE, steps=160, steps_per_epoch=4, groups=1)
    (tmp_path / "recipe.json").write_text(json.dumps(recipe.to_dict()), encoding="utf-8")
    killed, expected = tmp_path / "killed", tmp_path / "expected"
    arguments = [sys.executable, "-c", CHILD, str(tmp_path / "recipe.json"), str(killed)]
    child = subprocess.Popen(arguments)
    try:
        deadline = time.monotonic() + 120
        while not (killed / STATE_FILE).exists():
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.001)
        time.sleep(0.05)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert child.returncode == -signal.SIGKILL
    assert not (killed / "model.safetensors").exists()
    assert 0 < torch.load(killed / STATE_FILE, weights_only=True)["progress"]["steps"] < 160
    assert run(killed, recipe)
    assert run(expected, recipe)
    assert weights(killed) == weights(expected)
    assert names(killed) == PARTS


def test_half_written_state_is_not_taken_for_one(whole, tmp_path):
    """A kill while the state is written leaves a temporary file, here all there is and then beside a good one."""
    temporary = (tmp_path / STATE_FILE).with_suffix(".tmp")
    temporary.write_bytes(b"half")
    assert not run(tmp_path, minutes=0)
    temporary.write_bytes(b"half")
    assert run(tmp_path)
    assert weights(tmp_path) == weights(whole)
    assert names(tmp_path) == PARTS


def test_a_state_that_cannot_be_written_stops_and_the_former_one_is_kept(whole, tmp_path, monkeypatch):
    run(tmp_path, minutes=0)
    state = (tmp_path / STATE_FILE).read_bytes()

    def full_disk(state, path):
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(loop.torch, "save", full_disk)
        with pytest.raises(OSError, match="No space left"):
            run(tmp_path)
    assert (tmp_path / STATE_FILE).read_bytes() == state
    assert run(tmp_path)
    assert weights(tmp_path) == weights(whole)


def test_killed_between_the_checkpoint_and_the_removal_of_the_state(whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(
            loop, "save_checkpoint", lambda *args, **kwargs: (_ for _ in ()).throw(OSError("killed"))
        )
        with pytest.raises(OSError, match="killed"):
            run(tmp_path)
    assert names(tmp_path) == {STATE_FILE}
    assert run(tmp_path)
    assert weights(tmp_path) == weights(whole)
    assert names(tmp_path) == PARTS


def test_interrupt_in_the_first_epoch_leaves_nothing_behind(whole, tmp_path, monkeypatch):
    def interrupt(self, batch, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(PretrainNet, "train_step", interrupt)
        assert not run(tmp_path)
    assert names(tmp_path) == set()
    assert run(tmp_path)
    assert weights(tmp_path) == weights(whole)


def test_interrupt_between_two_saves_keeps_the_saved_weights(whole, tmp_path, monkeypatch):
    step = PretrainNet.train_step

    def interrupt_in_step_3(self, batch, **kwargs):
        if int(batch[0]) == 3:
            raise KeyboardInterrupt
        return step(self, batch, **kwargs)

    paused = tmp_path / "paused"
    run(paused, minutes=0)
    with monkeypatch.context() as patch:
        patch.setattr(PretrainNet, "train_step", interrupt_in_step_3)
        assert not run(tmp_path / "out")
    assert weights(tmp_path / "out") == weights(paused)
    assert run(tmp_path / "out")
    assert weights(tmp_path / "out") == weights(whole)


def test_interrupt_in_the_last_save_does_not_count_as_finished(whole, tmp_path, monkeypatch):
    save = loop.save_state

    def interrupt_at_the_end(path, net, progress):
        if progress["steps"] == RECIPE.steps:
            raise KeyboardInterrupt
        save(path, net, progress)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_state", interrupt_at_the_end)
        assert not run(tmp_path)
    assert json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))["training"]["steps"] == 6
    assert run(tmp_path)
    assert weights(tmp_path) == weights(whole)


def test_a_finished_folder_is_left_alone_and_another_recipe_begins_anew(tmp_path):
    short = replace(RECIPE, steps=2)
    assert run(tmp_path, short)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert run(tmp_path, short)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    first = weights(tmp_path)
    assert run(tmp_path, replace(short, seed=9))
    assert weights(tmp_path) != first


@pytest.mark.parametrize("workers", [1, 3])
def test_number_of_workers_changes_no_bit(whole, tmp_path, monkeypatch, workers):
    monkeypatch.setattr(loop, "cpu_count", lambda: workers)
    run(tmp_path)
    assert weights(tmp_path) == weights(whole)
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["training"]["cores"] == workers


class LastFirst(Executor):
    """Computes the groups of a step in reverse order."""

    def map(self, function, groups):
        return reversed([function(group) for group in reversed(groups)])

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        future.set_result(function(*args, **kwargs))
        return future


def test_tasks_follow_the_seed_and_the_step():
    def first_rows(seed, step):
        return [group.context_x[0, 0, :1].item() for group in TaskStream(replace(RECIPE, seed=seed))[step]]

    drawn = [value for seed in (0, 1, 2, 2**31 - 1) for step in (0, 1) for value in first_rows(seed, step)]
    assert len(set(drawn)) == len(drawn)
    assert first_rows(1, 1) == first_rows(1, 1)


def test_seeds_of_groups_keep_apart():
    # torch reads 32 bits: a seed that was shifted by 32 drew the tasks of every other one.
    starts = np.sort([group_seed(seed, 0) for seed in range(1000)])
    assert np.diff(starts).min() > 1_000_000
    assert [group_seed(0, group) for group in range(3)] == [0, 1, 2]  # as shipped checkpoints were trained
    assert group_seed(2**31 - 1, 2**32) < 2**32


def test_order_in_which_groups_are_done_changes_no_bit():
    def stepped(workers):
        net = PretrainNet(RECIPE, workers).initialize()
        groups = TaskStream(RECIPE)[0]
        losses = [net.train_step((torch.tensor([step]), groups))["loss"].item() for step in range(2)]
        return losses, [parameter.detach().clone() for parameter in net.module_.parameters()]

    with ThreadPoolExecutor(1) as pool:
        losses, parameters = stepped(pool)
    reversed_losses, reversed_parameters = stepped(LastFirst())
    assert losses == reversed_losses
    assert all(torch.equal(a, b) for a, b in zip(parameters, reversed_parameters, strict=True))


def test_gradients_do_not_depend_on_when_other_threads_end():
    net = PretrainNet(replace(RECIPE, precision="bfloat16"), ThreadPoolExecutor(1)).initialize()
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


def test_training_starts_from_the_weights_of_a_checkpoint(whole, tmp_path):
    recipe = replace(RECIPE, start=str(whole))
    net = PretrainNet(recipe, ThreadPoolExecutor(1)).initialize()
    started, expected = net.module_.state_dict(), load_folder(whole).reasoner.state_dict()
    assert all(torch.equal(started[key], expected[key]) for key in expected)
    run(tmp_path, recipe)
    assert weights(tmp_path) != weights(whole)
    assert (
        golden_predictions(load_folder(whole).reasoner)
        == json.loads((whole / "metrics.json").read_text())["golden"]
    )


def test_blocks_that_a_start_lacks_do_nothing_at_first(whole):
    deeper = replace(RECIPE, network=replace(RECIPE.network, n_layers=3), start=str(whole))
    with ThreadPoolExecutor(1) as pool:
        grown = PretrainNet(deeper, pool).initialize().module_
    tasks = TaskStream(RECIPE)[0][0]
    task = tasks.context_x, tasks.context_y, tasks.query_x, tasks.n_classes
    assert len(grown.blocks) == 3
    torch.testing.assert_close(grown.eval()(*task), load_folder(whole).reasoner(*task), rtol=0, atol=0)


@pytest.mark.parametrize("shape", [{"width": 16}, {"width": 16, "n_layers": 3}], ids=str)
def test_start_of_another_shape_is_refused(whole, shape):
    wider = replace(RECIPE, network=replace(RECIPE.network, **shape), start=str(whole))
    with (
        ThreadPoolExecutor(1) as pool,
        pytest.raises(RecipeError, match=r"start must have the recipe's network .*width=16"),
    ):
        PretrainNet(wider, pool).initialize()


def test_start_with_more_blocks_is_refused(tmp_path):
    deep = GramReasoner(replace(TINY_GRAM, n_layers=2))
    metrics = {"training": {"steps": 4, "seconds": 1, "cores": 1, "device": "cpu"}}
    save_checkpoint(tmp_path / "deep", deep, recipe=RECIPE.to_dict(), metrics=metrics)
    with (
        ThreadPoolExecutor(1) as pool,
        pytest.raises(RecipeError, match=r"but for fewer layers .*deep' is .*n_layers=2"),
    ):
        PretrainNet(replace(RECIPE, start=str(tmp_path / "deep")), pool).initialize()


@pytest.mark.parametrize("n_features", [2, 5])
def test_decoder_reads_the_features_in_common_with_its_start_alike(tmp_path, n_features):
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


def test_state_of_another_recipe_is_refused(tmp_path):
    run(tmp_path, minutes=0)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(
        RecipeError, match=r"made by another recipe than 'tiny'; choose another --out, or remove"
    ):
        run(tmp_path, replace(RECIPE, seed=8))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("content", [b"", b"half"], ids=str)
def test_damaged_state_is_said_to_be(tmp_path, content):
    (tmp_path / STATE_FILE).write_bytes(content)
    with pytest.raises(RecipeError, match=r"training_state\.pt is damaged; remove it to begin anew"):
        run(tmp_path)


def test_truncated_state_is_said_to_be(tmp_path):
    run(tmp_path, minutes=0)
    content = (tmp_path / STATE_FILE).read_bytes()
    (tmp_path / STATE_FILE).write_bytes(content[: len(content) // 2])
    with pytest.raises(RecipeError, match=r"training_state\.pt is damaged; remove it to begin anew"):
        run(tmp_path)


def test_training_leaves_global_state_alone(tmp_path):
    former = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        np_state, torch_state = np.random.get_state()[1], torch.get_rng_state()  # noqa: NPY002
        run(tmp_path, replace(RECIPE, steps=2))
        assert torch.get_num_threads() == 3
        assert torch.equal(torch.get_rng_state(), torch_state)
        assert np.array_equal(np.random.get_state()[1], np_state)  # noqa: NPY002
        assert torch.is_grad_enabled()
    finally:
        torch.set_num_threads(former)


def test_result_depends_on_no_global_state(whole, tmp_path):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(12345)
        run(tmp_path)
    assert weights(tmp_path) == weights(whole)


def test_schedule_rises_then_falls_to_nearly_zero():
    recipe = replace(RECIPE, steps=100, steps_per_epoch=10, warmup_steps=10)
    shares = [schedule(step, recipe) for step in range(100)]
    assert shares[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert shares[10:] == pytest.approx([(100 - step) / 90 for step in range(10, 100)])
    assert max(shares) == 1
    short = replace(RECIPE, steps=5, steps_per_epoch=5, warmup_steps=0)
    assert schedule(0, short) == 1
    assert all(0 < schedule(step, replace(short, warmup_steps=50)) <= 1 for step in range(5))


def test_schedule_of_the_papers_adam_stays_level():
    recipe = replace(RECIPE, steps=100, steps_per_epoch=10, warmup_steps=10, optimizer="adam")
    assert [schedule(step, recipe) for step in (0, 9, 50, 99)] == pytest.approx([0.1, 1, 1, 1])


def test_learning_rates_follow_the_schedule():
    with ThreadPoolExecutor(1) as pool:
        net = PretrainNet(RECIPE, pool).initialize()
        net.train_step((torch.tensor([5]), TaskStream(RECIPE)[5]))
    share = schedule(5, RECIPE)
    assert {group["lr"] for group in net.optimizers_["muon"].param_groups} == {
        RECIPE.muon_learning_rate * share
    }
    assert {group["lr"] for group in net.optimizers_["adamw"].param_groups} == {
        RECIPE.adamw_learning_rate * share
    }


def test_optimisers_share_out_the_parameters():
    with ThreadPoolExecutor(1) as pool:
        net = PretrainNet(RECIPE, pool).initialize()
    muon, adamw = (
        {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
        for optimizer in (net.optimizers_["muon"], net.optimizers_["adamw"])
    )
    assert not muon & adamw
    assert muon | adamw == {id(parameter) for parameter in net.module_.parameters()}
    by_muon = {name for name, parameter in net.module_.named_parameters() if id(parameter) in muon}
    block = ("query", "key_value_message", "out", "mlp_in", "mlp_out")
    assert by_muon == {f"blocks.0.{name}.weight" for name in block}


def test_gradient_of_a_step_is_that_of_the_mean_loss():
    groups = TaskStream(RECIPE)[0]
    with ThreadPoolExecutor(2) as pool:
        net = PretrainNet(RECIPE, pool).initialize()
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


def test_a_step_of_the_stream_is_a_function_of_recipe_and_number():
    stream, again = TaskStream(RECIPE), TaskStream(RECIPE)
    stream[0]
    first, second = stream[5], again[5]
    assert len(first) == RECIPE.groups
    for one, two in zip(first, second, strict=True):
        assert torch.equal(one.context_x, two.context_x)
        assert torch.equal(one.query_y, two.query_y)
    means = [group.context_x.mean().item() for step in range(4) for group in stream[step]]
    assert len(set(means)) == 4 * RECIPE.groups


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
    steps = [int(step) for step, groups in Epoch(stream, batch_size=1)]
    assert steps == [4, 5]


ZOO = Path(__file__).parents[2] / "zoo"


@pytest.mark.skipif(not ZOO.is_dir(), reason="the recipes are in the source tree")
@pytest.mark.parametrize("name", ["tart-decoder-d16", "tart-decoder-d16-paper"])
def test_recipes_of_decoders_run(name, tmp_path):
    recipe = read_recipe(ZOO / "16" / "any" / name / "recipe.json")
    assert pretrain(replace(recipe, steps=2, steps_per_epoch=1), tmp_path, progress=False)
    assert load_folder(tmp_path).reasoner.config == recipe.network


def test_the_papers_recipe_is_the_papers():
    recipe = read_recipe(ZOO / "16" / "any" / "tart-decoder-d16-paper" / "recipe.json")
    assert recipe.network.to_dict() == {
        "family": "decoder",
        "width": 256,
        "n_layers": 12,
        "n_heads": 8,
        "n_features": 16,
        "n_pairs": 258,
    }
    first, last = TaskStream(recipe)[0], TaskStream(replace(recipe, steps=50_000))[34_999]
    for groups, n_rows, n_features in ((first, 17, 4), (last, 257, 16)):
        assert sum(len(tasks.context_x) for tasks in groups) == 128
        assert {tasks.context_x.shape[1:] for tasks in groups} == {(n_rows, n_features)}
    with ThreadPoolExecutor(1) as pool:
        net = PretrainNet(recipe, pool).initialize()
    (adam,) = net.optimizers_.values()
    (group,) = adam.param_groups
    assert (group["betas"], group["weight_decay"]) == ((0.9, 0.999), 0)
    assert schedule(34_999, recipe) * recipe.adamw_learning_rate == 1e-4
