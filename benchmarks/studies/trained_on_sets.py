"""What training on the very sets would bring: about as much as any prior could, however well it is made.

    python -m benchmarks.studies.trained_on_sets --data DIR --train sst2 imdb ... --read sst2 imdb ...

A checkpoint is trained on, all of its weights, with tasks whose rows, labels and descriptions are those of real sets:
of their training rows, where they have a split. Then it reads draws of the sets under `--read`, as it did before.
Points of accuracy over tuned logistic regression, log-loss as a share of its. No such checkpoint is ever shipped.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from joblib import Memory, cpu_count
from threadpoolctl import threadpool_limits

from benchmarks.fewshot.contexts import class_counts, take
from benchmarks.fewshot.knowing import KnowingReasoner, draw_readings
from benchmarks.fewshot.methods import tuned_logistic_regression
from benchmarks.fewshot.readers import DataSet, load, plain_sets
from benchmarks.fewshot.scores import accuracy, log_loss
from benchmarks.printing import machine, markdown
from sktart import load_checkpoint
from sktart._runtime import torch_threads
from sktart.pretrain._batches import TaskStream, one_thread_each
from sktart.pretrain._loop import training_record
from sktart.pretrain._net import PretrainNet
from sktart.pretrain._recipe import Recipe, read_recipe
from sktart.priors import Tasks
from sktart.zoo._checkpoint import save_checkpoint
from sktart.zoo._golden import golden_predictions

LABELS = (8, 16, 32, 64, 128)
READS = ("labels only", "pool", "both")
POOLS = (0, 64, 128, 256, 256)  # rows without a label in the tasks of training
MOST_CLASSES = 14
DESCRIBED, FEW, BALANCED, LEANING = 0.65, 0.15, 0.7, 0.2  # shares of tasks


class SetStream(TaskStream):
    """Groups of tasks from real sets, by step number."""

    def __init__(self, recipe: Recipe, sets: Sequence[DataSet]) -> None:
        super().__init__(recipe)
        self.sets = sets

    def __getitem__(self, step: int) -> list[Tasks]:
        rng = np.random.default_rng([self.recipe.seed, step])
        return [
            group_of_tasks(rng, self.sets[int(rng.integers(len(self.sets)))], self.recipe)
            for _ in range(self.recipe.groups)
        ]


def group_of_tasks(rng: np.random.Generator, data: DataSet, recipe: Recipe) -> Tasks:
    """Draw tasks of one size, with some of the classes of a set."""
    low, high = np.log(recipe.context_rows[0]), np.log(recipe.context_rows[1] + 1)
    most_classes = min(int(data.y.max()) + 1, MOST_CLASSES)
    n_classes = int(np.exp(rng.uniform(np.log(2), np.log(most_classes + 1))))
    n_labels, n_pool = max(int(np.exp(rng.uniform(low, high))), n_classes), int(rng.choice(POOLS))
    # Where classes are small, so are tasks: most draws of shares then find enough rows of each.
    most_rows = int(np.bincount(data.y).min()) * n_classes // 3
    n_labels, n_pool = max(min(n_labels, most_rows), n_classes), min(n_pool, most_rows)
    is_described = data.class_vectors is not None and rng.random() < DESCRIBED
    if n_pool and is_described and rng.random() < FEW:
        n_labels = int(rng.integers(n_classes + 1))
    sizes = n_labels, n_pool, recipe.query_rows
    n_tasks = recipe.max_tokens // (sum(sizes) * n_classes)
    drawn = [one_task(rng, data, n_classes, sizes) for _ in range(max(2, min(recipe.max_tasks, n_tasks)))]
    rows, labels, sentences = (np.array(part) for part in zip(*drawn, strict=True))
    x, y = torch.from_numpy(data.X[rows].astype(np.float32)), torch.from_numpy(labels)
    (context_x, pool_x, query_x), (context_y, pool_y, query_y) = x.split(sizes, 1), y.split(sizes, 1)
    vectors = torch.from_numpy(sentences.astype(np.float32)) if is_described else None
    return Tasks(context_x, context_y, query_x, query_y, n_classes, pool_x, pool_y, vectors)


def one_task(
    rng: np.random.Generator, data: DataSet, n_classes: int, sizes: tuple[int, int, int]
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Draw rows, their labels, and a sentence a class; other classes or shares where there are too few rows."""
    while True:
        classes = rng.choice(int(data.y.max()) + 1, n_classes, replace=False)
        names = np.full(int(data.y.max()) + 1, n_classes)
        names[classes] = np.arange(n_classes)
        y = names[data.y]
        free = np.flatnonzero(y < n_classes)
        shares = (
            np.full(n_classes, 1 / n_classes)
            if rng.random() < BALANCED
            else rng.dirichlet(np.full(n_classes, 3.0))
        )
        chosen = []
        for part, size in enumerate(sizes):
            leans = part == 1 and rng.random() < LEANING  # the pool
            of_part = rng.dirichlet(np.ones(n_classes)) if leans else shares
            # Few labels are of any classes, more are of each.
            counts = class_counts(size, of_part, rng) if size >= n_classes else rng.multinomial(size, of_part)
            rows = take(free, y, counts, rng)
            if rows is None:
                break
            chosen.append(rows)
            free = np.setdiff1d(free, rows)
        else:
            rows = np.concatenate(chosen)
            sentences = data.class_vectors or ()
            return rows, y[rows], [rng.choice(sentences[c]) for c in classes if sentences]


def training_rows(data: DataSet) -> DataSet:
    """Leave out the rows that queries are drawn from, where a set has a split."""
    if data.is_test is None:
        return data
    kept = np.flatnonzero(~data.is_test)
    return replace(data, X=data.X[kept], y=data.y[kept], is_test=None)


def train(recipe: Recipe, sets: Sequence[DataSet], out: Path) -> None:
    """Train with tasks of real sets, and write a checkpoint folder."""
    began = time.monotonic()
    stream = SetStream(recipe, [training_rows(data) for data in sets])
    with torch_threads(1), one_thread_each(min(recipe.groups, cpu_count())) as pool:
        net = PretrainNet(recipe, pool).initialize()
        while stream.start < recipe.steps:
            net.partial_fit(stream, epochs=1)
            stream.start += len(stream)
            print(f"{stream.start} steps", flush=True)
    reasoner = net.module_.eval().requires_grad_(False)
    reached = {"steps": recipe.steps, "seconds": time.monotonic() - began, "losses": []}
    metrics = {"training": training_record(reached, "cpu"), "golden": golden_predictions(reasoner)}
    save_checkpoint(out, reasoner, recipe=recipe.to_dict(), metrics=metrics)


def measure(
    readers: dict[str, KnowingReasoner], data: DataSet, n_labels: int, seed: int
) -> Iterator[tuple[str, str, float, float]]:
    """Yield points over tuned logistic regression and log-loss over its, of each reader and what it reads."""
    drawn = draw_readings(data, n_labels, seed)
    if drawn is None:
        return
    known, queries = drawn
    asked, answers = data.X[queries], data.y[queries]
    X, y = known["labels only"]
    peer = tuned_logistic_regression(y).fit(X, y).predict_proba(asked)
    for name, reader in readers.items():
        for reading in filter(known.get, READS):
            proba = reader.fit(*known[reading]).predict_proba(asked)
            points = 100 * (accuracy(answers, proba) - accuracy(answers, peer))
            yield name, reading, points, np.log(log_loss(answers, proba) / log_loss(answers, peer))


def table(cells: pd.DataFrame) -> str:
    """Return lines of readers and what they read, a column for each number of labels."""
    by_set = cells.groupby(["reading", "reader", "labels", "dataset"], sort=False)[["points", "loss"]].mean()
    mean = by_set.groupby(["reading", "reader", "labels"], sort=False).mean()
    body = [
        [
            f"{reading}, {reader}",
            *(f"{part.loc[key, 'points']:+.1f}, {np.exp(part.loc[key, 'loss']):.2f}" for key in part.index),
        ]
        for (reading, reader), part in mean.groupby(["reading", "reader"], sort=False)
    ]
    return markdown(["reads", *(str(n) for n in cells["labels"].unique())], body)


def main(argv: list[str] | None = None) -> None:
    """Train, and print a table of what is read before and after."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    texts = [name for name in plain_sets("development") if name != "banking77"]
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--train", nargs="+", default=texts)
    parser.add_argument("--read", nargs="+", default=texts)
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--checkpoint", default="auto", help="where training begins")
    parser.add_argument("--recipe", type=Path, default=Path("zoo/any/any/gram-base-seventh/recipe.json"))
    parser.add_argument("--out", type=Path, default=Path("runs/trained-on-sets"))
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=4)
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    memory = Memory(".cache/joblib", verbose=0)
    sets = {
        name: load(name, args.data, memory, args.encoder) for name in dict.fromkeys(args.train + args.read)
    }
    network = load_checkpoint(args.checkpoint).reasoner.config
    recipe = replace(read_recipe(args.recipe), start=args.checkpoint, start_share=0.0, share_of="")
    recipe = replace(recipe, network=network, keeps_labels_only=False, steps=args.steps)
    train(recipe, [sets[name] for name in args.train], args.out)
    checkpoints = {"before": args.checkpoint, "trained": str(args.out)}
    readers = {name: KnowingReasoner(path) for name, path in checkpoints.items()}
    with torch_threads(1), threadpool_limits(1):
        lines = [
            (name, n_labels, seed, *line)
            for name in args.read
            for n_labels in LABELS
            for seed in range(args.seeds)
            for line in measure(readers, sets[name], n_labels, seed)
        ]
    columns = ["dataset", "labels", "seed", "reader", "reading", "points", "loss"]
    cells = pd.DataFrame(lines, columns=columns)
    print(f"{machine()}; {args.steps} steps on {', '.join(args.train)}; {args.seeds} draws\n")
    print(table(cells))


if __name__ == "__main__":
    main()
