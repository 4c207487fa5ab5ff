"""Hash files, and write them whole."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path


def hash_file(file: Path) -> str:
    """Return the sha256 of a file, which is read once a process as long as size and time stamp stay."""
    state = file.stat()
    return _hash_unchanged(file.resolve(), state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=512)
def _hash_unchanged(file: Path, written: int, size: int) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
