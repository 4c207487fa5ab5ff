"""VectorStore: vectors by key, in one SQLite file that survives kills, damage and company."""

from __future__ import annotations

import hashlib
import sqlite3
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sktart.exceptions import EncoderError

T = TypeVar("T")

_KEYS_PER_QUERY = 500  # SQLite before 3.32 takes at most 999
_TIMEOUT_S = 60.0
_FORMAT = 1  # for readers to come
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class VectorStore:
    """Vectors of float32 by key, on disk.

    A write is one transaction, so a kill leaves all of it or nothing, and writers wait for each other. Every
    entry carries a checksum of its key and vector. The file is opened for each call: nothing is held that a
    pickle, a fork or a thread could break.

    Parameters
    ----------
    folder : Path
        Where the file is; made when first written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     store = VectorStore(Path(folder))
    ...     store.write({b"a": np.float32([1, 2])})
    ...     store.read([b"a", b"b"])
    {b'a': array([1., 2.], dtype=float32)}
    """

    def __init__(self, folder: Path):
        self.folder = folder

    @property
    def path(self) -> Path:
        """The file. No other one is ever deleted, whatever a saved model says."""
        return self.folder / "vectors.sqlite3"

    def read(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """Return the vectors of those keys that are there and sound; read-only arrays."""
        if not self.path.exists():
            return {}
        return self._run(lambda connection: _read(connection, keys, self.path))

    def write(self, vectors: dict[bytes, NDArray[np.float32]]) -> None:
        """Keep the vectors, in place of former ones of the same keys.

        Without any vectors it tells, before work that would be lost, whether the file can be written.
        """
        entries = [(key, vector.astype("<f4").tobytes()) for key, vector in vectors.items()]
        rows = [(key, vector, _checksum(key, vector)) for key, vector in entries]

        def work(connection: sqlite3.Connection) -> None:
            # Without the lock from the start, two writers that both hold a read lock would block each other.
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB, checksum BLOB)"
            )
            connection.execute(f"PRAGMA user_version = {_FORMAT}")  # also makes an empty write a write
            connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
            connection.execute("COMMIT")

        self._make_folder()
        self._run(work)

    @contextmanager
    def reserve(self, work: str) -> Iterator[None]:
        """Hold the right to do some work, given by a name; wait while another thread or process holds it."""
        from filelock import FileLock

        self._make_folder()
        # The system releases the lock if this process is killed.
        lock = FileLock(self.path.with_name(f"{work}.lock"))
        try:
            lock.acquire()
        except (OSError, NotImplementedError) as error:
            raise self._refusal(error) from error
        try:
            yield
        finally:
            lock.release()

    def _make_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._refusal(error) from error

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Work on the file; if it is damaged, delete it and work on an empty one."""
        try:
            try:
                return self._work(work)
            except sqlite3.DatabaseError as error:
                # The low byte is the kind. Errors of the Python module itself have no code.
                if getattr(error, "sqlite_errorcode", -1) & 0xFF not in _DAMAGED:
                    raise
                warnings.warn(
                    f"the cache of encodings {str(self.path)!r} is damaged ({error}); it is deleted, and its rows "
                    "are encoded again",
                    stacklevel=2,
                )
                self.path.unlink(missing_ok=True)
            return self._work(work)
        except (
            sqlite3.Error,
            OSError,
            UnicodeDecodeError,
        ) as error:  # the last from messages that quote the file
            raise self._refusal(error) from error

    def _work(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with closing(sqlite3.connect(self.path, timeout=_TIMEOUT_S, isolation_level=None)) as connection:
            connection.text_factory = bytes  # a damaged column may claim to be text
            return work(connection)

    def _refusal(self, error: Exception) -> EncoderError:
        return EncoderError(
            f"memory must be a folder that can be read and written; {str(self.path.parent)!r} failed with "
            f"{type(error).__name__}: {error}. Pass another folder or memory=None, or delete {self.path.name!r} "
            "there if it is damaged"
        )

    def __repr__(self) -> str:
        return f"VectorStore({str(self.path.parent)!r})"


def _read(
    connection: sqlite3.Connection, keys: Sequence[bytes], path: Path
) -> dict[bytes, NDArray[np.float32]]:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'vectors'").fetchone():
        return {}
    found = {}
    damaged = 0
    for key, vector, checksum in _rows(connection, keys):
        # The key as well: a damaged index may lead to another row.
        if isinstance(key, bytes) and isinstance(vector, bytes) and _checksum(key, vector) == checksum:
            found[key] = np.frombuffer(vector, dtype="<f4").astype(np.float32, copy=False)
        else:
            damaged += 1
    if damaged:
        warnings.warn(
            f"the cache of encodings {str(path)!r} holds {damaged} damaged entries; these rows are encoded again",
            stacklevel=2,
        )
    return found


def _rows(connection: sqlite3.Connection, keys: Sequence[bytes]) -> Iterator[tuple[object, object, object]]:
    for start in range(0, len(keys), _KEYS_PER_QUERY):
        part = keys[start : start + _KEYS_PER_QUERY]
        marks = ", ".join("?" * len(part))
        yield from connection.execute(
            f"SELECT key, vector, checksum FROM vectors WHERE key IN ({marks})", part
        )


def _checksum(key: bytes, vector: bytes) -> bytes:
    return hashlib.sha256(key + vector).digest()
