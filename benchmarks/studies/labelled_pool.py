"""What the labels of a pool would be worth: a bound for what its rows can tell without them.

    python -m benchmarks.studies.labelled_pool --data DIR

Tuned logistic regression reads some labelled rows, and then those of the pool as well, with their true labels. Points
of accuracy between the two, and the ratio of their log-losses.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Memory
from threadpoolctl import threadpool_limits

from benchmarks.fewshot.contexts import draw, draw_pool
from benchmarks.fewshot.methods import tuned_logistic_regression
from benchmarks.fewshot.readers import SPLITS, DataSet, load, plain_sets
from benchmarks.fewshot.scores import accuracy, log_loss
from benchmarks.printing import machine, markdown

LABELS = (8, 16, 32, 64, 128, 256)
N_POOL = 256


def measure(data: DataSet, n_labels: int, seed: int) -> Iterator[tuple[str, float, float]]:
    """Yield log-loss and accuracy with few labels, and with those of the pool."""
    drawn = draw(data, n_labels, "balanced", seed)
    if drawn is None:
        return
    context, queries = drawn
    pool = draw_pool(data, context, queries, N_POOL, "same", seed)
    for name, rows in {"few": context, "all": np.concatenate([context, pool])}.items():
        y = data.y[rows]
        proba = tuned_logistic_regression(y).fit(data.X[rows], y).predict_proba(data.X[queries])
        yield name, log_loss(data.y[queries], proba), accuracy(data.y[queries], proba)


def main(argv: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="development", choices=SPLITS)
    parser.add_argument("--datasets", nargs="+")
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    memory = Memory(".cache/joblib", verbose=0)
    lines = []
    for name in args.datasets or plain_sets(args.split):
        data = load(name, args.data, memory, args.encoder)
        with threadpool_limits(1):
            for n_labels in LABELS:
                for seed in range(args.seeds):
                    lines += [(name, n_labels, seed, *line) for line in measure(data, n_labels, seed)]
    cells = pd.DataFrame(lines, columns=["dataset", "labels", "seed", "rows", "loss", "accuracy"])
    wide = cells.pivot(index=["dataset", "labels", "seed"], columns="rows", values=["loss", "accuracy"])
    points = 100 * (wide["accuracy"]["all"] - wide["accuracy"]["few"])
    shares = np.log(wide["loss"]["all"] / wide["loss"]["few"])
    by_set = pd.DataFrame({"points": points, "share": shares}).groupby(["labels", "dataset"]).mean()
    print(f"{machine()}; {args.seeds} draws, {cells['dataset'].nunique()} sets: {args.split}\n")
    head = ["labels", "points, with the labels of the pool", "least and most of a set", "log-loss share"]
    body = [
        [
            n_labels,
            f"{part['points'].mean():+.1f}",
            f"{part['points'].min():+.1f}, {part['points'].max():+.1f}",
            f"{np.exp(part['share'].mean()):.2f}",
        ]
        for n_labels, part in by_set.groupby("labels")
    ]
    print(markdown(head, body))


if __name__ == "__main__":
    main()
