"""Data sets of the Hugging Face Hub, through the Parquet files that the Hub keeps of each."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from huggingface_hub import HfApi, snapshot_download

REVISION = "refs/convert/parquet"
TIMEOUT_S = 5.0
PER_LABEL = 4000  # rows of each label that are taken into memory


class MissingData(Exception):
    """A data set is neither on this machine nor to be had from the Hub."""


@dataclass(frozen=True)
class Hub:
    """Where the Hub has a data set, and what its columns and splits are called; `test` None: no test split."""

    repo: str
    config: str = "default"
    row: str = "text"
    label: str = "label"
    train: str = "train"
    test: str | None = "test"


def read_hub(hub: Hub) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Download a data set, or find it in the Hub cache; return rows as they are stored, labels, and `is_test`.

    Raises
    ------
    MissingData
        If the Hub does not answer and the cache does not have it, or it has other splits or columns.
    """
    splits = [split for split in (hub.train, hub.test) if split]
    folder = download(hub, splits)
    tables = [read_split(folder, hub, split) for split in splits]
    rows = np.empty(sum(map(len, tables)), dtype=object)
    rows[:] = [row for table in tables for row in table[hub.row].to_list()]
    labels = np.concatenate([np.floor(table[hub.label].to_numpy() + 0.5).astype(int) for table in tables])
    return rows, labels, None if hub.test is None else np.arange(len(rows)) >= len(tables[0])


def download(hub: Hub, splits: list[str]) -> Path:
    """Return the folder of the Hub cache with the files of these splits."""
    try:
        # A download retries for half a minute before it admits that there is no network; this does not.
        HfApi().dataset_info(hub.repo, revision=REVISION, timeout=TIMEOUT_S)
        problem = ""
    except Exception as error:  # the Hub client lets errors of its HTTP library through, which changes
        problem = f"the Hub did not answer ({type(error).__name__})"
    # Large splits are there in part, under another name.
    patterns = [f"{hub.config}/{part}{split}/*.parquet" for split in splits for part in ("", "partial-")]
    try:
        return Path(
            snapshot_download(
                hub.repo,
                repo_type="dataset",
                revision=REVISION,
                allow_patterns=patterns,
                local_files_only=bool(problem),
            )
        )
    except Exception as error:
        raise MissingData(problem or f"the download of {hub.repo} broke off ({error})") from error


def read_split(folder: Path, hub: Hub, split: str) -> pl.DataFrame:
    """Read the files of one split, at most `PER_LABEL` rows of each label."""
    files = sorted(folder.glob(f"{hub.config}/*{split}/*.parquet"))
    if not files:
        raise MissingData(f"{hub.repo} has no Parquet files of {hub.config}/{split}")
    try:
        table = pl.concat([pl.read_parquet(file, columns=[hub.row, hub.label]) for file in files])
    except pl.exceptions.ColumnNotFoundError as error:
        raise MissingData(f"{hub.repo} has no columns {hub.row} and {hub.label} in {split}") from error
    # Every k-th row, as some sets are sorted by what is not their label.
    rounded = (pl.col(hub.label) + 0.5).floor()
    rank, size = pl.int_range(pl.len()).over(rounded), pl.len().over(rounded)
    return table.drop_nulls().filter(rank * PER_LABEL // size != (rank - 1) * PER_LABEL // size)


def decode_image(stored: dict[str, Any]) -> np.ndarray:
    """Turn a stored image into bytes of shape (height, width) or (height, width, 3)."""
    from PIL import Image

    image = Image.open(io.BytesIO(stored["bytes"]))
    return np.asarray(image if image.mode == "L" else image.convert("RGB"))


def decode_clip(stored: dict[str, Any]) -> dict[str, Any]:
    """Turn a stored clip into samples and their rate."""
    import soundfile

    samples, rate = soundfile.read(io.BytesIO(stored["bytes"]), dtype="float32", always_2d=True)
    return {"array": samples.mean(axis=1), "sampling_rate": rate}


DECODE: dict[str, Callable[[Any], Any]] = {"text": str, "image": decode_image, "audio": decode_clip}
