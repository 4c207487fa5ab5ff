"""One cell of the few-shot benchmark: a draw of a data set, and every method on it."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.fewshot.contexts import draw, draw_pool, noisy_labels
from benchmarks.fewshot.kept import digest, keep
from benchmarks.fewshot.knowing import UNLABELLED
from benchmarks.fewshot.methods import METHODS, OURS, OURS_WITH, preparation
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
    pool: int = 0
    pool_shares: str = "same"


def run_cell(data: DataSet, cell: Cell, args: Namespace) -> list[dict[str, Any]]:
    """Return a row for each method that is for this cell; none where the data set cannot give the cell."""
    drawn = draw(data, cell.labels, cell.shares, cell.seed, args.queries)
    if drawn is None:
        return []
    context, queries = drawn
    y = noisy_labels(data, context, cell.noise, cell.seed)
    about = {"split": SOURCES[data.name].split or "neither", "modality": data.modality, "dataset": data.name}
    about |= {"encoder": data.encoder} | asdict(cell)
    pool = (
        draw_pool(data, context, queries, cell.pool, cell.pool_shares, cell.seed)
        if cell.pool
        else context[:0]
    )
    known = [*(["pool"] if len(pool) else []), *(["descriptions"] if data.class_vectors else [])]
    with torch_threads(1), threadpool_limits(1):
        warm_up(tuple(args.methods), args.checkpoint)
        features, pool_x = prepare_with_pool(data, context, y, queries, pool)
        about |= {"classes": int(data.y.max()) + 1, "features": features[0].shape[1]}
        about |= {"queries": len(queries)}
        rows = []
        for name in args.methods:
            method = METHODS[name]
            if not method.fits(data.modality, y, known):
                continue
            parts = features
            if method.reads == "texts":
                parts = data.texts[context], y, data.texts[queries], data.y[queries]
            if "pool" in method.uses:
                parts = with_pool(features, pool_x)
            vectors = data.class_vectors if "descriptions" in method.uses else None
            rows.append(about | {"method": name} | run_method(name, parts, args, vectors))
        return rows


def with_pool(parts: Parts, pool_x: np.ndarray) -> Parts:
    """Put rows without labels behind the labelled ones."""
    x, y, *asked = parts
    return np.concatenate([x, pool_x]), np.concatenate([y, np.full(len(pool_x), UNLABELLED)]), *asked


def prepare(data: DataSet, context: np.ndarray, y: np.ndarray, queries: np.ndarray) -> Parts:
    """Cut out a context with labels `y` and its queries, with features that no label and no query had a part in."""
    return prepare_with_pool(data, context, y, queries, context[:0])[0]


def prepare_with_pool(
    data: DataSet, context: np.ndarray, y: np.ndarray, queries: np.ndarray, pool: np.ndarray
) -> tuple[Parts, np.ndarray]:
    """Return the same and the rows of a pool, which has no part in the features of others."""
    context_x, *others = (data.X[rows] for rows in (context, queries, pool))
    steps = preparation(data.encoder, len(context))
    if steps is not None:
        context_x = steps.fit_transform(context_x)
        others = [steps.transform(part) if len(part) else part for part in others]
    query_x, pool_x = others
    return (context_x, y, query_x, data.y[queries]), pool_x


def run_method(
    name: str, parts: Parts, args: Namespace, vectors: tuple[np.ndarray, ...] | None = None
) -> dict[str, Any]:
    """Fit one method on a context and score it on the queries; a baseline only if its scores are not kept."""
    known = {} if vectors is None else {"class_vectors": vectors}
    classifier = METHODS[name].make(parts[0], parts[1], args.checkpoint)
    if name == OURS or name in OURS_WITH:  # its code and its weights change
        return fit_and_score(classifier, parts, BINNED, **known)
    args.cache.mkdir(parents=True, exist_ok=True)
    return keep(
        args.cache / KEPT,
        digest((*parts, *(vectors or ()))),
        classifier,
        lambda: fit_and_score(classifier, parts, BINNED, **known),
    )


@cache
def warm_up(methods: tuple[str, ...], checkpoint: str | None) -> None:
    """Run every method once in a process, unmeasured: the first call pays for imports, which no later one does."""
    x, y = np.eye(8), np.arange(8) % 2
    for name in methods:
        if METHODS[name].reads == "features" and not METHODS[name].uses:
            fit_and_score(METHODS[name].make(x, y, checkpoint), (x, y, x, y))
