"""Put checkpoint folders into a repository of the Hub."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sktart import __version__
from sktart.exceptions import CheckpointError
from sktart.hub._client import SENDER, import_client
from sktart.hub._errors import explain
from sktart.hub._names import is_repository
from sktart.zoo._card import model_card, zoo_card
from sktart.zoo._folder import CheckpointFolder
from sktart.zoo._golden import compare
from sktart.zoo._info import CheckpointInfo
from sktart.zoo._registry_rows import complete_folders, describe_folder

README = "README.md"


def push(
    root: str | Path, repo: str, *, private: bool = False, dry_run: bool = False
) -> list[CheckpointInfo]:
    """Publish a checkpoint folder, or all below a folder, by one commit.

    A single one comes to the root of the repository, which its model card then describes; of several, each comes to
    ``<dimension>/<modality>/<name>``, below a card that lists them. Each is loaded and compared with its golden
    predictions first. Files that the repository already has are not sent again.

    Parameters
    ----------
    root : str or Path
    repo : str
        ``organisation/name``; it is made if it does not exist.
    private : bool
        Make it so that only members of the organisation see it.
    dry_run : bool
        Do all that comes before the first request, and no more.

    Returns
    -------
    list of CheckpointInfo
        Rows for the registry, with the new commit; without one after a dry run.

    Raises
    ------
    CheckpointError
        If `repo` is no name of a repository, there is nothing to publish, a checkpoint is not what it was, two have
        one name, or the Hub refuses.
    """
    hub = import_client()
    if not is_repository(repo):
        raise CheckpointError(f"a repository of the Hub is named 'organisation/name'; got {repo!r}")
    root = Path(root)
    folders = complete_folders(root)
    single = folders == [root]
    rows: list[CheckpointInfo] = []
    contents: dict[str, bytes] = {}
    taken: dict[str, Path] = {}
    for folder in folders:
        opened = CheckpointFolder.read(folder)
        compare(opened.metrics.get("golden"), opened.reasoner, str(folder))
        row = describe_folder(opened)
        if row.path in taken:
            raise CheckpointError(
                f"{taken[row.path]} and {folder} would both be {row.path} in {repo}; give their recipes other names, "
                "or push one of them"
            )
        taken[row.path] = folder
        rows.append(replace(row, path="") if single else row)
        prefix = "" if single else f"{row.path}/"
        contents |= {prefix + part: content for part, content in opened.contents.items()}
        contents[prefix + README] = model_card(opened.recipe, opened.metrics).encode()
    if not single:
        contents[README] = zoo_card(rows).encode()
    if dry_run:
        return rows
    additions = [hub.CommitOperationAdd(path, content) for path, content in sorted(contents.items())]
    message = f"{', '.join(row.name for row in rows)} (sktart {__version__})"
    api = hub.HfApi(**SENDER)
    try:
        api.create_repo(repo, private=private, exist_ok=True)
        commit = api.create_commit(repo, additions, commit_message=message).oid
    except Exception as error:  # the client lets errors of its HTTP library through, which changes
        raise CheckpointError(f"{repo} could not be written: {explain(error)}") from error
    return [replace(row, commit=commit) for row in rows]
