"""The command line of the zoo: ``sktart zoo list | show | pull | verify | push | where | prune | row``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sktart._files import is_folder
from sktart._runtime import resolve_device
from sktart.exceptions import CheckpointError
from sktart.hub._client import import_client
from sktart.hub._folder import HubFolder
from sktart.zoo._info import PARTS, CheckpointInfo
from sktart.zoo._registry import find_checkpoint, list_checkpoints, read_registry
from sktart.zoo._resolve import REPOSITORY, FoundCheckpoint, home_of, zoo_of_environment
from sktart.zoo._table import TITLES

app = typer.Typer(
    help="Checkpoints: what there is, what is on this machine, and how it comes there.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Anyway = Annotated[bool, typer.Option("--json", help="Print JSON, as is done anyway.")]
Name = Annotated[str, typer.Argument(help="Name, folder, or org/repo/path@revision of the Hub.")]
Names = Annotated[
    list[str] | None, typer.Argument(help="Names, folders, or org/repo/path@revision of the Hub.")
]
Dim = Annotated[int | None, typer.Option(help="Only checkpoints that read so many features.")]
Modality = Annotated[str | None, typer.Option(help="Only checkpoints for this modality.")]
Family = Annotated[str | None, typer.Option(help="Only checkpoints of this family.")]
Into = Annotated[Path | None, typer.Option(help="Registry file to put the rows into.")]


def run(arguments: list[str]) -> int:
    """Run ``sktart zoo`` with these arguments, and return the exit status.

    Raises
    ------
    SystemExit
        Of another status than 0, after wrong usage or a check that failed.
    """
    # Not app(): that would replace sys.excepthook.
    try:
        typer.main.get_command(app).main(arguments, prog_name="sktart zoo")
    except SystemExit as done:
        if done.code:
            raise
    return 0


@app.command("list")
def list_(
    dim: Dim = None,
    modality: Modality = None,
    family: Family = None,
    cached: Annotated[
        bool | None, typer.Option("--cached/--remote", help="Only what needs no download, or what does.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the checkpoints of the registry; needs no network."""
    table = list_checkpoints(dim, modality, family, cached)
    if as_json:
        _print_json([row.to_dict() for row in table])
    else:
        _print_table(TITLES, table.cells())


@app.command()
def show(name: Name, as_json: Json = False) -> None:
    """Show all that the registry knows of a checkpoint, or what the files of another tell."""
    row = _row(name).to_dict()
    if as_json:
        _print_json(row)
    else:
        _print_table(("", row["name"]), [(key, _flat(value)) for key, value in row.items()])


@app.command()
def pull(
    names: Names = None,
    everything: Annotated[bool, typer.Option("--all", help="All of the registry.")] = False,
    dim: Dim = None,
    modality: Modality = None,
    family: Family = None,
    as_json: Json = False,
) -> None:
    """Download checkpoints and compare them with their hashes, so that they work without a network afterwards."""
    if not names and not everything:
        raise CheckpointError("pull needs names, or --all")
    if names and (everything or (dim, modality, family) != (None, None, None)):
        raise CheckpointError(
            "--all, --dim, --modality and --family choose from the registry, so they go without names; got "
            f"{', '.join(names)}"
        )
    chosen = names or _published(list_checkpoints(dim, modality, family))
    pulled = []
    for name in chosen:
        found = _pull(name)
        found.check()
        pulled.append(found)
    _print_places(pulled, as_json)


@app.command()
def verify(
    names: Names = None,
    device: Annotated[str, typer.Option(help="Where to compute: 'cpu' is exact, others to 0.001.")] = "cpu",
    as_json: Json = False,
) -> None:
    """Check hashes and golden predictions, of all checkpoints on this machine if none is named."""
    from sktart.zoo._golden import check_golden

    where = resolve_device(device)
    results: list[dict[str, Any]] = []
    for name in names or [row.name for row in list_checkpoints(cached=True)]:
        try:
            found = find_checkpoint(name)
            found.check()
            reasoner = found.load().reasoner
            reasoner = reasoner.double() if where.type == "cpu" else reasoner.to(where)
            results.append({"name": found.name, "ok": True, "difference": check_golden(found, reasoner)})
        except (ValueError, OSError) as error:
            results.append({"name": name, "ok": False, "error": " ".join(str(error).split())})
    if as_json:
        _print_json(results)
    else:
        lines = [
            (
                result["name"],
                "ok" if result["ok"] else "BAD",
                str(result.get("error", result.get("difference"))),
            )
            for result in results
        ]
        _print_table(("name", "", "largest difference of a probability"), lines)
    if not all(result["ok"] for result in results):
        raise typer.Exit(1)


@app.command()
def push(
    folder: Annotated[Path, typer.Argument(help="Checkpoint folder, or a folder of them such as zoo/.")],
    repo: Annotated[str, typer.Option(help="Repository of the Hub, organisation/name; made if need be.")],
    private: Annotated[bool, typer.Option(help="Make the repository private.")] = False,
    into: Into = None,
    as_json: Anyway = True,
) -> None:
    """Publish checkpoints on the Hub with their model cards, and print their rows of the registry as JSON."""
    from sktart.zoo._publish import push as publish
    from sktart.zoo._registry_rows import read_registry_file, write_registry_file

    if into is not None:
        read_registry_file(into)  # once something is published, it is too late to find fault with it
    rows = publish(folder, repo, private=private)
    _print_json([row.to_dict() for row in rows])
    if into is not None:
        write_registry_file(into, rows)


@app.command()
def row(
    folder: Annotated[Path, typer.Argument(help="Checkpoint folder.")],
    modality: Annotated[
        str | None, typer.Option(help="What it is meant for; else by the folder's place.")
    ] = None,
    embedded: Annotated[str | None, typer.Option(help="Its place inside the package.")] = None,
    commit: Annotated[str | None, typer.Option(help="Commit that holds it on the Hub.")] = None,
    into: Into = None,
    as_json: Anyway = True,
) -> None:
    """Print the row of the registry for a checkpoint folder as JSON."""
    from sktart.zoo._registry_rows import describe_folder, read_registry_file, write_registry_file

    if into is not None:
        read_registry_file(into)
    made = describe_folder(folder, modality=modality, embedded=embedded, commit=commit)
    _print_json(made.to_dict())
    if into is not None:
        write_registry_file(into, [made])


@app.command()
def where(names: Names = None, as_json: Json = False) -> None:
    """Show the places where checkpoints are looked for, or where those named are; downloads nothing that is named."""
    if names:
        _print_places([_here(name) for name in names], as_json)
        return
    import_client()
    from huggingface_hub import constants

    zoo_of_environment()
    places = {
        "zoo": os.environ.get("SKTART_ZOO") or REPOSITORY,
        "endpoint": constants.ENDPOINT,
        "cache": constants.HF_HUB_CACHE,
        "offline": constants.HF_HUB_OFFLINE,
    }
    if as_json:
        _print_json(places)
    else:
        _print_table(("", "place"), [(key, str(value)) for key, value in places.items()])


@app.command()
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Remove nothing.")] = False, as_json: Json = False
) -> None:
    """Remove from the Hub cache old commits of the zoo, and what interrupted downloads left behind."""
    from sktart.hub._tidy import prune as tidy

    homes = [home for info in read_registry().values() if isinstance(home := home_of(info), HubFolder)]
    removed, freed = tidy(
        {REPOSITORY, *(home.repo for home in homes)}, {home.revision for home in homes}, dry_run=dry_run
    )
    if as_json:
        _print_json({"removed": removed, "bytes": freed, "dry_run": dry_run})
    else:
        _print_table(
            (f"{'would free' if dry_run else 'freed'} {freed / 1e6:.1f} MB",), [(item,) for item in removed]
        )


def _published(rows: Iterable[CheckpointInfo]) -> list[str]:
    """Return the names of those that are somewhere, and say which are not."""
    rows = list(rows)
    nowhere = [row.name for row in rows if row.embedded is None and home_of(row) is None]
    if nowhere:
        typer.echo(f"not published yet, left out: {', '.join(nowhere)}", err=True)
    return [row.name for row in rows if row.name not in nowhere]


def _row(name: str) -> CheckpointInfo:
    """Return the row of the registry, or one that is made of the files."""
    from sktart.zoo._registry_rows import describe_folder

    known = read_registry()
    if name in known:
        return known[name]
    found = find_checkpoint(name)
    if found.name in known:
        return known[found.name]
    found.check()
    return replace(describe_folder(found.folder), path=found.source)


def _pull(name: str) -> FoundCheckpoint:
    reference = None if name in read_registry() else HubFolder.parse(name)
    if reference is not None and not reference.is_pinned and not is_folder(Path(name)):
        # What a branch stands for may have changed since it came into the cache.
        reference.fetch(PARTS)
    return find_checkpoint(name)


def _here(name: str) -> FoundCheckpoint:
    return find_checkpoint(name, download=False)


def _print_places(found: list[FoundCheckpoint], as_json: bool) -> None:
    if as_json:
        _print_json([{"name": one.name, "place": one.place, "folder": str(one.folder)} for one in found])
    else:
        _print_table(("name", "place", "folder"), [(one.name, one.place, str(one.folder)) for one in found])


def _flat(value: Any) -> str:
    if isinstance(value, dict) and "sha256" in value:
        return f"{value['bytes']} bytes, sha256\n{value['sha256']}"
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_flat(item)}" for key, item in value.items())
    return "-" if value is None else str(value)


def _print_json(values: Any) -> None:
    typer.echo(json.dumps(values, indent=1))


def _print_table(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for title in titles:
        # Nothing is cut off: names and paths are there to be copied.
        table.add_column(title, overflow="fold")
    for line in lines:
        table.add_row(*map(escape, line))
    Console().print(table)
