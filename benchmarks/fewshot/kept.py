"""Scores on disk: on the same numbers, a baseline is measured once."""

from __future__ import annotations

import hashlib
import inspect
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin

from benchmarks.fewshot import scores

PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "sentence-transformers")


def digest(parts: tuple[np.ndarray, ...]) -> str:
    """Hash what a classifier is shown and asked, features or texts."""
    hashed = hashlib.sha256()
    for part in parts:
        numbers = part if part.dtype != object else np.frombuffer("\0".join(part).encode(), np.uint8)
        hashed.update(f"{numbers.dtype} {numbers.shape}".encode())
        hashed.update(np.ascontiguousarray(numbers))
    return hashed.hexdigest()


@cache
def code(kind: type) -> str:
    """Hash what scores depend on besides numbers and settings: the module of a class, the scores, the packages."""
    sources = [inspect.getsource(inspect.getmodule(kind)), inspect.getsource(scores)]
    versions = [f"{package} {version(package)}" for package in PACKAGES]
    return hashlib.sha256("\0".join(sources + versions).encode()).hexdigest()


def keep(
    path: Path, parts_digest: str, classifier: ClassifierMixin, measure: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Return the scores in the file `path` of a classifier with these settings, or measure and keep them.

    Several processes may do so at once. Seconds are those of the first time; remove the file to take them again.
    """
    settings = repr(sorted(classifier.get_params().items()))  # of nested ones too, bounds of kernels and all
    key = " ".join([parts_digest, code(type(classifier)), type(classifier).__name__, settings])
    with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous = OFF")
        database.execute("CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, scores TEXT)")
        found = database.execute("SELECT scores FROM kept WHERE key = ?", [key]).fetchone()
        if found is not None:
            return json.loads(found[0])
        measured = measure()
        database.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", [key, json.dumps(measured)])
        return measured
