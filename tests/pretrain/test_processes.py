"""Two processes that torchrun starts come to the same bits as one, and either goes on where the other stopped."""

import json

import pytest
from programs import run_python
from tiny_training import RECIPE

from sktart.pretrain._loop import STATE_FILE, pretrain

TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of one process."""
    folder = tmp_path_factory.mktemp("whole")
    assert pretrain(RECIPE, folder, device="cpu", progress=False)
    return folder


def test_two_processes_come_to_the_bits_of_one(whole, tmp_path):
    out, recipe = tmp_path / "out", tmp_path / "recipe.json"
    recipe.write_text(json.dumps(RECIPE.to_dict()), encoding="utf-8")
    command = [*TORCHRUN, "sktart", "pretrain", str(recipe), "--out", str(out), "--device", "cpu", "--quiet"]
    # What two processes begin, one goes on with, and the other way round.
    assert run_python([*command, "--minutes", "0"], tmp_path).count("paused") == 1
    assert not pretrain(RECIPE, out, minutes=0, device="cpu", progress=False)
    assert run_python(command, tmp_path).count("finished") == 1
    assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    losses = [
        json.loads((folder / "metrics.json").read_text())["training"]["loss_by_epoch"]
        for folder in (out, whole)
    ]
    assert losses[0] == losses[1]
    assert losses[0][-1] < losses[0][0]
    assert not (out / STATE_FILE).exists()
