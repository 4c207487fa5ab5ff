"""Whether labelled rows can tell how far to trust pool and descriptions better than the network does.

    python -m benchmarks.studies.mixed_readings --data DIR

The same labelled rows are read four times: alone, with a pool, with descriptions, and with both. Rules mix the four
answers, by the likelihood of labels that were held out. The last rules look at the answers, which nobody may: they
bound what any choice among the four could gain.
"""

from __future__ import annotations

import argparse
import pickle
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Memory
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from benchmarks.fewshot.knowing import KnowingReasoner, draw_readings
from benchmarks.fewshot.readers import DataSet, load, plain_sets
from benchmarks.fewshot.scores import accuracy, log_loss
from benchmarks.printing import machine, markdown
from sktart._runtime import torch_threads

LABELS = (8, 16, 32, 64, 128, 256)
READINGS = ("labels only", "pool", "descriptions", "both")
BOTH = np.array([0.0, 0.0, 0.0, 1.0])
# How much each reading is believed in before a label was seen.
MOSTLY_BOTH = np.array([0.1, 0.2, 0.2, 0.5])

Cell = dict[str, Any]


def read_four_times(data: DataSet, n_labels: int, seed: int) -> Cell | None:
    """Return the answers of each reading for queries, and for labelled rows that were held out."""
    drawn = draw_readings(data, n_labels, seed)
    if drawn is None or data.class_vectors is None:
        return None
    known, queries = drawn
    _, y = known["labels only"]
    folds = StratifiedKFold(int(min(5, np.bincount(y).min())), shuffle=True, random_state=seed)
    cell: Cell = {"dataset": data.name, "labels": n_labels, "seed": seed, "y": y, "answers": data.y[queries]}
    models = [KnowingReasoner().fit(*known[reading]).reasoner_ for reading in READINGS]
    cell["queries"] = np.stack([model.predict_proba(data.X[queries]) for model in models])
    cell["held out"] = np.stack([model.held_out_proba(cv=folds) for model in models])
    return cell


def cells(args: argparse.Namespace) -> Iterator[Cell]:
    """Read all draws of all sets."""
    memory = Memory(".cache/joblib", verbose=0)
    texts = [name for name in plain_sets("development") if name != "banking77"]
    for name in args.datasets or texts:
        data = load(name, args.data, memory, "minilm")
        for n_labels in LABELS:
            for seed in range(args.seeds):
                with torch_threads(1), threadpool_limits(1):
                    cell = read_four_times(data, n_labels, seed)
                if cell is not None:
                    yield cell
        print(name, flush=True)


def by_evidence(belief: Sequence[float] | np.ndarray, say: float = 1.0) -> Callable[[Cell], np.ndarray]:
    """Return a rule: weights are the belief times the likelihood of held-out labels, to a power."""

    def rule(cell: Cell) -> np.ndarray:
        own = cell["held out"][:, np.arange(len(cell["y"])), cell["y"]]
        evidence = say * np.log(np.clip(own, 1e-7, None)).sum(1) + np.log(np.clip(belief, 1e-30, None))
        weights = np.exp(evidence - evidence.max())
        return weights / weights.sum()

    return rule


def best_of(score: Callable[[np.ndarray, np.ndarray], float]) -> Callable[[Cell], np.ndarray]:
    """Return a rule that looks at the answers: the reading with the largest score."""
    return lambda cell: np.eye(4)[int(np.argmax([score(cell["answers"], each) for each in cell["queries"]]))]


EVEN = np.full(4, 0.25)
RULES: dict[str, Callable[[Cell], np.ndarray]] = {
    **{name: (lambda cell, place=place: np.eye(4)[place]) for place, name in enumerate(READINGS)},
    "mean of labels only and both": lambda cell: np.array([0.5, 0.0, 0.0, 0.5]),
    "mean of all four": lambda cell: EVEN,
    "by evidence": by_evidence(EVEN),
    "by evidence, mostly both": by_evidence(MOSTLY_BOTH),
    "by half of the evidence, mostly both": by_evidence(MOSTLY_BOTH, 0.5),
    "by evidence, labels only or both": by_evidence([0.5, 0.0, 0.0, 0.5]),
    "*best of four, by the answers*": best_of(accuracy),
    "*best of four, by the answers' log-loss*": best_of(lambda y, proba: -log_loss(y, proba)),
}


def table(found: list[Cell]) -> str:
    """Return points and shares of log-loss against labels only, by the number of labels, and the worst set."""
    lines = []
    for cell in found:
        for name, rule in RULES.items():
            proba = np.tensordot(rule(cell), cell["queries"], 1)
            key = (name, cell["dataset"], cell["labels"], cell["seed"])
            lines.append((*key, log_loss(cell["answers"], proba), accuracy(cell["answers"], proba)))
    rows = pd.DataFrame(lines, columns=["rule", "dataset", "labels", "seed", "loss", "accuracy"])
    wide = rows.pivot(index=["dataset", "labels", "seed"], columns="rule", values=["loss", "accuracy"])
    points = 100 * wide["accuracy"].sub(wide["accuracy"][READINGS[0]], axis=0)
    shares = np.log(wide["loss"].div(wide["loss"][READINGS[0]], axis=0))
    by_labels = points.groupby(["labels", "dataset"]).mean().groupby("labels").mean()
    share_by_labels = np.exp(shares.groupby(["labels", "dataset"]).mean().groupby("labels").mean())
    by_set = points.groupby(["dataset", "labels"]).mean().groupby("dataset").mean()
    # Of a set's mean: draws are the only thing that repeats.
    by_draw = points.groupby(["dataset", "seed"]).mean()
    error = by_draw.groupby("dataset").std() / by_draw.groupby("dataset").count() ** 0.5
    body = []
    for name in RULES:
        worst = by_set[name].idxmin()
        cells_of_rule = [
            f"{by_labels[name][n]:+.1f}, {share_by_labels[name][n]:.2f}" for n in by_labels.index
        ]
        body.append([name, *cells_of_rule, f"{by_labels[name].mean():+.2f}"])
        body[-1].append(f"{worst} {by_set[name][worst]:+.1f} ± {error[name][worst]:.1f}")
    return markdown(["rule", *map(str, by_labels.index), "mean, points", "worst set, points"], body)


def main(argv: list[str] | None = None) -> None:
    """Read where that was not done, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--datasets", nargs="+", help="development sets of texts, unless named")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cells", type=Path, help="file that keeps the answers of all readings")
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    if args.cells and args.cells.exists():
        found = pickle.loads(args.cells.read_bytes())
    else:
        found = list(cells(args))
        if args.cells:
            args.cells.write_bytes(pickle.dumps(found))
    print(f"{machine()}; {args.seeds} draws\n\n{table(found)}")


if __name__ == "__main__":
    main()
