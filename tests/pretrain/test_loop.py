"""Pretraining in small: it learns, a seed fixes each bit, and no interruption changes one."""

import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_training import RECIPE, untrained
from torch.nn import functional as F

from sktart.exceptions import RecipeError
from sktart.pretrain import _loop as loop
from sktart.pretrain._loop import STATE_FILE, pretrain
from sktart.pretrain._net import PretrainNet
from sktart.pretrain._recipe import read_recipe
from sktart.priors import sample_tasks
from sktart.zoo._checkpoint import load_folder
from sktart.zoo._golden import golden_predictions

PARTS = {"model.safetensors", "config.json", "recipe.json", "metrics.json", "README.md"}


def weights(folder):
    return (folder / "model.safetensors").read_bytes()


def names(folder):
    return {path.name for path in folder.iterdir()}


def metrics(folder):
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))


def saved_state(folder):
    return torch.load(folder / STATE_FILE, weights_only=True)


def run(folder, recipe=RECIPE, **options):
    return pretrain(recipe, folder, device="cpu", progress=False, **options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the folder of one run without interruption. Do not write to it."""
    folder = tmp_path_factory.mktemp("whole")
    assert run(folder)
    return folder


def assert_same(folder, whole):
    """A finished folder has the same bits as another, and nothing left over."""
    assert weights(folder) == weights(whole)
    assert names(folder) == names(whole) == PARTS


def test_same_recipe_gives_the_same_bits_and_global_state_is_neither_read_nor_changed(whole, tmp_path):
    former = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(12345)
            np_state, torch_state = np.random.get_state()[1], torch.get_rng_state()  # noqa: NPY002
            run(tmp_path)
            assert torch.equal(torch.get_rng_state(), torch_state)
            assert np.array_equal(np.random.get_state()[1], np_state)  # noqa: NPY002
        assert torch.get_num_threads() == 3
        assert torch.is_grad_enabled()
    finally:
        torch.set_num_threads(former)
    assert_same(tmp_path, whole)


@pytest.mark.parametrize(
    "change",
    [{"seed": 8}, {"warmup_steps": 3}, {"weight_decay": 0.1}, {"groups": 2}, {"precision": "bfloat16"}],
    ids=str,
)
def test_another_recipe_gives_other_weights(whole, tmp_path, change):
    run(tmp_path, replace(RECIPE, **change))
    assert weights(tmp_path) != weights(whole)
    state = load_folder(tmp_path).reasoner.state_dict()
    assert all(value.dtype == torch.float32 and torch.isfinite(value).all() for value in state.values())


def test_folder_is_complete_and_says_what_made_it(whole):
    assert read_recipe(whole / "recipe.json").fingerprint() == RECIPE.fingerprint()
    loaded = load_folder(whole)
    assert loaded.reasoner.config == RECIPE.network
    training = metrics(whole)["training"]
    assert training["steps"] == 8
    assert len(training["loss_by_epoch"]) == 4
    assert set(training["versions"]) == {"sktart", "torch", "skorch", "numpy"}
    np.testing.assert_allclose(golden_predictions(loaded.reasoner), metrics(whole)["golden"], atol=1e-12)
    assert "8 steps, seed 7" in (whole / "README.md").read_text(encoding="utf-8")


def held_out_loss(reasoner):
    losses = []
    sizes = {"context_rows": (12, 24), "query_rows": 16, "max_tasks": 8, "max_tokens": 5000}
    for seed in range(10_000, 10_012):
        tasks = sample_tasks(torch.Generator().manual_seed(seed), RECIPE.prior, **sizes)
        with torch.inference_mode():
            logits = reasoner(tasks.context_x, tasks.context_y, tasks.query_x, tasks.n_classes)
        losses.append(F.cross_entropy(logits.flatten(0, 1), tasks.query_y.flatten()).item())
    return np.mean(losses)


def test_forty_steps_learn(tmp_path):
    recipe = replace(RECIPE, steps=40, steps_per_epoch=20, network=replace(RECIPE.network, width=16))
    before = held_out_loss(untrained(recipe).module_)
    run(tmp_path, recipe)
    after = held_out_loss(load_folder(tmp_path).reasoner)
    # The labels of the tasks have an entropy of about 0.8 nats; the initial network knows nothing.
    assert after < before - 0.1
    assert after < 0.75


def test_paused_after_each_epoch_and_continued_is_the_whole(whole, tmp_path):
    for epoch in range(3):
        assert not run(tmp_path, minutes=0)
        assert names(tmp_path) == {*PARTS, STATE_FILE}
        assert metrics(tmp_path)["training"]["steps"] == 2 * (epoch + 1)
        assert load_folder(tmp_path).reasoner.config == RECIPE.network
        assert weights(tmp_path) != weights(whole)
    assert run(tmp_path, minutes=0)
    assert_same(tmp_path, whole)
    losses, expected = (metrics(folder)["training"]["loss_by_epoch"] for folder in (tmp_path, whole))
    assert losses == expected


def test_killed_and_continued_is_the_whole(tmp_path):
    """SIGKILL as soon as there is a state, in the middle of whatever comes next."""
    recipe = replace(RECIPE, steps=160, steps_per_epoch=4, groups=1)
    killed, expected, path = (tmp_path / name for name in ("killed", "expected", "recipe.json"))
    path.write_text(json.dumps(recipe.to_dict()), encoding="utf-8")
    command = ["pretrain", "--quiet", "--device", "cpu", str(path), "--out", str(killed)]
    child = subprocess.Popen([sys.executable, "-m", "sktart", *command])
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
    assert 0 < saved_state(killed)["progress"]["steps"] < 160
    assert run(killed, recipe)
    assert run(expected, recipe)
    assert_same(killed, expected)


@pytest.mark.parametrize(
    "owner, function, call, left, steps",
    [
        (PretrainNet, "train_step", 1, set(), 0),
        (PretrainNet, "train_step", 4, {*PARTS, STATE_FILE}, 2),
        (loop, "save_state", 4, {*PARTS, STATE_FILE}, 6),
        (loop, "save_checkpoint", 1, {STATE_FILE}, 8),
    ],
    ids=["first epoch", "between two saves", "last save", "before the state is removed"],
)
def test_interrupted_and_continued_is_the_whole(
    whole, tmp_path, monkeypatch, owner, function, call, left, steps
):
    original, calls = getattr(owner, function), []

    def interrupt(*args, **kwargs):
        calls.append(args)
        if len(calls) == call:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(owner, function, interrupt)
        assert not run(tmp_path)
    assert len(calls) == call
    assert names(tmp_path) == left
    if STATE_FILE in left:
        assert saved_state(tmp_path)["progress"]["steps"] == steps
    if PARTS < left:
        assert metrics(tmp_path)["training"]["steps"] == steps
        kept, module = load_folder(tmp_path).reasoner.state_dict(), saved_state(tmp_path)["module"]
        assert all(torch.equal(kept[key], value) for key, value in module.items())
    assert run(tmp_path)
    assert_same(tmp_path, whole)


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
    assert_same(tmp_path, whole)


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
    assert_same(tmp_path, whole)
    assert metrics(tmp_path)["training"]["cores"] == workers


def test_state_of_another_recipe_is_refused(tmp_path):
    run(tmp_path, minutes=0)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(RecipeError, match="by another recipe than 'tiny'; choose another --out, or remove"):
        run(tmp_path, replace(RECIPE, seed=8))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "damage",
    [lambda state: b"", lambda state: b"half", lambda state: state[: len(state) // 2]],
    ids=["empty", "another file", "truncated"],
)
def test_damaged_state_is_said_to_be(tmp_path, damage):
    run(tmp_path, minutes=0)
    (tmp_path / STATE_FILE).write_bytes(damage((tmp_path / STATE_FILE).read_bytes()))
    with pytest.raises(RecipeError, match=r"training_state\.pt is damaged; remove it to begin anew"):
        run(tmp_path)


ZOO = Path(__file__).parents[2] / "zoo"


@pytest.mark.skipif(not ZOO.is_dir(), reason="the recipes are in the source tree")
@pytest.mark.parametrize("name", ["tart-decoder-d16", "tart-decoder-d16-paper"])
def test_recipes_of_decoders_run(name, tmp_path):
    recipe = read_recipe(ZOO / "16" / "any" / name / "recipe.json")
    assert pretrain(replace(recipe, steps=2, steps_per_epoch=1), tmp_path, progress=False)
    assert load_folder(tmp_path).reasoner.config == recipe.network


def test_a_share_of_the_start_is_in_the_finished_weights_alone(tmp_path, whole):
    trained = replace(RECIPE, seed=RECIPE.seed + 1, start=str(whole))
    run(tmp_path / "trained", trained)
    run(tmp_path / "blended", replace(trained, start_share=0.25))
    begun, ended, blended = (
        load_folder(folder).reasoner.state_dict()
        for folder in (whole, tmp_path / "trained", tmp_path / "blended")
    )
    assert any((begun[name] - ended[name]).abs().max() > 1e-4 for name in begun)
    for name, value in blended.items():
        torch.testing.assert_close(value, 0.25 * begun[name] + 0.75 * ended[name])


def test_the_share_may_be_that_of_an_earlier_stage(tmp_path, whole):
    stage = replace(RECIPE, seed=RECIPE.seed + 1, start=str(whole))
    run(tmp_path / "stage", stage)
    last = replace(stage, seed=RECIPE.seed + 2, start=str(tmp_path / "stage"))
    run(tmp_path / "trained", last)
    run(tmp_path / "blended", replace(last, start_share=0.5, share_of=str(whole)))
    begun, ended, blended = (
        load_folder(folder).reasoner.state_dict()
        for folder in (whole, tmp_path / "trained", tmp_path / "blended")
    )
    for name, value in blended.items():
        torch.testing.assert_close(value, 0.5 * (begun[name] + ended[name]))
