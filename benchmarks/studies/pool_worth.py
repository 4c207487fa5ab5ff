"""Whether unlabelled rows tell as much in the tasks of a prior as on real sets.

    python -m benchmarks.studies.pool_worth --data DIR --recipe zoo/any/any/gram-base-seventh/recipe.json

Of real sets, and of tasks of each component: how far classes stand out of the spread of rows (variance between classes
over the largest variance along a direction within them), the effective dimension within classes, and log-loss with 256
rows without a label over that with 16 labelled rows alone (two of each class where that is more). Medians over tasks,
and the 10 % and 90 % quantiles of the last.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from joblib import Memory
from torch.nn import functional as F

from benchmarks.fewshot.contexts import draw, draw_pool
from benchmarks.fewshot.readers import load, plain_sets
from benchmarks.printing import machine, markdown
from benchmarks.studies.pool_metric import effective_dimension
from sktart import load_checkpoint
from sktart._runtime import torch_threads
from sktart.priors import Knowledge, sample_tasks
from sktart.reasoners._gram import GramReasoner

N_LABELS, N_POOL, N_ROWS = 16, 256, 600
MOST_CLASSES = 6  # of a task; 16 labels say little of more
HEADER = ["rows", "tasks", "standing out", "dimension", "pool / labels only", "10 %", "90 %"]


def spread(X: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return how far classes stand out, and the effective dimension of rows about their class means.

    The variance between classes is a product of the means of two halves, which noise does not raise.
    """
    X, codes = X - X.mean(axis=0), np.unique(y, return_inverse=True)[1]
    one_hot = np.eye(codes.max() + 1)[codes]
    halves = [
        one_hot[part].T @ X[part] / one_hot[part].sum(axis=0)[:, None].clip(1)
        for part in (slice(None, None, 2), slice(1, None, 2))
    ]
    first, second = (means - means.mean(axis=0) for means in halves)
    within = X - (one_hot.T @ X / one_hot.sum(axis=0)[:, None])[codes]
    largest = np.linalg.norm(np.cov(within.T), 2)
    return float((first * second).sum(axis=1).mean() / largest), effective_dimension(within)


def worth(reasoner: GramReasoner, x: torch.Tensor, y: torch.Tensor, rest: tuple[torch.Tensor, ...]) -> float:
    """Return the log-loss with a pool over that with labelled rows alone, of one task."""
    pool_x, query_x, query_y = rest
    n_classes = int(y.max()) + 1
    losses = []
    for pool in (None, pool_x[None]):
        context = reasoner.read_context(x[None], y[None], n_classes, pool_x=pool)
        losses.append(F.cross_entropy(reasoner.answer(context, query_x[None])[0].float(), query_y).item())
    return losses[1] / losses[0]


def of_real(reasoner: GramReasoner, name: str, folder: Path, memory: Memory, seeds: int) -> list[tuple]:
    """Measure a set of texts, once a draw."""
    data = load(name, folder, memory, "minilm")
    found = []
    for seed in range(seeds):
        drawn = draw(data, max(N_LABELS, 2 * (int(data.y.max()) + 1)), "balanced", seed)
        if drawn is None:
            continue
        context, queries = drawn
        pool = draw_pool(data, context, queries, N_POOL, "same", seed)
        x, y = torch.from_numpy(np.asarray(data.X, np.float32)), torch.from_numpy(data.y)
        ratio = worth(reasoner, x[context], y[context], (x[pool], x[queries], y[queries]))
        some = np.random.default_rng(seed).permutation(len(data.y))[:N_ROWS]
        found.append((*spread(np.asarray(data.X, float)[some], data.y[some]), ratio))
    return found


def of_component(reasoner: GramReasoner, component: dict, seed: int, calls: int) -> Iterator[tuple]:
    """Measure tasks of a component; those where a class is missing are left out."""
    low, high = component["n_classes"]
    component = {**component, "n_classes": [low, min(high, MOST_CLASSES)], "context_rows": ()}
    generator = torch.Generator().manual_seed(seed)
    for _ in range(calls):
        tasks = sample_tasks(
            generator,
            [component],
            context_rows=(N_LABELS, N_LABELS),
            query_rows=N_ROWS,
            max_tasks=4,
            max_tokens=10**6,
            knowledge=Knowledge(pool=1.0, pool_rows=(N_POOL, N_POOL)),
        )
        for task in range(len(tasks.query_x)):
            y = tasks.query_y[task]
            if len(y.unique()) == tasks.n_classes:
                rest = (tasks.pool_x[task], tasks.query_x[task], y)
                ratio = worth(reasoner, tasks.context_x[task], tasks.context_y[task], rest)
                yield *spread(tasks.query_x[task].double().numpy(), y.numpy()), ratio


def line(name: str, found: list[tuple]) -> list:
    """Return a row of the table."""
    out, dimension, ratio = map(np.array, zip(*found, strict=True))
    middles = [float(np.median(each)) for each in (out, dimension, ratio)]
    return [name, len(found), *middles, *map(float, np.quantile(ratio, (0.1, 0.9)))]


@torch.no_grad()
def main(argv: list[str] | None = None) -> None:
    """Print a table of real sets and components."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--datasets", nargs="*", default=plain_sets("development"))
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--checkpoint", default="auto")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--calls", type=int, default=10)
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    reasoner = load_checkpoint(args.checkpoint).reasoner
    memory = Memory(".cache/joblib", verbose=0)
    lines = []
    with torch_threads(1):
        for name in args.datasets:
            if found := of_real(reasoner, name, args.data, memory, args.seeds):
                lines.append(line(name, found))
        for place, component in enumerate(json.loads(args.recipe.read_text())["prior"]):
            # Tasks of many classes have too few labels here.
            if not component.get("labels_only") and component["n_classes"][0] <= MOST_CLASSES:
                found = list(of_component(reasoner, component, place, args.calls))
                lines.append(line(f"{place + 1} {component['family']}", found))
    print(f"{machine()}\n\n{markdown(HEADER, lines)}")


if __name__ == "__main__":
    main()
