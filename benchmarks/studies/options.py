"""What the options around the reasoner are worth, on the cells of the few-shot benchmark.

Each variant against the default in the same draws: ratio of mean log-loss, difference of accuracy in points, and in how
many cells (data set and labels) it is better in log-loss.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pandas as pd
from joblib import Memory, Parallel, delayed
from sklearn.base import ClassifierMixin
from sklearn.ensemble import BaggingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks.fewshot.cells import prepare
from benchmarks.fewshot.contexts import SHARES, draw, noisy_labels
from benchmarks.fewshot.readers import SPLITS, DataSet, load, of_split
from benchmarks.fewshot.scores import accuracy, calibration_error, log_loss
from benchmarks.printing import machine, markdown
from sktart import TartReasoner, TartTransformer
from sktart._runtime import torch_threads

DEFAULT = "default"


def projected(n_components: int, *, whiten: bool = False) -> Callable[[], ClassifierMixin]:
    """Make the reasoner on principal components of the context."""
    return lambda: make_pipeline(
        TartTransformer(None, n_components=n_components, whiten=whiten), TartReasoner()
    )


VARIANTS: dict[str, Callable[[], ClassifierMixin]] = {
    DEFAULT: TartReasoner,
    **{f"temperature={t}": lambda t=t: TartReasoner(temperature=t) for t in (0.8, 0.9, 1.1, 1.25)},
    "unit rows": lambda: make_pipeline(Normalizer(), TartReasoner()),
    "standardised": lambda: make_pipeline(StandardScaler(), TartReasoner()),
    **{f"n_components={k}": projected(k) for k in (8, 16, 32, 64)},
    **{f"n_components={k}, whiten": projected(k, whiten=True) for k in (16, 64)},
    # Averages over random halves of the features, as an ensemble over projections does.
    "8 halves of the features": lambda: BaggingClassifier(
        TartReasoner(), n_estimators=8, max_features=0.5, bootstrap=False, random_state=0
    ),
    "8 draws of 80 % of the rows": lambda: BaggingClassifier(
        TartReasoner(), n_estimators=8, max_samples=0.8, bootstrap=False, random_state=0
    ),
}


def measure(
    data: DataSet, n_labels: int, shares: str, seed: int, args: argparse.Namespace
) -> list[dict[str, object]]:
    """Score every variant on one draw; none where the data set cannot give it."""
    drawn = draw(data, n_labels, shares, seed, args.queries)
    if drawn is None:
        return []
    labels = noisy_labels(data, drawn[0], 0.0, seed)
    rows = []
    with torch_threads(1), threadpool_limits(1):
        context_x, context_y, query_x, query_y = prepare(data, drawn[0], labels, drawn[1])
        for name in args.variants:
            model = VARIANTS[name]().fit(context_x, context_y)
            proba = model.predict_proba(query_x)
            if proba.shape[1] <= data.y.max():  # a draw of rows that lacks a class
                continue
            scores = {"log_loss": log_loss(query_y, proba), "accuracy": accuracy(query_y, proba)}
            scores["ece"] = calibration_error(query_y, proba)
            about = {"modality": data.modality, "dataset": data.name, "labels": n_labels, "shares": shares}
            rows.append(about | {"seed": seed, "variant": name} | scores)
    return rows


def run(args: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Yield a row for each draw and variant."""
    for name in args.datasets:
        data = load(name, args.data, Memory(args.cache, verbose=0))
        jobs = product(args.labels, args.shares, range(args.seeds))
        for rows in Parallel(args.jobs)(delayed(measure)(data, *job, args) for job in jobs):
            yield from rows


def compare(table: pd.DataFrame) -> list[list[object]]:
    """Pair each variant with the default over the draws that both have, in means over cells."""
    index = ["modality", "dataset", "labels", "shares", "seed"]
    wide = table.pivot(index=index, columns="variant", values=["log_loss", "accuracy", "ece"])
    lines: list[list[object]] = []
    for variant in table["variant"].unique():
        both = wide.loc[:, (slice(None), [DEFAULT, variant])].dropna()
        cells = both.groupby(level=index[:-1]).mean()
        for modality, group in [("all", cells), *cells.groupby(level="modality")]:
            loss, right, ece = (group[score] for score in ("log_loss", "accuracy", "ece"))
            better = (loss[variant] < loss[DEFAULT]).mean()
            lines.append(
                [variant, modality, len(group), float(loss[variant].mean() / loss[DEFAULT].mean())]
                + [float(100 * (right[variant] - right[DEFAULT]).mean()), float(ece[variant].mean())]
                + [f"{100 * better:.0f} %"]
            )
    return lines


def main(argv: list[str] | None = None) -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True)
    add("--split", choices=SPLITS, default="development")
    add("--datasets", nargs="+", metavar="NAME")
    add("--labels", nargs="+", type=int, default=[16, 64, 256])
    add("--shares", nargs="+", choices=SHARES, default=["balanced", "natural"])
    add("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME")
    add("--seeds", type=int, default=3)
    add("--queries", type=int, default=300)
    add("--jobs", type=int, default=1)
    add("--cache", type=Path, default=Path(".cache"))
    args = parser.parse_args(argv)
    args.datasets = args.datasets or of_split(args.split)
    table = pd.DataFrame(run(args))
    print(f"{machine()}; seeds 0 to {args.seeds - 1}; labels {args.labels}; {', '.join(args.shares)}\n")
    header = ["variant", "data", "cells", "log-loss ratio", "accuracy", "ECE", "better in"]
    print(markdown(header, compare(table)))


if __name__ == "__main__":
    main()
