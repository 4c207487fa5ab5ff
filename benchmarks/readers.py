"""Data sets of the few-shot benchmark: rows, labels, and which rows are held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn.datasets
from joblib import Memory
from log_mel import log_mel_statistics

ENCODER = "all-MiniLM-L6-v2"


@dataclass(frozen=True)
class DataSet:
    """Rows ready for any classifier; `is_test` is None where queries are what a context leaves over."""

    name: str
    modality: str
    X: np.ndarray  # (rows, features)
    y: np.ndarray  # (rows,), 0 .. classes - 1
    is_test: np.ndarray | None


@dataclass(frozen=True)
class Source:
    """Where a data set comes from; `skewed` marks those whose share in the world is far from even."""

    modality: str
    read: Callable[[Path, str], tuple[Sequence[str] | np.ndarray, np.ndarray, np.ndarray | None]]
    skewed: bool = False


def read_text(folder: Path, name: str) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Read the texts of ``<name>.csv.gz``."""
    table = pd.read_csv(folder / f"{name}.csv.gz", keep_default_na=False)
    return table["text"].tolist(), table["label"].to_numpy(), (table["split"] == "test").to_numpy()


def read_raft(folder: Path, name: str) -> tuple[list[str], np.ndarray, None]:
    """Read the labelled rows of one RAFT task; their test labels are not public, so there is no split."""
    table = pd.read_csv(folder / "raft_train.csv.gz", keep_default_na=False)
    table = table[table["task"] == name.removeprefix("raft_")]
    return table["text"].tolist(), table["label"].to_numpy(), None


def read_pixels(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read the images of ``<name>.npz`` as bytes, (images, height, width) or (images, height, width, 3)."""
    with np.load(folder / f"{name}.npz", allow_pickle=False) as arrays:
        parts = [arrays[f"X_{split}"] for split in ("train", "test")]
        y = np.concatenate([arrays["y_train"], arrays["y_test"]])
    return np.concatenate(parts), y, np.arange(len(y)) >= len(parts[0])


def flatten(images: np.ndarray) -> np.ndarray:
    """Turn images of bytes into flat rows of pixels in 0 to 1."""
    return images.reshape(len(images), -1) / np.float32(255)


def read_images(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read the images of ``<name>.npz`` as flat rows of pixels in 0 to 1."""
    images, y, is_test = read_pixels(folder, name)
    return flatten(images), y, is_test


def read_clips(folder: Path, name: str) -> tuple[list[np.ndarray], int, np.ndarray, np.ndarray]:
    """Read the clips of ``<name>.npz`` as samples in -1 to 1, and their rate in hertz."""
    with np.load(folder / f"{name}.npz", allow_pickle=False) as arrays:
        clips = np.split(arrays["audio"] / np.float32(2**15), arrays["offsets"][1:-1])
        return clips, int(arrays["sample_rate"]), arrays["label"], arrays["is_test"]


def read_audio(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read the clips of ``<name>.npz`` as mean and deviation over time of their log-mel spectrogram."""
    clips, rate, y, is_test = read_clips(folder, name)
    return np.stack([log_mel_statistics(clip, rate) for clip in clips]), y, is_test


def read_builtin(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, None]:
    """Read one of scikit-learn's own tables, which need no folder."""
    X, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    return X, y, None


RAFT_TASKS = (
    "ade_corpus_v2",
    "neurips_impact_statement_risks",
    "one_stop_english",
    "overruling",
    "semiconductor_org_types",
    "tai_safety_research",
    "terms_of_service",
    "tweet_eval_hate",
    "twitter_complaints",
)  # without the two where 50 rows cannot hold every class twice

text = partial(Source, "text", read_text)

SOURCES = {
    "sst2": text(),
    "rotten_tomatoes": text(),
    "imdb": text(),
    "sms_spam": text(skewed=True),
    "youtube_spam": text(),
    "ag_news": text(),
    "dbpedia_14": text(),
    "hate_speech18": text(skewed=True),
    "jigsaw_toxic": text(skewed=True),
    "banking77": text(),
    "mnist": Source("image", read_images),
    "cifar10": Source("image", read_images),
    "fsdd_digits": Source("audio", read_audio),
}
EXTRA_SOURCES = {
    name: Source("table", read_builtin) for name in ("iris", "wine", "breast_cancer", "digits")
} | {f"raft_{task}": Source("text", read_raft) for task in RAFT_TASKS}


def embed(texts: list[str], encoder: str) -> np.ndarray:
    """Embed texts with a frozen encoder; nothing is fitted on them."""
    from sktart import TartTransformer

    return np.asarray(TartTransformer(encoder).fit_transform(texts))


def load(name: str, folder: Path, memory: Memory) -> DataSet:
    """Read a data set and turn its rows into numbers, from the cache where they have been before."""
    source = (SOURCES | EXTRA_SOURCES)[name]
    # Images are quick to read and large to keep, so only what is slow goes through the cache.
    read = memory.cache(source.read) if source.modality == "audio" else source.read
    X, y, is_test = read(folder, name)
    if source.modality == "text":
        X = memory.cache(embed)(list(X), ENCODER)
    return DataSet(name, source.modality, np.asarray(X), np.unique(y, return_inverse=True)[1], is_test)
