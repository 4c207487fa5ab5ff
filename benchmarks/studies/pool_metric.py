"""What it is worth to compare rows in the metric of all rows, where some have no label (`sktart.reasoners._metric`).

    python -m benchmarks.studies.pool_metric --data DIR --encoders minilm wordllama

The same weights read the same rows three times: compared as they are, in the metric that ships, and in one that leans
on the spread of rows as much where they spread along few directions. Printed are points of accuracy and log-loss as a
share of the first.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from joblib import Memory
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks.fewshot.contexts import draw, draw_pool
from benchmarks.fewshot.knowing import UNLABELLED, KnowingReasoner
from benchmarks.fewshot.readers import ENCODERS, DataSet, load, plain_sets
from benchmarks.fewshot.scores import accuracy, log_loss
from benchmarks.printing import machine, markdown
from sktart._runtime import torch_threads
from sktart.reasoners import _metric

LABELS = (0, 8, 16, 32, 64, 128, 256)
N_POOL, LEAST_POOL = 256, 32
PLAIN = "as they are"
METRICS = {
    PLAIN: {"SHARE": 0.0},
    "in the metric": {"SHARE": _metric.SHARE},
    "the same with any number of dimensions": {"DIMENSIONS": 0.0},
}


def modality_of(encoder: str) -> str:
    """Return what an encoder reads."""
    return next(modality for modality, names in ENCODERS.items() if encoder in names)


def effective_dimension(X: np.ndarray) -> float:
    """Return the squared sum of the eigenvalues of the covariance over the sum of their squares."""
    covariance = np.cov(X[:3000].T)
    return float(np.trace(covariance) ** 2 / np.square(covariance).sum())


def read_each_way(data: DataSet, n_labels: int, seed: int, checkpoint: str | None) -> Iterator[dict]:
    """Yield a score for each metric, with a pool and with descriptions as well, where there are any."""
    n_classes = int(data.y.max()) + 1
    drawn = draw(data, n_labels or 2 * n_classes, "balanced", seed)
    if drawn is None:
        return
    context, queries = drawn
    if len(data.y) - len(context) - len(queries) < LEAST_POOL:
        return
    pool = draw_pool(data, context, queries, N_POOL, "same", seed)
    if len(pool) < LEAST_POOL:
        return
    context = context if n_labels else context[:0]
    X = data.X[np.concatenate([context, pool])]
    y = np.concatenate([data.y[context], np.full(len(pool), UNLABELLED)])
    conditions = {"pool": None, "both": data.class_vectors}
    for condition, vectors in conditions.items():
        if vectors is None and (condition == "both" or not n_labels):
            continue
        for metric, constants in METRICS.items():
            with patch.multiple(_metric, **constants):
                model = KnowingReasoner(checkpoint).fit(X, y, vectors)
            proba = model.predict_proba(data.X[queries])
            answers = data.y[queries]
            scores = {"accuracy": accuracy(answers, proba), "log_loss": log_loss(answers, proba)}
            yield {"read": condition, "rows are compared": metric, **scores}


def scores(args: argparse.Namespace, encoder: str) -> pd.DataFrame:
    """Read all draws of all sets behind an encoder."""
    found = []
    for name in args.datasets or plain_sets(args.split, modality_of(encoder)):
        data = load(name, args.data, Memory(args.cache, verbose=0), encoder)
        if data.modality == "table":
            data = replace(data, X=StandardScaler().fit_transform(data.X))
        place = {"dataset": name, "dimension": effective_dimension(np.asarray(data.X, dtype=float))}
        for n_labels in LABELS:
            for seed in range(args.seeds):
                with torch_threads(1), threadpool_limits(1):
                    each = list(read_each_way(data, n_labels, seed, args.checkpoint))
                found += [{**place, "labels": n_labels, "seed": seed, **scores} for scores in each]
        print(name, flush=True)
    return pd.DataFrame(found)


def against_plain(rows: pd.DataFrame) -> pd.DataFrame:
    """Return points of accuracy and the log of the ratio of log-losses, mean over draws, a line for each cell."""
    cell = ["read", "dataset", "dimension", "labels"]
    wide = rows.pivot_table(index=cell, columns="rows are compared", values=["accuracy", "log_loss"])
    points = 100 * wide["accuracy"].sub(wide["accuracy"][PLAIN], axis=0)
    ratios = np.log(wide["log_loss"].div(wide["log_loss"][PLAIN], axis=0))
    columns = [name for name in METRICS if name != PLAIN]
    return pd.concat({"points": points[columns], "ratio": ratios[columns]}, axis=1)


def table(cells: pd.DataFrame, by: list[str]) -> str:
    """Return means over cells, with a column for each value of the last name in `by`."""
    mean = cells.groupby(["read", *by]).mean().stack("rows are compared", future_stack=True)
    text = mean.apply(lambda line: f"{line['points']:+.1f}, {np.exp(line['ratio']):.3f}", axis=1)
    wide = text.unstack(by).fillna("")
    return markdown(
        ["known", "rows are compared", *map(str, wide.columns)],
        [[*key, *line] for key, line in zip(wide.index, wide.to_numpy(), strict=True)],
    )


def main(argv: list[str] | None = None) -> None:
    """Print two tables for each encoder: by the number of labels, and by data set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", type=Path, required=True)
    add("--datasets", nargs="+", help="all of the split that the encoder reads, unless named")
    add("--split", default="development")
    add("--encoders", nargs="+", default=["minilm"])
    add("--seeds", type=int, default=3)
    add("--checkpoint")
    add("--cache", type=Path, default=Path(".cache"))
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    print(machine())
    for encoder in args.encoders:
        cells = against_plain(scores(args, encoder))
        sizes = cells.reset_index().groupby("dataset")["dimension"].first().round().astype(int)
        print(f"\n{encoder}; effective dimensions: {sizes.to_dict()}\n")
        print(table(cells, ["labels"]), table(cells, ["dataset"]), sep="\n\n")


if __name__ == "__main__":
    main()
