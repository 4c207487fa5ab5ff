"""Read a file, and make sure that it is the one that was meant."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from sktart.exceptions import CheckpointError, CheckpointIntegrityError


def hash_like(content: bytes, expected: str) -> str:
    """Return the hash of `content` of the kind of `expected`: sha256, or with 40 digits that of a git blob.

    The Hub names large files by the former and small ones by the latter.

    Examples
    --------
    >>> hash_like(b"", 40 * "0")  # git hash-object /dev/null
    'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'
    """
    if len(expected) == 40:
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    return hashlib.sha256(content).hexdigest()


def hashes_of_commit(folder: Path, parts: Sequence[str]) -> dict[str, str]:
    """Return the hash that the Hub gave to each file of a folder in its cache, as far as the links tell.

    The cache links each name to a file that is called by the hash; without links nothing is known.
    """
    named = {part: (folder / part).readlink().name for part in parts if (folder / part).is_symlink()}
    return {part: name for part, name in named.items() if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", name)}


def read_checked(path: Path, expected: str | None, cure: str) -> bytes:
    """Return the content of a file if its hash is `expected`, or whatever it is if that is None."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}); {cure}") from error
    if expected is not None and (found := hash_like(content, expected)) != expected:
        kind = "sha1" if len(expected) == 40 else "sha256"
        raise CheckpointIntegrityError(
            f"{path} is not the file that the registry or the Hub describes: {kind} {found} instead of {expected}; "
            f"{cure}"
        )
    return content
