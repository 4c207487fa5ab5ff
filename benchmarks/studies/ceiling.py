"""How far logistic regression could get on the few-shot cells if it were tuned on the answers.

No honest method may do that, so it bounds what better tuning and calibration of a linear classifier can bring; more
takes other knowledge. Prints ratios of log-loss to LogisticRegressionCV's and differences of accuracy in points.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Memory, Parallel, delayed
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from benchmarks.fewshot.cells import prepare
from benchmarks.fewshot.contexts import draw, noisy_labels
from benchmarks.fewshot.methods import tuned_logistic_regression
from benchmarks.fewshot.readers import SOURCES, SPLITS, DataSet, load, of_split
from benchmarks.fewshot.scores import FLOOR, accuracy, log_loss
from benchmarks.printing import machine, markdown

CS = np.logspace(-2, 3, 11)
LABELS = (8, 16, 32, 64, 128, 256)


def best_temperature(y: np.ndarray, log_proba: np.ndarray) -> float:
    """Return the log-loss with the temperature that is best for these very answers."""
    rows = np.arange(len(y))
    return float(
        minimize_scalar(
            lambda log_t: -log_softmax(log_proba * np.exp(log_t), axis=1)[rows, y].mean(),
            bounds=(-3, 3),
            method="bounded",
        ).fun
    )


def measure(data: DataSet, n_labels: int, seed: int, queries: int) -> dict[str, float] | None:
    """Tune one context's classifier on its queries; None where the data set cannot give the context."""
    drawn = draw(data, n_labels, "balanced", seed, queries)
    if drawn is None:
        return None
    labels = noisy_labels(data, drawn[0], 0.0, seed)
    context_x, context_y, query_x, query_y = prepare(data, drawn[0], labels, drawn[1])
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as `scores.fit_and_score` does
        tuned = tuned_logistic_regression(context_y).fit(context_x, context_y).predict_proba(query_x)
        probas = {
            c: LogisticRegression(C=c, max_iter=500).fit(context_x, context_y).predict_proba(query_x)
            for c in CS
        }
    reference = log_loss(query_y, tuned)
    tempered = {c: best_temperature(query_y, np.log(proba + FLOOR)) for c, proba in probas.items()}
    best = max(accuracy(query_y, proba) for proba in probas.values())
    return {
        "labels": n_labels,
        "best C": min(log_loss(query_y, proba) for proba in probas.values()) / reference,
        "best C and temperature": min(tempered.values()) / reference,
        "C = 1, best temperature": tempered[1.0] / reference,
        "accuracy, best C": 100 * (best - accuracy(query_y, tuned)),
    }


def rows(args: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Yield a row for each data set, number of labels and seed."""
    for name in args.datasets:
        data = load(name, args.data, Memory(args.cache, verbose=0), args.encoder)
        jobs = product(LABELS, range(args.seeds))
        for row in Parallel(args.jobs)(delayed(measure)(data, n, seed, args.queries) for n, seed in jobs):
            if row is not None:
                yield {"dataset": name} | row


def main(argv: list[str] | None = None) -> None:
    """Print means over draws, then over data sets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", choices=SPLITS, default="development")
    parser.add_argument("--datasets", nargs="+", choices=SOURCES, metavar="NAME")
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=Path(".cache/joblib"))
    args = parser.parse_args(argv)
    args.datasets = args.datasets or [
        name
        for name in of_split(args.split)
        if SOURCES[name].modality == "text" and not name.startswith("raft")
    ]
    cells = pd.DataFrame(rows(args)).groupby(["dataset", "labels"]).mean()
    table = cells.groupby("labels").mean()
    table.loc["all"] = cells.mean()
    print(f"{machine()}; seeds 0 to {args.seeds - 1}; data sets: {', '.join(args.datasets)}\n")
    print(markdown([table.index.name or "labels", *table.columns], table.reset_index().to_numpy().tolist()))


if __name__ == "__main__":
    main()
