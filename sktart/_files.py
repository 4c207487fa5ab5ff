"""Hash files, write them in full or not at all, and find folders by what a user wrote."""

from __future__ import annotations

import hashlib
import secrets
from functools import lru_cache
from os import PathLike
from pathlib import Path


def hash_file(file: Path) -> str:
    """Return the sha256 of a file, which is read once a process as long as size and time stamps stay."""
    state = file.stat()
    # A program can set the time of the last write back, but not that of the last change.
    return _hash_unchanged(file.resolve(), state.st_mtime_ns, state.st_ctime_ns, state.st_size)


@lru_cache(maxsize=512)
def _hash_unchanged(file: Path, written: int, changed: int, size: int) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def at_home(path: str | PathLike[str]) -> Path:
    """Return a path with the folder of the user in the place of ``~``, if there is one.

    Examples
    --------
    >>> at_home("~/zoo") == Path.home() / "zoo", at_home("~no such user/zoo").parts[0]
    (True, '~no such user')
    """
    if isinstance(path, str) and not path.startswith("~"):
        return Path(path)  # of "./~" pathlib makes "~"
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def is_folder(path: Path) -> bool:
    """Tell whether there is such a folder; a name that no file can have, as it is too long, is none.

    Examples
    --------
    >>> is_folder(Path()), is_folder(Path(1000 * "x"))
    (True, False)
    """
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a kill or another writer at any moment leaves one content or the other, in full."""
    # mkstemp would make a file that only its owner reads, and the umask cannot be asked for without a change of it.
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
