"""The command line, in this process and once as a user runs it."""

import json
import subprocess
import sys
from functools import partial

import pytest
import torch
from tiny_gram import TINY_GRAM

from sktart import __version__
from sktart.cli import main
from sktart.pretrain import _evaluate as evaluation
from sktart.reasoners._gram import GramReasoner
from sktart.zoo._checkpoint import load_folder, save_checkpoint

RECIPE = {
    "name": "tiny",
    "seed": 0,
    "network": TINY_GRAM.to_dict(),
    "prior": [{"family": "logistic", "weight": 1.0, "n_classes": [2, 2], "options": {"n_features": [1, 3]}}],
    "context_rows": [4, 8],
    "query_rows": 4,
    "steps": 4,
    "steps_per_epoch": 2,
    "groups": 1,
    "max_tasks": 4,
    "max_tokens": 400,
    "muon_learning_rate": 0.01,
    "adamw_learning_rate": 0.01,
    "warmup_steps": 1,
    "weight_decay": 0.0,
    "precision": "float32",
}


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(RECIPE), encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        reasoner = GramReasoner(TINY_GRAM)
    metrics = {"training": {"steps": 4, "seconds": 1, "cores": 1, "device": "cpu"}}
    save_checkpoint(tmp_path / "tiny", reasoner, recipe=RECIPE, metrics=metrics)
    return tmp_path / "tiny"


@pytest.fixture
def short_chains(monkeypatch):
    short = partial(evaluation.posterior_predictive, n_samples=16, n_warmup=16, n_chains=2)
    monkeypatch.setattr(evaluation, "posterior_predictive", short)


def assert_fails(capsys, arguments, message):
    assert main(list(map(str, arguments))) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"sktart {arguments[0]}: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1


def test_pretrain_writes_a_checkpoint_and_says_so(recipe, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["pretrain", str(recipe), "--out", str(out), "--quiet", "--device", "cpu"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"finished: {out}\n"
    assert printed.err == ""
    assert load_folder(out).reasoner.config.width == 8


def test_pretrain_pauses_and_goes_on_with_the_same_command(recipe, tmp_path, capsys):
    command = ["pretrain", str(recipe), "--out", str(tmp_path / "out"), "--minutes", "0"]
    assert main(command) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("paused, run the same command to go on: ")
    assert "2/4" in printed.err  # the progress bar
    assert main([*command, "--quiet"]) == 0
    assert capsys.readouterr().out.startswith("finished: ")


def test_a_checkpoint_can_be_made_again_from_its_own_recipe(recipe, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    assert main(["pretrain", str(recipe), "--out", str(first), "--quiet"]) == 0
    assert main(["pretrain", str(first / "recipe.json"), "--out", str(second), "--quiet"]) == 0
    assert (first / "model.safetensors").read_bytes() == (second / "model.safetensors").read_bytes()
    assert (first / "recipe.json").read_bytes() == (second / "recipe.json").read_bytes()


@pytest.mark.usefixtures("short_chains")
def test_evaluate_prints_and_writes_the_numbers(folder, tmp_path, capsys):
    before = (folder / "model.safetensors").read_bytes()
    numbers = tmp_path / "numbers.json"
    assert main(["evaluate", str(folder), "--tasks", "4", "--json", str(numbers), "--save"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    header, *lines = printed.out.splitlines()
    assert header.startswith("rows  KL(Bayes|reasoner)")
    rows = json.loads(numbers.read_text(encoding="utf-8"))
    assert [row["rows"] for row in rows] == [16, 64, 256]
    assert [row["tasks"] for row in rows] == [4, 4, 4]
    for row, line in zip(rows, lines, strict=True):
        assert line.split()[0] == str(row["rows"])
        assert line.split()[1] == f"{row['kl']:.4f}±{row['kl_error']:.4f}"
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert metrics == {
        "training": {"steps": 4, "seconds": 1, "cores": 1, "device": "cpu"},
        "bayes": rows,
        "bayes_prior": {"n_features": [1, 16], "scale": [0.5, 10.0]},
    }
    assert "KL(Bayes, reasoner)" in (folder / "README.md").read_text(encoding="utf-8")
    assert (folder / "model.safetensors").read_bytes() == before


@pytest.mark.usefixtures("short_chains")
def test_evaluate_writes_nothing_unasked_and_the_seed_changes_the_tasks(folder, capsys):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    printed = []
    for seed in ("0", "1"):
        assert main(["evaluate", str(folder), "--tasks", "4", "--seed", seed]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] != printed[1]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    "recipe_text, message",
    [("{", "is not JSON"), ("{}", "missing ['adamw_learning_rate'"), ("[]", "must hold a JSON object")],
)
def test_bad_recipe_ends_in_one_line(tmp_path, capsys, recipe_text, message):
    path = tmp_path / "recipe.json"
    path.write_text(recipe_text, encoding="utf-8")
    assert_fails(capsys, ["pretrain", path, "--out", tmp_path / "out"], message)
    assert not (tmp_path / "out").exists()


def test_errors_of_pretrain_end_in_one_line(recipe, tmp_path, capsys):
    assert_fails(
        capsys, ["pretrain", tmp_path / "none.json", "--out", tmp_path / "out"], "no recipe can be read"
    )
    assert_fails(capsys, ["pretrain", recipe, "--out", recipe], "File exists")
    device = ["pretrain", recipe, "--out", tmp_path / "out", "--device", "abacus"]
    assert_fails(capsys, device, "device must be 'auto' or a device")


def test_errors_of_evaluate_end_in_one_line(folder, tmp_path, capsys):
    assert_fails(capsys, ["evaluate", "gram-bas"], "did you mean 'gram-base' or 'gram-large'?")
    assert_fails(capsys, ["evaluate", folder, "--tasks", "1"], "n_tasks must be at least 2")
    assert_fails(capsys, ["evaluate", tmp_path], "model.safetensors, config.json missing")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"width": 16}), encoding="utf-8")
    assert_fails(capsys, ["evaluate", folder], "do not fit its config.json")


def test_save_needs_a_folder_and_says_so_before_it_computes(capsys):
    assert_fails(capsys, ["evaluate", "gram-base", "--save"], "no checkpoint folder at 'gram-base'")


@pytest.mark.parametrize("arguments", [[], ["train"], ["pretrain", "recipe.json"], ["evaluate"]], ids=str)
def test_wrong_usage_ends_with_status_2(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "usage: sktart" in capsys.readouterr().err


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"{__version__}\n"


def test_module_runs_as_a_program(tmp_path):
    command = [sys.executable, "-m", "sktart", "pretrain", "none.json", "--out", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("sktart pretrain: no recipe can be read at none.json")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
