"""What all models loaded from a folder share: their identity, and silence."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sktart._files import hash_file
from sktart.encoders._locate import HubModel, check_folder, locate, weight_files
from sktart.encoders._options import ModelOptions
from sktart.exceptions import EncoderError, MissingExtraError


def find_folder(source: HubModel | Path, options: ModelOptions) -> Path:
    """Return the folder of a model."""
    if isinstance(source, Path):
        return check_folder(source)
    return locate(source, options.revision, options.local_files_only)


def hash_weights(folder: Path) -> str:
    """Return the sha256 of the files of weights in a folder, taken together; read once while they stay the same."""
    return hashlib.sha256(
        b"".join(bytes.fromhex(hash_file(file)) for file in weight_files(folder))
    ).hexdigest()


def check_weights(name: str, now: str, then: str) -> None:
    """Raise if the weights of encoder `name` have another sha256 `now` than in fit."""
    if now != then:
        raise EncoderError(
            f"encoder {name} must have the weights it had in fit, sha256 {then}; got {now}, so restore them or "
            "fit again"
        )


def last_written(folder: Path) -> int:
    """Return the latest time stamp of a file; it makes a folder that was written anew a different model."""
    states = [file.stat() for file in folder.rglob("*")]
    # That of the last change cannot be set back, as a copy does that keeps time stamps.
    return max(max(state.st_mtime_ns, state.st_ctime_ns) for state in states)


@contextmanager
def failures_named(folder: Path, library: str) -> Iterator[None]:
    """Say which folder the body, which loads it with a library, failed to load."""
    try:
        yield
    except (EncoderError, MissingExtraError):
        raise
    except Exception as error:  # each of the libraries below has its own way to fail on a broken file
        cure = (
            "If you trust its authors, pass trust_remote_code=True"
            if "trust_remote_code" in str(error)
            else "Delete it and download it again"
        )
        raise EncoderError(
            f"an encoder's folder must be one that {library} can load; {str(folder)!r} "
            f"failed with {type(error).__name__}: {error}. {cure}"
        ) from error


@contextmanager
def silent_transformers() -> Iterator[None]:
    """Let transformers show neither progress bars nor warnings, and restore its settings.

    Examples
    --------
    >>> from transformers.utils import logging
    >>> before = logging.get_verbosity()
    >>> with silent_transformers():
    ...     logging.get_verbosity() == logging.ERROR
    True
    >>> logging.get_verbosity() == before
    True
    """
    from transformers.utils import logging

    shown, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if shown:
            logging.enable_progress_bar()
