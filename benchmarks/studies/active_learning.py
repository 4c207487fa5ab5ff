"""How many labels `suggest` saves: accuracy while labels are added, against rows chosen at random and by margin.

    python -m benchmarks.studies.active_learning --data DIR [--split validation] [--encoder minilm]

Each curve begins with the same few rows drawn at random, two for each class but eight at least, and adds rows of a pool
of 600. For each
data set the table has the mean accuracy after each step, and the share of labels with which a choice reaches the
accuracy that random choice has in the end.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Memory

from benchmarks.fewshot.readers import DataSet, load, of_split
from benchmarks.printing import machine, markdown
from sktart import TartReasoner

N_POOL, N_QUERIES, N_STEPS = 600, 400, 8

Choice = Callable[[TartReasoner, np.ndarray, int, np.random.Generator], np.ndarray]


def at_random(model: TartReasoner, X: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(len(X))[:n]


def by_margin(model: TartReasoner, X: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    first_two = np.sort(model.predict_proba(X), axis=1)[:, -2:]
    return np.argsort(first_two[:, 1] - first_two[:, 0])[:n]


def by_suggest(model: TartReasoner, X: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    return model.suggest(X, n)


CHOICES: dict[str, Choice] = {"random": at_random, "margin": by_margin, "suggest": by_suggest}


def curve(data: DataSet, choose: Choice, seed: int) -> list[tuple[int, float]]:
    """Return numbers of labels and accuracies."""
    rng = np.random.default_rng(seed)
    every = rng.permutation(len(data.y))
    pool = every if data.is_test is None else every[~data.is_test[every]]
    pool = pool[: min(N_POOL, len(pool) * 2 // 3)]
    n_first = max(8, 2 * (int(data.y.max()) + 1))
    while len(np.unique(data.y[pool[:n_first]])) < 2:
        pool = rng.permutation(pool)
    rest = np.setdiff1d(every, pool) if data.is_test is None else every[data.is_test[every]]
    queries = rng.permutation(rest)[:N_QUERIES]
    step = max(8, int(data.y.max()) + 1)
    labelled = list(range(n_first))
    points = []
    for _ in range(N_STEPS):
        rows = pool[labelled]
        model = TartReasoner().fit(data.X[rows], data.y[rows])
        points.append((len(labelled), model.score(data.X[queries], data.y[queries])))
        left = np.setdiff1d(np.arange(len(pool)), labelled)
        labelled += left[choose(model, data.X[pool[left]], step, rng)].tolist()
    return points


def share_of_labels(labels: np.ndarray, accuracy: np.ndarray, target: float) -> float:
    """Return the share of labels at which a curve first reaches an accuracy; 1 where it never does."""
    best = np.maximum.accumulate(accuracy)
    return float(np.interp(target, best, labels) / labels[-1]) if best[-1] > target else 1.0


def main(argv: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", choices=("development", "validation"), default="development")
    parser.add_argument("--datasets", nargs="+")
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    memory = Memory(".cache/joblib", verbose=0)
    cells = []
    for name in args.datasets or of_split(args.split):
        data = load(name, args.data, memory, args.encoder)
        if len(data.y) < 200 or data.y.max() > 20:  # too few rows for a pool, or labels for a start
            continue
        for method, choose in CHOICES.items():
            for seed in range(args.seeds):
                points = curve(data, choose, seed)
                cells += [(name, method, seed, step, *point) for step, point in enumerate(points)]
        print(name, flush=True)
    table = pd.DataFrame(cells, columns=["data", "method", "seed", "step", "labels", "accuracy"])
    means = table.groupby(["data", "method", "step"])[["labels", "accuracy"]].mean()
    lines = []
    for name in dict.fromkeys(table["data"]):
        target = means.loc[name, "random"]["accuracy"].iloc[-1]
        for method in CHOICES:
            of_method = means.loc[name, method]
            share = share_of_labels(*of_method.to_numpy().T, target)
            lines.append([name, method, of_method["accuracy"].iloc[1:].mean(), share])
    frame = pd.DataFrame(lines, columns=["data", "method", "mean accuracy", "share of labels"])
    every = frame.groupby("method", sort=False)[["mean accuracy", "share of labels"]].mean()
    lines += [
        ["mean", method, *map(float, line)] for method, line in zip(every.index, every.values, strict=True)
    ]
    print(f"\n{machine()}; {args.seeds} draws; {args.encoder}\n")
    print(markdown(list(frame), lines))


if __name__ == "__main__":
    main()
