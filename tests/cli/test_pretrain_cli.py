"""``sktart pretrain``, ``evaluate`` and ``import-tart``: what they print, write and leave behind."""

import json
import shutil
from functools import partial

import pytest
from command_line import assert_fails, run, run_json
from tiny_recipe import VALUES

from sktart.cli import main
from sktart.pretrain import _evaluate as evaluation
from sktart.pretrain import _loop as loop
from sktart.zoo import _import_tart
from sktart.zoo._registry import PACKAGE, load_checkpoint


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(VALUES), encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(PACKAGE / "default", tmp_path / "mine")


@pytest.fixture
def short_chains(monkeypatch):
    short = partial(evaluation.posterior_predictive, n_samples=16, n_warmup=16, n_chains=2)
    monkeypatch.setattr(evaluation, "posterior_predictive", short)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_pretrain_pauses_and_goes_on_with_the_same_command(recipe, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["pretrain", str(recipe), "--out", str(out), "--minutes", "0", "--device", "cpu"]
    assert main(command) == 0
    printed = capsys.readouterr()
    assert printed.out == f"paused, run the same command to go on: {out}\n"
    assert "2/4" in printed.err  # the progress bar
    assert main([*command, "--quiet"]) == 0
    assert capsys.readouterr() == (f"finished: {out}\n", "")


@pytest.mark.parametrize("time", [(), ("--minutes", 9)], ids=["endless", "minutes"])
def test_pretrain_goes_on_after_ctrl_c_to_the_same_bits(recipe, tmp_path, monkeypatch, capsys, time):
    first, second = tmp_path / "first", tmp_path / "second"
    command = ["pretrain --quiet", recipe, "--out", first, *time]
    save = loop.save_state

    def save_and_interrupt(*arguments):
        save(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_state", save_and_interrupt)
        assert run_json(capsys, *command, code=130) == {"folder": str(first), "finished": False}
    assert run_json(capsys, *command) == {"folder": str(first), "finished": True}
    # The recipe that a checkpoint holds makes it again.
    run(capsys, "pretrain --quiet", first / "recipe.json", "--out", second)
    for part in ("model.safetensors", "recipe.json"):
        assert (first / part).read_bytes() == (second / part).read_bytes()


@pytest.mark.usefixtures("short_chains")
def test_evaluate_prints_the_numbers_and_saves_them_if_asked(folder, capsys):
    before = contents(folder)
    rows = run_json(capsys, "evaluate --tasks 4", folder)
    assert [row["rows"] for row in rows] == [16, 64, 256]
    assert [row["tasks"] for row in rows] == [4, 4, 4]
    assert run_json(capsys, "evaluate --tasks 4 --rows 16 --seed 1", folder) != rows[:1]
    assert contents(folder) == before
    _, title, *lines = run(capsys, "evaluate --tasks 4 --save", folder).splitlines()
    assert title.startswith("rows reasoner)")
    for row, line in zip(rows, lines, strict=True):
        assert line.split()[:3] == [
            *(str(row["rows"]), f"{row['kl']:.4f}±{row['kl_error']:.4f}", f"{row['log_loss']:.4f}")
        ]
    after = contents(folder)
    prior = {"n_features": [1, 16], "scale": [0.5, 10.0]}
    saved = json.loads(before["metrics.json"]) | {"bayes": rows, "bayes_prior": prior}
    assert json.loads(after["metrics.json"]) == saved
    assert {name for name in after if after[name] != before[name]} == {"metrics.json", "README.md"}


def test_import_tart_as_json(monkeypatch, capsys):
    checkpoint = load_checkpoint()
    monkeypatch.setattr(_import_tart, "import_tart", lambda weights, out, n_heads: checkpoint)
    printed = run_json(capsys, "import-tart head.pt --out head")
    assert printed == {"folder": "head", "config": checkpoint.reasoner.config.to_dict()}


@pytest.mark.parametrize(
    "command, message",
    [
        ("pretrain {0}/none.json --out {0}/out", "no recipe can be read"),
        ("pretrain {0}/recipe.json --out {0}/recipe.json", "File exists"),
        ("pretrain {0}/recipe.json --out {0}/out --device abacus", "device must be 'auto' or a device"),
        ("evaluate gram-bas", "did you mean 'gram-base'"),
        ("evaluate gram-base --save", "no checkpoint folder at 'gram-base'"),
        ("evaluate gram-base --tasks 1", "n_tasks must be at least 2"),
        ("evaluate gram-base --features 0 0", "rising n_features must be at least 1; got 16 and (0, 0)"),
        ("evaluate gram-base --features 16 1", "rising n_features must be at least 1; got 16 and (16, 1)"),
        ("evaluate gram-base --rows 0", r"rows and rising n_features must be at least 1; got 0 and"),
        ("import-tart {0}/none.pt --out {0}/out", "none.pt"),
    ],
)
@pytest.mark.usefixtures("recipe")
def test_an_error_ends_in_one_line(tmp_path, capsys, command, message):
    assert_fails(capsys, message, command.format(tmp_path))
