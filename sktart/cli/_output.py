"""What commands print: JSON for programs, tables for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer


def in_a_folder(out: Path) -> Path:
    """Check before any work that a file can be written there."""
    if not out.parent.is_dir():
        raise typer.BadParameter(f"must be in a folder that exists; {out.parent} does not: make it first")
    if out.is_dir():
        raise typer.BadParameter(f"must be a file; {out} is a folder: name a file in it")
    return out


Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def print_json(values: Any) -> None:
    """Print values as JSON."""
    typer.echo(json.dumps(values, indent=1))


def print_result(
    values: Any, titles: Sequence[str], lines: Sequence[Sequence[str]], *, as_json: bool
) -> None:
    """Print values as JSON, or the table that stands for them, in which nothing is cut off."""
    if as_json:
        print_json(values)
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold")  # names and paths are there to be copied
    for line in lines:
        table.add_row(*map(escape, line))
    Console().print(table)
