"""Compare the tasks of a prior with real data sets: how fast plain classifiers learn them, and how their rows lie.

python -m benchmarks.studies.likeness --data DIR --recipe RECIPE [--classes 10]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from joblib import Memory
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from benchmarks.fewshot.contexts import draw
from benchmarks.fewshot.methods import preparation
from benchmarks.fewshot.readers import DataSet, load, of_split
from benchmarks.printing import machine, markdown
from sktart.pretrain._recipe import read_recipe
from sktart.priors import sample_tasks

LABELS = (16, 64, 256)
QUERIES = 300
BINNED = "LR(C=1)"  # tasks are put beside real sets on which it has the same accuracy
BINNED_AT = 64
BINS = (0, 57, 65, 73, 80, 88, 95, 100)
FEWEST = 3  # tasks in a line of the table
CLASSIFIERS = {
    BINNED: LogisticRegression(C=1, max_iter=2000),
    "LR(C=30)": LogisticRegression(C=30, max_iter=2000),
    "5-NN": KNeighborsClassifier(5),
}
DECIMALS = {**dict.fromkeys(CLASSIFIERS, 0), "d_eff": 0, "nearest": 2}
NOTES = f"""\
Balanced contexts of {" / ".join(map(str, LABELS))} labels. Rows are centred on the context and scaled to a mean squared
length of 1, so that a C means the same everywhere. Accuracies in %. `d_eff`: (tr S)^2 / tr S^2 of the context rows;
`nearest`: mean over queries of the largest cosine with a context row. Lines are sorted by the accuracy of {BINNED} with
{BINNED_AT} labels. Tasks are without label noise and projection.
"""


def measure(X: np.ndarray, y: np.ndarray, asked: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Measure one context (N, D) with its queries (M, D)."""
    origin = X.mean(axis=0)
    scale = np.sqrt(((X - origin) ** 2).sum(axis=1).mean())
    X, asked = (X - origin) / scale, (asked - origin) / scale
    found = {name: 100 * model.fit(X, y).score(asked, truth) for name, model in CLASSIFIERS.items()}
    gram = X @ X.T
    lengths = np.linalg.norm(asked, axis=1)[:, None] * np.linalg.norm(X, axis=1)
    cosines = asked @ X.T / np.maximum(lengths, 1e-12)
    return {**found, "d_eff": np.trace(gram) ** 2 / (gram**2).sum(), "nearest": cosines.max(axis=1).mean()}


def with_classes(data: DataSet, n_classes: int, seed: int) -> DataSet:
    """Keep the rows of `n_classes` drawn classes."""
    rng = np.random.default_rng(seed)
    classes = np.sort(rng.choice(data.y.max() + 1, n_classes, replace=False))
    kept = np.isin(data.y, classes)
    is_test = None if data.is_test is None else data.is_test[kept]
    return replace(
        data, X=data.X[kept], y=np.searchsorted(classes, data.y[kept]), is_test=is_test, texts=None
    )


def measure_set(data: DataSet, n_classes: int, seeds: int) -> Iterator[dict[str, Any]]:
    """Measure `seeds` draws of a data set at each number of labels that it has enough rows for."""
    for seed in range(seeds):
        chosen = with_classes(data, n_classes, seed)
        for labels in LABELS:
            drawn = draw(chosen, labels, "balanced", seed, max_queries=QUERIES)
            if drawn is None:
                continue
            X, asked = (chosen.X[rows].astype(float) for rows in drawn)
            steps = preparation(data.encoder, labels)
            if steps is not None:
                X, asked = steps.fit_transform(X), steps.transform(asked)
            y, truth = (chosen.y[rows] for rows in drawn)
            yield {"what": data.name, "draw": seed, "labels": labels, **measure(X, y, asked, truth)}


def measure_component(
    component: Mapping[str, Any], name: str, n_classes: int, n_tasks: int, seed: int
) -> Iterator[dict[str, Any]]:
    """Measure tasks of one component; a smaller context is the beginning of a larger one."""
    plain = {key: value for key, value in component.items() if key not in ("context_rows", "projected")}
    plain.update(n_classes=(n_classes, n_classes), balanced=1.0, label_noise=0.0)
    generator = torch.Generator().manual_seed(seed)
    sizes = {"context_rows": (max(LABELS), max(LABELS)), "query_rows": QUERIES}
    for group in range(-(-n_tasks // 2)):  # two at once: some options are drawn for a group
        tasks = sample_tasks(generator, [plain], **sizes, max_tasks=2, max_tokens=1)
        x, asked = tasks.context_x.double().numpy(), tasks.query_x.double().numpy()
        y, truth = tasks.context_y.numpy(), tasks.query_y.numpy()
        for task in range(2):
            if len(np.unique(y[task])) == 1:  # wide odds of classes may leave one for all rows
                continue
            for labels in LABELS:
                if labels >= 2 * n_classes:
                    found = measure(x[task, :labels], y[task, :labels], asked[task], truth[task])
                    yield {"what": name, "draw": 2 * group + task, "labels": labels, **found}


def curves(rows: pd.DataFrame, by_draw: bool) -> list[list[str]]:
    """Average draws to lines of the table: tasks by the accuracy on each, the draws of a set together."""
    wide = rows.pivot(index=["what", "draw"], columns="labels", values=list(DECIMALS))
    wide = wide.reindex(columns=pd.MultiIndex.from_product([DECIMALS, LABELS]))
    anchor = wide[BINNED, BINNED_AT]
    if not by_draw:
        anchor = anchor.groupby("what").transform("mean")
    bins = pd.cut(anchor, BINS).cat.add_categories("-").fillna("-").rename("bin")
    lines = []
    for (interval, what), group in wide.groupby([bins, "what"], observed=True):
        if by_draw and len(group) < FEWEST:
            continue
        label = interval if interval == "-" else f"{interval.left} to {interval.right} %"
        means = group.mean()
        cells = [
            " / ".join("-" if np.isnan(x) else f"{x:.{decimals}f}" for x in means[name])
            for name, decimals in DECIMALS.items()
        ]
        lines.append([label, what, str(len(group)), *cells])
    return lines


def describe(component: Mapping[str, Any], number: int) -> str:
    """Name a component by its place in the recipe, its family and numbers of features and classes."""
    features = component.get("options", {}).get("n_features")
    width = "" if features is None else f", D {features[0]} to {features[1]}"
    return f"{number} {component['family']}{width}"


def main(argv: Sequence[str] | None = None) -> None:
    """Print one table of real sets and components, those of the same difficulty together."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path(".cache"))
    development = of_split("development")
    parser.add_argument("--datasets", nargs="*", choices=development, default=development)
    parser.add_argument(
        "--components", nargs="*", type=int, help="numbers from 1, in the order of the recipe"
    )
    parser.add_argument("--classes", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=4, help="draws of a data set")
    parser.add_argument("--tasks", type=int, default=24, help="tasks of a component")
    args = parser.parse_args(argv)

    lines = []
    memory = Memory(args.cache, verbose=0)
    for name in args.datasets:
        data = load(name, args.data, memory)
        if data.y.max() + 1 >= args.classes:
            found = pd.DataFrame(measure_set(data, args.classes, args.seeds))
            lines += curves(found, by_draw=False) if len(found) else []
    for number, component in enumerate(read_recipe(args.recipe).prior, start=1):
        fewest, most = component["n_classes"]
        if fewest <= args.classes <= most and (args.components is None or number in args.components):
            name = describe(component, number)
            rows = measure_component(component, name, args.classes, args.tasks, seed=number)
            lines += curves(pd.DataFrame(rows), by_draw=True)
    order = [f"{low} to {high} %" for low, high in pairwise(BINS)] + ["-"]
    lines.sort(key=lambda line: order.index(line[0]))
    header = [f"{BINNED}, {BINNED_AT} labels", "set or component", "draws", *DECIMALS]
    print(f"{machine()}; {args.classes} classes\n\n{NOTES}\n{markdown(header, lines)}")


if __name__ == "__main__":
    main()
