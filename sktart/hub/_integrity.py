"""Read a file, and make sure that it is the one that was meant."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from sktart.exceptions import CheckpointError, CheckpointIntegrityError


def digest_like(content: bytes, expected: str) -> str:
    """Return the hash of `content` of the kind of `expected`: sha256, or with 40 digits that of a git blob.

    The Hub names large files by the former and small ones by the latter.

    Examples
    --------
    >>> digest_like(b"", 40 * "0")  # git hash-object /dev/null
    'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'
    """
    if len(expected) == 40:
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    return hashlib.sha256(content).hexdigest()


def is_digest(text: str) -> bool:
    """Tell whether `digest_like` can check a file against `text`."""
    return re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", text) is not None


def read_checked(path: Path, expected: str | None, *, cure: str) -> bytes:
    """Return the content of a file if its hash is `expected`, or whatever it is if that is None.

    Raises
    ------
    CheckpointIntegrityError
        With both hashes and the cure.
    CheckpointError
        If the file cannot be read; that one is missing is a matter of integrity where a hash is expected.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        if expected is None or not isinstance(error, FileNotFoundError):
            cure = cure or "make it readable, or remove it and load it again"
            raise CheckpointError(f"{path} cannot be read ({error.strerror}); {cure}") from error
        raise _other_than(path, expected, "no such file", cure) from error
    if expected is not None and (found := digest_like(content, expected)) != expected:
        raise _other_than(path, expected, found, cure)
    return content


def _other_than(path: Path, expected: str, found: str, cure: str) -> CheckpointIntegrityError:
    kind = "sha1" if len(expected) == 40 else "sha256"
    return CheckpointIntegrityError(
        f"{path} is not the file that the registry or the Hub describes: {kind} {found} instead of {expected}; {cure}"
    )


def json_object(path: Path, content: bytes) -> dict[str, Any]:
    """Return what the JSON file at `path` with this content holds.

    Raises
    ------
    CheckpointError
        If it is no JSON, or no object.
    """
    try:
        values = json.loads(content)
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged ({error}); copy or fetch the folder again") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} must hold a JSON object; it holds a {type(values).__name__}")
    return values
