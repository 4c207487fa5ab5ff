"""One cell of the few-shot benchmark: a draw of a data set, and every method on it."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.fewshot.contexts import draw, noisy_labels
from benchmarks.fewshot.kept import digest, keep
from benchmarks.fewshot.methods import METHODS, OURS, preparation
from benchmarks.fewshot.readers import SOURCES, DataSet
from benchmarks.fewshot.scores import BINNED, fit_and_score
from sktart._runtime import torch_threads

KEPT = "fewshot.sqlite"  # in the cache folder
Parts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Cell:
    """What is drawn from a data set."""

    shares: str
    noise: float
    labels: int
    seed: int


def run_cell(data: DataSet, cell: Cell, args: Namespace) -> list[dict[str, Any]]:
    """Return a row for each method that is for this cell; none where the data set cannot give the cell."""
    drawn = draw(data, cell.labels, cell.shares, cell.seed, args.queries)
    if drawn is None:
        return []
    context, queries = drawn
    y = noisy_labels(data, context, cell.noise, cell.seed)
    about = {"split": SOURCES[data.name].split or "neither", "modality": data.modality, "dataset": data.name}
    about |= {"encoder": data.encoder} | asdict(cell)
    with torch_threads(1), threadpool_limits(1):
        warm_up(tuple(args.methods), args.checkpoint)
        parts = {"features": prepare(data, context, y, queries)}
        if data.texts is not None:
            parts["texts"] = data.texts[context], y, data.texts[queries], data.y[queries]
        about |= {"classes": int(data.y.max()) + 1, "features": parts["features"][0].shape[1]}
        about |= {"queries": len(queries)}
        return [
            about | {"method": name} | run_method(name, parts[METHODS[name].reads], args)
            for name in args.methods
            if METHODS[name].fits(data.modality, y)
        ]


def prepare(data: DataSet, context: np.ndarray, y: np.ndarray, queries: np.ndarray) -> Parts:
    """Cut out a context with labels `y` and its queries, with features that no label and no query had a part in."""
    context_x, query_x = data.X[context], data.X[queries]
    steps = preparation(data.encoder, len(context))
    if steps is not None:
        context_x, query_x = steps.fit_transform(context_x), steps.transform(query_x)
    return context_x, y, query_x, data.y[queries]


def run_method(name: str, parts: Parts, args: Namespace) -> dict[str, Any]:
    """Fit one method on a context and score it on the queries; a baseline only if its scores are not kept."""
    classifier = METHODS[name].make(parts[0], parts[1], args.checkpoint)
    if name == OURS:  # its code and its weights change
        return fit_and_score(classifier, parts, BINNED)
    args.cache.mkdir(parents=True, exist_ok=True)
    return keep(
        args.cache / KEPT, digest(parts), classifier, lambda: fit_and_score(classifier, parts, BINNED)
    )


@cache
def warm_up(methods: tuple[str, ...], checkpoint: str | None) -> None:
    """Run every method once in a process, unmeasured: the first call pays for imports, which no later one does."""
    x, y = np.eye(8), np.arange(8) % 2
    for name in methods:
        if METHODS[name].reads == "features":
            fit_and_score(METHODS[name].make(x, y, checkpoint), (x, y, x, y))
