"""``sktart``: exit codes, help, and what a command leaves alone."""

import subprocess
import sys

import pytest
from command_line import run
from typer.main import get_command

from sktart import __version__
from sktart.cli import _zoo, main
from sktart.cli._app import app

COMMANDS = get_command(app).commands
PATHS = [(), *((name,) for name in COMMANDS), *(("zoo", name) for name in COMMANDS["zoo"].commands)]


@pytest.mark.parametrize(
    "arguments, code, message",
    [
        ("--version", 0, __version__),
        ("--help", 0, "Exit codes: 0 done, 1 error or failed check, 2 wrong usage, 130 interrupted."),
        ("", 2, "Usage: sktart [OPTIONS] COMMAND"),
        ("train", 2, "No such command 'train'"),
        ("pretrain recipe.json", 2, "Missing option '--out'"),
        ("evaluate", 2, "Missing argument 'checkpoint'"),
        ("evaluate gram-base --rows 16 64", 2, "unexpected extra argument"),
        ("zoo", 2, "Usage: sktart zoo [OPTIONS] COMMAND"),
        ("zoo prune", 2, "No such command 'prune'"),
        ("zoo pull", 2, "pull takes names, or --all, which --dim, --modality and --family narrow"),
        ("zoo pull auto --all", 2, "pull takes names, or --all"),
        ("zoo pull auto --dim 3", 2, "pull takes names, or --all"),
    ],
)
def test_exit_code_and_message(arguments, code, message, capsys):
    assert main(arguments.split()) == code
    out, err = capsys.readouterr()
    text, nothing = (err, out) if code else (out, err)
    assert message in text
    assert nothing == ""


def test_ctrl_c_ends_with_130_and_no_words(monkeypatch, capsys):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(_zoo, "list_checkpoints", interrupt)
    assert main(["zoo", "list"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_fits_80_columns_and_has_an_example(path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    text = run(capsys, f"{' '.join(path)} --help")
    assert max(map(len, text.splitlines())) <= 80
    if path == ("zoo",):
        assert not [line for line in text.splitlines()[2:] if line.endswith("...")]
    else:
        assert f"Example: {' '.join(('sktart', *path))} " in text


def test_as_a_program(tmp_path):
    command = [sys.executable, "-m", "sktart", "pretrain", "none.json", "--out", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("sktart pretrain: no recipe can be read at none.json")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_help_and_list_need_no_heavy_library_and_replace_no_hook():
    code = (
        "import sys; hook = sys.excepthook; from sktart.cli import main\n"
        "main(['--help']), main(['zoo', 'list'])\n"
        "assert sys.excepthook is hook\n"
        "assert not {'torch', 'sklearn', 'numpy', 'huggingface_hub'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, timeout=120)
