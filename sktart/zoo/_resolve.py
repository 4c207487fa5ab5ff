"""From what the user wrote to a folder on this machine that holds the checkpoint."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from sktart._files import at_home, is_folder
from sktart.exceptions import CheckpointError, CheckpointIntegrityError
from sktart.hub._folder import HubFolder
from sktart.hub._hashes import hashes_of_commit, read_checked
from sktart.hub._names import REVISION_RULE
from sktart.zoo._info import PARTS, CheckpointInfo

if TYPE_CHECKING:
    from sktart.zoo._checkpoint import Checkpoint

REPOSITORY = "sktart/zoo"


class NoZooError(CheckpointError):
    """``SKTART_ZOO`` is set to what is no zoo."""


@dataclass(frozen=True)
class FoundCheckpoint:
    """A checkpoint whose files are on this machine.

    Parameters
    ----------
    name : str
        To show to the user.
    source : str
        Name in its identity, see :class:`~sktart.zoo._info.CheckpointIdentity`.
    folder : Path
    digests : tuple of (str, str)
        Name and hash of each file whose hash is known.
    place : {"embedded", "folder", "cache"}
        What holds the folder.
    """

    name: str
    source: str
    folder: Path
    digests: tuple[tuple[str, str], ...]
    place: str

    def load(self, read: Callable[[str], bytes] | None = None) -> Checkpoint:
        """Read the files, compare them with their hashes, and build the network, on the CPU in float32.

        `read` returns the content of a file by its name, in place of :meth:`read`. A bad file is removed if it lies in
        the Hub cache.
        """
        from sktart.zoo._checkpoint import load_folder

        if read is None and self.digests:
            read = self.read
        return load_folder(self.folder, self.name, source=self.source, read=read)

    def read(self, part: str) -> bytes:
        """Return the content of one file after a comparison with its hash; a bad one is removed from the Hub cache."""
        path = self.folder / part
        target = path.resolve()  # the cache links to it
        cures = {
            "embedded": "install sktart again",
            "folder": "copy the folder again",
            "cache": f"delete {target} if it is still there, and load it again",
        }
        try:
            return read_checked(path, dict(self.digests).get(part), cures[self.place])
        except CheckpointIntegrityError:
            if self.place == "cache":
                with suppress(OSError):
                    target.unlink()
            raise

    def check(self) -> None:
        """Compare every file with its hash, without building the network."""
        for part in PARTS:
            self.read(part)


def resolve(
    checkpoint: str | PathLike[str],
    rows: Mapping[str, CheckpointInfo],
    package: Path,
    *,
    n_features: int | None = None,
    modality: str | None = None,
    download: bool = True,
) -> FoundCheckpoint:
    """Find a checkpoint, and fetch it if no place on this machine has it."""
    if not isinstance(checkpoint, str | PathLike) or checkpoint == "":
        raise CheckpointError(f"checkpoint must be a name, 'auto' or a path; got {checkpoint!r}")
    name = os.fsdecode(checkpoint)
    if not isinstance(checkpoint, str):
        return local_checkpoint(name)
    if name == "auto":
        name = choose(rows, n_features, modality).name
    if name in rows:
        return locate(rows[name], package) or _fetch_registered(rows[name], download)
    if is_folder(at_home(name)):
        return local_checkpoint(name)
    reference = HubFolder.parse(name)
    if reference is None:
        raise CheckpointError(_unknown(name, list(rows)))
    folder = reference.cached(PARTS) or _fetch(
        reference, f"checkpoint {name!r} is no folder here, and ", download
    )
    return _pinned(reference, folder)


def local_checkpoint(folder: str | PathLike[str]) -> FoundCheckpoint:
    """Return a checkpoint folder as it is; whether it is one shows when it is loaded."""
    path = at_home(folder)
    return FoundCheckpoint(str(folder), str(path.absolute()), path, (), "folder")


def choose(
    rows: Mapping[str, CheckpointInfo], n_features: int | None = None, modality: str | None = None
) -> CheckpointInfo:
    """Return what ``"auto"`` stands for: the first embedded row that reads such features.

    Nothing but the installed package decides, so that the answer is the same on every machine, connected or not.
    """
    for row in rows.values():
        if row.embedded is not None and row.reads(n_features, modality):
            return row
    raise CheckpointError(
        f"no embedded checkpoint reads {n_features} features of modality {modality!r}; name one of "
        f"{', '.join(map(repr, rows))}"
    )


def locate(info: CheckpointInfo, package: Path) -> FoundCheckpoint | None:
    """Return a registered checkpoint if it is on this machine; no request is made."""
    folder: Path | None
    if info.embedded is not None:
        folder, place = package / info.embedded, "embedded"
    elif isinstance(home := home_of(info), Path):
        folder, place = home if is_folder(home) else None, "folder"
    else:
        folder, place = home.cached(PARTS) if home else None, "cache"
    return None if folder is None else _registered(info, folder, place)


def _registered(info: CheckpointInfo, folder: Path, place: str) -> FoundCheckpoint:
    digests = tuple((part, file["sha256"]) for part, file in info.files.items())
    return FoundCheckpoint(info.name, info.name, folder, digests, place)


def _fetch_registered(info: CheckpointInfo, download: bool) -> FoundCheckpoint:
    source = home_of(info)
    if isinstance(source, Path):
        raise CheckpointError(
            f"checkpoint {info.name!r} is not at {source}, where SKTART_ZOO says; copy it there, or unset SKTART_ZOO"
        )
    if source is None:
        raise CheckpointError(
            f"checkpoint {info.name!r} is not published yet: the registry has no commit of {REPOSITORY} for it. "
            f"Set SKTART_ZOO to a repository or folder that holds {info.path}, or pass the path of a checkpoint folder"
        )
    folder = _fetch(source, f"checkpoint {info.name!r} is not on this machine, and ", download)
    return _registered(info, folder, "cache")


def home_of(info: CheckpointInfo) -> HubFolder | Path | None:
    """Return where a registered checkpoint is kept; None if nowhere yet."""
    zoo = zoo_of_environment()
    if zoo is None:
        return HubFolder(REPOSITORY, info.path, info.commit) if info.commit else None
    if isinstance(zoo, Path):
        return zoo / info.path
    # A copy of the zoo has commits of its own; the hashes of the registry hold for it as well.
    return HubFolder(zoo.repo, info.path, zoo.revision)


def zoo_of_environment() -> HubFolder | Path | None:
    """Return the zoo that ``SKTART_ZOO`` names; None if it is not set."""
    zoo = os.environ.get("SKTART_ZOO", "")
    if not zoo:
        return None
    if at_home(zoo).is_absolute():
        return at_home(zoo)
    repository = HubFolder.parse(zoo)
    if repository is None or repository.path:
        raise NoZooError(
            f"SKTART_ZOO must be 'organisation/name', 'organisation/name@revision' or an absolute path; got {zoo!r}"
        )
    return repository


def _fetch(source: HubFolder, prefix: str, download: bool) -> Path:
    if not download:
        raise CheckpointError(
            f"{prefix}it is not in the Hub cache, where it belongs at {source.expected(PARTS[-1])}"
        )
    try:
        return source.fetch(PARTS)
    except CheckpointError as error:
        raise CheckpointError(f"{prefix}{error}") from error.__cause__


def _pinned(reference: HubFolder, folder: Path) -> FoundCheckpoint:
    # .../snapshots/<commit>/<path>
    root = folder.parents[len(Path(reference.path).parts) - 1] if reference.path else folder
    name = str(HubFolder(reference.repo, reference.path, root.name))
    return FoundCheckpoint(name, name, folder, tuple(hashes_of_commit(folder, PARTS).items()), "cache")


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name.lower(), [*known, "auto"], n=2, cutoff=0.5)
    if near:
        hint = f"did you mean {' or '.join(map(repr, near))}?"
    elif name.startswith(("~", ".")) or Path(name).is_absolute():
        hint = f"there is no folder at {str(at_home(name).absolute())!r}"
    elif "/" in name:
        hint = (
            "a folder of a repository of models is 'org/repo/path@revision' or 'hf://org/repo@revision/path', and a "
            f"revision is {REVISION_RULE}"
        )
    else:
        hint = f"known are 'auto', {', '.join(map(repr, known))}"
    return f"checkpoint {name!r} is neither a name of the registry nor a folder; {hint}"
