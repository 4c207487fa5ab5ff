"""``sktart zoo``: checkpoints are found, fetched, checked and published."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from sktart._files import is_folder
from sktart._runtime import resolve_device
from sktart.cli._output import Json, print_json, print_result
from sktart.hub._client import import_client
from sktart.hub._folder import HubFolder
from sktart.zoo._info import PARTS, CheckpointInfo
from sktart.zoo._registry import find_checkpoint, list_checkpoints, read_registry
from sktart.zoo._resolve import REPOSITORY, FoundCheckpoint, home_of, zoo_of_environment
from sktart.zoo._table import TITLES

app = typer.Typer(help="List, download, check and publish checkpoints.", no_args_is_help=True)

Anyway = Annotated[bool, typer.Option("--json", help="Print JSON, as is done anyway.")]
Name = Annotated[str, typer.Argument(help="Name, folder, or org/repo/path@revision of the Hub.")]
Names = Annotated[
    list[str] | None, typer.Argument(help="Names, folders, or org/repo/path@revision of the Hub.")
]
Folder = Annotated[Path, typer.Argument(help="Checkpoint folder.")]
Dim = Annotated[int | None, typer.Option(help="Only checkpoints that read so many features.")]
Modality = Annotated[str | None, typer.Option(help="Only checkpoints for this modality.")]
Family = Annotated[str | None, typer.Option(help="Only checkpoints of this family.")]
Into = Annotated[Path | None, typer.Option(help="Registry file to put the rows into.")]


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
    """List the checkpoints that sktart knows by name; needs no network.

    Example: sktart zoo list --dim 384 --modality text
    """
    table = list_checkpoints(dim, modality, family, cached)
    print_result([row.to_dict() for row in table], TITLES, table.cells(), as_json=as_json)


@app.command()
def show(name: Name, as_json: Json = False) -> None:
    """Show all that is known of one checkpoint.

    Example: sktart zoo show gram-base
    """
    row = _row(name).to_dict()
    print_result(row, ("", row["name"]), [(key, _flat(value)) for key, value in row.items()], as_json=as_json)


@app.command()
def where(names: Names = None, as_json: Json = False) -> None:
    """Show where checkpoints are looked for, or where those named are.

    Nothing is downloaded.

    Example: sktart zoo where gram-base
    """
    if names:
        _print_places([find_checkpoint(name, download=False) for name in names], as_json)
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
    lines = [(key, str(value)) for key, value in places.items()]
    print_result(places, ("", "place"), lines, as_json=as_json)


@app.command()
def pull(
    names: Names = None,
    everything: Annotated[bool, typer.Option("--all", help="All of the registry.")] = False,
    dim: Dim = None,
    modality: Modality = None,
    family: Family = None,
    as_json: Json = False,
) -> None:
    """Download checkpoints, to use them without a network.

    Every file is compared with its hash.

    Example: sktart zoo pull --all --modality text
    """
    if bool(names) == everything or (names and (dim, modality, family) != (None, None, None)):
        raise typer.BadParameter("pull takes names, or --all, which --dim, --modality and --family narrow")
    chosen = names or _published(list_checkpoints(dim, modality, family))
    _print_places([_pull(name) for name in chosen], as_json)


@app.command()
def verify(
    names: Names = None,
    device: Annotated[str, typer.Option(help="Where to compute: 'cpu' is exact, others to 0.001.")] = "cpu",
    as_json: Json = False,
) -> None:
    """Check the files and predictions of checkpoints on this machine.

    Without names all are checked. Files are compared with their hashes, and
    predictions with those that were stored when the checkpoint was made.

    Example: sktart zoo verify gram-base
    """
    from sktart.zoo._golden import check_golden

    target = resolve_device(device)
    results: list[dict[str, Any]] = []
    for name in names or [row.name for row in list_checkpoints(cached=True)]:
        try:
            found = find_checkpoint(name)
            found.check()
            reasoner = found.load().reasoner
            reasoner = reasoner.double() if target.type == "cpu" else reasoner.to(target)
            results.append({"name": found.name, "ok": True, "difference": check_golden(found, reasoner)})
        except (ValueError, OSError) as error:
            results.append({"name": name, "ok": False, "error": " ".join(str(error).split())})
    lines = [
        (result["name"], "ok" if result["ok"] else "BAD", str(result.get("error", result.get("difference"))))
        for result in results
    ]
    print_result(results, ("name", "", "largest difference of a probability"), lines, as_json=as_json)
    if not all(result["ok"] for result in results):
        raise typer.Exit(1)


@app.command()
def row(
    folder: Folder,
    modality: Annotated[
        str | None, typer.Option(help="What it is meant for; else by the folder's place.")
    ] = None,
    embedded: Annotated[str | None, typer.Option(help="Its place inside the package.")] = None,
    commit: Annotated[str | None, typer.Option(help="Commit that holds it on the Hub.")] = None,
    into: Into = None,
    as_json: Anyway = True,
) -> None:
    """Print the registry row of a checkpoint folder, as JSON.

    Example: sktart zoo row runs/mine --into sktart/zoo/registry.json
    """
    from sktart.zoo._registry_rows import describe_folder, read_registry_file, write_registry_file

    if into is not None:
        read_registry_file(into)
    made = describe_folder(folder, modality=modality, embedded=embedded, commit=commit)
    print_json(made.to_dict())
    if into is not None:
        write_registry_file(into, [made])


@app.command()
def push(
    folder: Annotated[Path, typer.Argument(help="Checkpoint folder, or a folder of them such as zoo/.")],
    repo: Annotated[str, typer.Option(help="Repository of the Hub, organisation/name; made if need be.")],
    private: Annotated[bool, typer.Option(help="Make the repository private.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check all, and publish nothing.")] = False,
    into: Into = None,
    as_json: Anyway = True,
) -> None:
    """Publish checkpoints on the Hub.

    Their registry rows are printed as JSON.

    Example: sktart zoo push runs/mine --repo me/mine
    """
    from sktart.zoo._publish import push as publish
    from sktart.zoo._registry_rows import read_registry_file, write_registry_file

    if into is not None:
        read_registry_file(into)  # once something is published, it is too late to find fault with it
    rows = publish(folder, repo, private=private, dry_run=dry_run)
    print_json([row.to_dict() for row in rows])
    if into is not None and not dry_run:
        write_registry_file(into, rows)


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
    found = find_checkpoint(name)
    found.check()
    return found


def _print_places(found: list[FoundCheckpoint], as_json: bool) -> None:
    places = [{"name": one.name, "place": one.place, "folder": str(one.folder)} for one in found]
    lines = [tuple(place.values()) for place in places]
    print_result(places, ("name", "place", "folder"), lines, as_json=as_json)


def _flat(value: Any) -> str:
    if isinstance(value, dict) and "sha256" in value:
        return f"{value['bytes']} bytes, sha256\n{value['sha256']}"
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_flat(item)}" for key, item in value.items())
    return "-" if value is None else str(value)
