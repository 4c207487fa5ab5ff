"""The command ``sktart``: its groups, its exit codes, and how its errors look."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated, Any

import typer

from sktart import __version__
from sktart.cli import _zoo
from sktart.cli._auto import fit, predict, report
from sktart.cli._pretrain import evaluate, import_tart, pretrain
from sktart.exceptions import SktartError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help is shorter, the same everywhere, and there in half the time
    epilog="Exit codes: 0 done, 1 error or failed check, 2 wrong usage, 130 interrupted.",
)
for command in (fit, predict, report, pretrain, evaluate, import_tart):
    app.command()(command)
app.add_typer(_zoo.app, name="zoo")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def sktart(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Classify rows, and find, make and measure the checkpoints for it.

    Example: sktart zoo list
    """


def _show_in_one_line(message: Warning | str, *_: Any) -> None:
    """Say what a user can do about, without the line of our code that said it."""
    print(f"sktart: warning: {' '.join(str(message).split())}", file=sys.stderr)


def main(argv: list[str] | None = None) -> int:
    """Run one command; an error of sktart ends in one line on stderr, and nothing raises SystemExit.

    Parameters
    ----------
    argv : list of str, optional
        What follows ``sktart``; left out: the arguments of this process.

    Returns
    -------
    int
        Exit code: 0 done, 1 error or failed check, 2 wrong usage, 130 interrupted.

    Examples
    --------
    >>> main(["pretrain", "no-such-recipe.json", "--out", "nowhere"])
    1
    """
    argv = sys.argv[1:] if argv is None else argv
    code: Any = 0
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_in_one_line  # type: ignore[assignment]
            # Not app(): that would replace sys.excepthook.
            typer.main.get_command(app).main(argv, prog_name="sktart")
    except SystemExit as done:
        code = done.code
    except (SktartError, ValueError, OSError) as error:
        command = " ".join(argv[: 2 if argv[0] == "zoo" else 1])
        print(f"sktart {command}: {' '.join(str(error).split())}", file=sys.stderr)
        code = 1
    return code
