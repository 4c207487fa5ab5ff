"""A bounded context for each query, its nearest labelled rows: against a stratified draw, and all rows.

    python -m benchmarks.studies.nearest_rows --data DIR [--rows 1000] [--kept 128 256]

MiniLM features of development sets with enough rows.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from joblib import Memory
from sklearn.metrics import accuracy_score, log_loss
from sklearn.neighbors import NearestNeighbors

from benchmarks.fewshot.readers import load
from benchmarks.printing import machine, markdown
from sktart import TartReasoner

SETS = ("sst2", "rotten_tomatoes", "ag_news", "hate_speech18")
# Of a class without a row among the nearest ones.
LEAST = 1e-3


def by_nearest(X: np.ndarray, y: np.ndarray, queries: np.ndarray, n_kept: int) -> np.ndarray:
    """Answer each query from its own nearest rows, (queries, classes)."""
    proba = np.full((len(queries), y.max() + 1), LEAST)
    nearest = NearestNeighbors(n_neighbors=n_kept).fit(X).kneighbors(queries, return_distance=False)
    for each, query, rows in zip(proba, queries, nearest, strict=True):
        labels = np.unique(y[rows])
        each[labels] = (
            TartReasoner().fit(X[rows], y[rows]).predict_proba(query[None]) if len(labels) > 1 else 1.0
        )
    return proba / proba.sum(axis=1, keepdims=True)


def measure(
    X: np.ndarray, y: np.ndarray, n_rows: int, n_queries: int, n_kept: int, seed: int
) -> dict[str, np.ndarray]:
    """Return log-loss and accuracy by the way of choosing rows."""
    order = np.random.default_rng(seed).permutation(len(y))
    rows, queries = order[:n_rows], order[n_rows : n_rows + n_queries]
    proba = {
        "all rows": TartReasoner(max_context=None).fit(X[rows], y[rows]).predict_proba(X[queries]),
        "a draw": TartReasoner(max_context=n_kept, random_state=seed)
        .fit(X[rows], y[rows])
        .predict_proba(X[queries]),
        "nearest": by_nearest(X[rows], y[rows], X[queries], n_kept),
    }
    truth, classes = y[queries], np.arange(y.max() + 1)
    return {
        way: np.array([log_loss(truth, each, labels=classes), accuracy_score(truth, each.argmax(axis=1))])
        for way, each in proba.items()
    }


def main(argv: list[str] | None = None) -> None:
    """Print one row for each data set and number of kept rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", type=Path, required=True)
    add("--rows", type=int, default=1000)
    add("--queries", type=int, default=200)
    add("--kept", type=int, nargs="+", default=[128, 256])
    add("--seeds", type=int, default=2)
    add("--cache", type=Path, default=Path(".cache"))
    args = parser.parse_args(argv)
    lines = []
    for name in SETS:
        data = load(name, args.data, Memory(args.cache, verbose=0), "minilm")
        for kept in args.kept:
            found = [
                measure(data.X, data.y, args.rows, args.queries, kept, seed) for seed in range(args.seeds)
            ]
            means = {way: np.mean([each[way] for each in found], axis=0) for way in found[0]}
            lines.append([name, kept, *(f"{loss:.3f} / {correct:.3f}" for loss, correct in means.values())])
    header = ["data set", "kept", *means]
    print(f"{machine()}; {args.rows} rows, log-loss / accuracy\n\n{markdown(header, lines)}")


if __name__ == "__main__":
    main()
