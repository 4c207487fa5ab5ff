"""Whether answers are as sure as they should be: log-loss where all logits are multiplied by a factor.

    python -m benchmarks.studies.sureness --data DIR --encoder minilm --checkpoint auto

A factor above 1 makes answers surer, and no factor changes a decision. Log-loss is a share of that of tuned logistic
regression, the mean over sets. Where the least one is far from the factor 1, tasks of the prior differ from real ones.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Memory
from scipy.special import softmax
from threadpoolctl import threadpool_limits

from benchmarks.fewshot.knowing import KnowingReasoner, draw_readings
from benchmarks.fewshot.methods import tuned_logistic_regression
from benchmarks.fewshot.readers import DataSet, load, plain_sets
from benchmarks.fewshot.scores import log_loss
from benchmarks.printing import machine, markdown
from sktart._runtime import torch_threads

FACTORS = (0.8, 1.0, 1.2, 1.4, 1.6, 2.0)
READS = ("labels only", "pool", "both")


def measure(
    reader: KnowingReasoner, data: DataSet, n_labels: int, seed: int
) -> Iterator[tuple[str, float, float]]:
    """Yield what was read, a factor, and the logarithm of log-loss over that of tuned logistic regression."""
    drawn = draw_readings(data, n_labels, seed)
    if drawn is None:
        return
    known, queries = drawn
    asked, answers = data.X[queries], data.y[queries]
    X, y = known["labels only"]
    peer = log_loss(answers, tuned_logistic_regression(y).fit(X, y).predict_proba(asked))
    for name in filter(known.get, READS):
        logits = np.log(reader.fit(*known[name]).predict_proba(asked))
        for factor in FACTORS:
            yield name, factor, float(np.log(log_loss(answers, softmax(factor * logits, axis=1)) / peer))


def table(cells: pd.DataFrame) -> str:
    """Return a line for each reading and factor, a column for each number of labels."""
    by_set = cells.groupby(["reads", "factor", "labels", "dataset"], sort=False)["loss"].mean()
    mean = np.exp(by_set.groupby(["reads", "factor", "labels"], sort=False).mean()).unstack()
    body = [[f"{reads}, {factor}", *map(float, line)] for (reads, factor), line in mean.iterrows()]
    return markdown(["reads, factor", *mean.columns], body)


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--datasets", nargs="+", default=plain_sets("development"))
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--checkpoint", default="auto")
    parser.add_argument("--labels", type=int, nargs="+", default=[8, 16, 32, 64, 128])
    parser.add_argument("--seeds", type=int, default=4)
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    memory = Memory(".cache/joblib", verbose=0)
    reader = KnowingReasoner(args.checkpoint)
    with torch_threads(1), threadpool_limits(1):
        lines = [
            (name, n_labels, seed, *line)
            for name in args.datasets
            for data in [load(name, args.data, memory, args.encoder)]
            for n_labels in args.labels
            for seed in range(args.seeds)
            for line in measure(reader, data, n_labels, seed)
        ]
    cells = pd.DataFrame(lines, columns=["dataset", "labels", "seed", "reads", "factor", "loss"])
    print(
        f"{machine()}; {args.encoder}, {args.checkpoint}, {args.seeds} draws of {', '.join(args.datasets)}\n"
    )
    print(table(cells))


if __name__ == "__main__":
    main()
