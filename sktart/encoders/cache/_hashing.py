"""Hash what makes an encoder, and the folder of a model."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sktart._files import hash_file
from sktart.encoders._locate import weight_files

_SETTINGS = (".json", ".txt", ".model", ".jinja", ".py")


def digest(*parts: str | bytes) -> str:
    """Return a sha256 that no shift of text from one part to the next leaves as it is.

    Examples
    --------
    >>> digest("ab", "c") == digest("a", "bc")
    False
    """
    sha256 = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        sha256.update(b"%d:" % len(data))
        sha256.update(data)
    return sha256.hexdigest()


def identify_folder(folder: Path) -> str:
    """Return a hash of weights, configuration and tokenizer of the model in a folder, and of what reads it.

    Nothing is loaded; the weights are read once a process, as long as no file changes.
    """
    files = sorted({*weight_files(folder), *(file for file in folder.rglob("*") if file.suffix in _SETTINGS)})
    libraries = [f"{name} {installed_version(name)}" for name in ("sentence-transformers", "transformers")]
    parts = [part for file in files for part in (str(file.relative_to(folder)), hash_file(file))]
    return digest(*libraries, *parts)


@lru_cache(maxsize=16)
def installed_version(distribution: str) -> str:
    """Return the version of what pip installed, or "absent"."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "absent"
