"""How far a mixture should go from the default, by the rows that it was chosen with.

    python -m benchmarks.studies.patience --data DIR --cells cells.npz

Each search of `benchmarks.auto` is made once. What its candidates say, of rows held out and of queries, is kept in the
file `--cells`, and each rule of mixing is tried on all that is there. A run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import pickle
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss

from benchmarks.auto.run import SAMPLING_RATE, draw, read
from benchmarks.printing import machine, markdown
from sktart import AutoTartClassifier
from sktart.auto import _classifier
from sktart.auto._blend import BlendedClassifier
from sktart.auto._models import predict_all

DEVELOPMENT = "sst2 rotten_tomatoes sms_spam ag_news hate_speech18 cifar10 mnist fsdd_a".split()
TABLES = "Cars93 Chile lung Tobacco SLID Hdma BudgetFood movies".split()
Cell = dict[str, Any]


def searches(args: argparse.Namespace, done: set[tuple[str, int, int]]) -> Iterator[Cell]:
    """Yield what the candidates of each search say that was not made before."""
    for name in args.datasets:
        modality, rows, y, is_test = read(args.data, name)
        for n_labels in args.labels:
            for seed in range(args.seeds):
                drawn = draw(rows, y, is_test, n_labels, seed + zlib.crc32(name.encode()))
                if drawn is not None and (name, n_labels, seed) not in done:
                    cell = {"dataset": name, "labels": n_labels, "seed": seed}
                    yield cell | search(modality, args.memory, *drawn)


def search(modality: str, memory: str, X: Any, y: np.ndarray, asked: Any, answers: np.ndarray) -> Cell:
    """Return what each candidate says of rows that were held out, and of queries."""
    model = AutoTartClassifier(
        time_limit=None,
        memory=memory,
        sampling_rate=SAMPLING_RATE if modality == "audio" else None,
        text_columns=[name for name in ("title",) if name in X] if modality == "frame" else None,
        random_state=0,
    )
    held_out: list[np.ndarray] = []

    def keep_all(scorer: Any, found: list[np.ndarray], n_rows: float) -> np.ndarray:
        held_out.extend(found)
        return np.full(len(found), 1 / len(found))

    with patch.object(_classifier, "blend", keep_all):
        model.fit(X, y)
    labels = np.searchsorted(model.classes_, y)
    best = model.best_estimator_
    assert isinstance(best, BlendedClassifier)
    with patch.object(BlendedClassifier, "predict_proba", each_member):
        queries = model.predict_proba(asked)
    return {
        "held out": np.stack(held_out),
        "y": labels[np.isfinite(model.oof_proba_[:, 0])],
        "queries": np.moveaxis(queries, -1, 0),
        "answers": np.searchsorted(model.classes_, answers),
    }


def each_member(blended: BlendedClassifier, X: Any) -> np.ndarray:
    """Return the probabilities of each member, (M, C, K)."""
    vectors = blended._encode(X)
    found = [predict_all(model, vectors[key], blended.classes_) for _, key, model, _ in blended.members_]
    return np.stack(found, axis=-1)


def greedy(
    held_out: np.ndarray, y: np.ndarray, least: Callable[[np.ndarray], float] = lambda gains: 0.0
) -> np.ndarray:
    """Return weights: each round adds the best member, as long as it gains more than `least` of its gains by rows."""
    rows = np.arange(len(y))

    def losses(proba: np.ndarray) -> np.ndarray:
        return -np.log(np.clip(proba[..., rows, y], 1e-7, None))

    counts = np.zeros(len(held_out))
    counts[0] = 1
    total = held_out[0]
    for n_chosen in range(2, 21):
        gains = losses(total / (n_chosen - 1)) - losses((total + held_out) / n_chosen)
        place = int(gains.mean(-1).argmax())
        if gains[place].mean() <= max(0.0, least(gains[place])):
            break
        total = total + held_out[place]
        counts[place] += 1
    return counts / counts.sum()


def shrunk(n_rows: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return a rule: the greedy mixture counts as its rows, and the default as `n_rows`."""

    def rule(held_out: np.ndarray, y: np.ndarray) -> np.ndarray:
        share = len(y) / (len(y) + n_rows)
        return share * greedy(held_out, y) + (1 - share) * np.eye(len(held_out))[0]

    return rule


def significant(times: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return a rule: a round must gain so many standard errors."""

    def least(gains: np.ndarray) -> float:
        return times * float(gains.std(ddof=1)) / len(gains) ** 0.5

    return lambda held_out, y: greedy(held_out, y, least)


RULES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "default": lambda held_out, y: np.eye(len(held_out))[0],
    "best of all": lambda held_out, y: np.eye(len(held_out))[
        int(np.argmin([log_loss(y, each, labels=np.arange(each.shape[1])) for each in held_out]))
    ],
    "even": lambda held_out, y: np.full(len(held_out), 1 / len(held_out)),
    "greedy": greedy,
    **{f"greedy, default as {n} rows": shrunk(n) for n in (8, 16, 32, 64)},
    **{f"greedy, {times:g} standard errors": significant(times) for times in (0.5, 1, 1.5, 2)},
}


def main(argv: list[str] | None = None) -> None:
    """Search where that was not done, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--datasets", nargs="+", default=DEVELOPMENT + TABLES)
    parser.add_argument("--labels", type=int, nargs="+", default=[16, 32, 128])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--memory", default=".cache/auto", help="folder of encodings")
    parser.add_argument("--cells", type=Path, required=True, help="file of what candidates said")
    args = parser.parse_args(argv)
    warnings.filterwarnings("ignore")
    cells: list[Cell] = pickle.loads(args.cells.read_bytes()) if args.cells.exists() else []
    for cell in searches(args, {(each["dataset"], each["labels"], each["seed"]) for each in cells}):
        cells.append(cell)
        args.cells.write_bytes(pickle.dumps(cells))
    lines = []
    for cell in cells:
        for name, rule in RULES.items():
            weights = rule(cell["held out"], cell["y"])
            proba = np.tensordot(weights, cell["queries"], 1)
            loss = log_loss(cell["answers"], proba, labels=np.arange(proba.shape[1]))
            right = float((proba.argmax(1) == cell["answers"]).mean())
            kind = "tables" if cell["dataset"] in TABLES else "others"
            lines.append((kind, cell["labels"], cell["dataset"], cell["seed"], name, loss, right))
    rows = pd.DataFrame(lines, columns=["rows", "labels", "dataset", "seed", "rule", "loss", "accuracy"])
    keys = ["rows", "labels", "dataset", "seed"]
    of_default = rows[rows.rule == "default"].set_index(keys)
    rows = rows.join(of_default[["loss", "accuracy"]], on=keys, rsuffix=" of default")
    rows["share"] = np.log(rows["loss"] / rows["loss of default"])
    rows["points"] = 100 * (rows["accuracy"] - rows["accuracy of default"])
    by_set = rows.groupby(["rule", "rows", "labels", "dataset"], sort=False)[["share", "points"]].mean()
    means = by_set.groupby(["rule", "rows", "labels"], sort=False).mean()
    worse = (by_set["share"] > 0.01).groupby(["rule", "rows", "labels"], sort=False).sum()
    print(f"{machine()}; {args.seeds} draws\n")
    head = ["rule", "rows", "labels", "log-loss share", "points", "sets over 1 % worse"]
    body = [
        [*key, f"{np.exp(line['share']):.3f}", f"{line['points']:+.1f}", int(worse[key])]
        for key, line in means.iterrows()
    ]
    print(markdown(head, body))


if __name__ == "__main__":
    main()
