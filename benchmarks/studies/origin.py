"""What it costs not to know the origin: Bayes' rule with and without it, on the prior of the paper.

    python -m benchmarks.studies.origin gram-base

The labels of this prior flip where w.x = 0, so whoever knows where the 0 of the features is needs no intercept. A
reasoner whose answer no translation changes does not know it: all it has is the mean of the rows, which is off by a
normal vector delta of variance 1 / n for each feature. Here Bayes' rule gets what such a reasoner has: for each query,
features centred on the mean of the context and this query (n rows), and a constant column for the offset w.delta, whose
weight has the variance that the offset has where |w|^2 = a^2 D. It is wrong about the spread of |w|^2 alone, so
`unknown` is a close upper bound of the smallest KL(Bayes || reasoner) that a translation-invariant reasoner can have.
"""

from __future__ import annotations

import argparse
from math import sqrt

import pandas as pd
import torch
from torch import Tensor

from sktart import load_checkpoint
from sktart._runtime import torch_threads
from sktart.pretrain._bayes import posterior_predictive
from sktart.pretrain._evaluate import kl, logistic_tasks
from sktart.priors import Tasks


def without_origin(tasks: Tasks) -> tuple[Tensor, Tensor, Tensor]:
    """Return context, labels and query of a task for each query, as one knows them who does not know the origin."""
    n_queries, n = tasks.query_x.shape[1], tasks.context_x.shape[1] + 1
    context_x, context_y = (
        part.repeat_interleave(n_queries, 0) for part in (tasks.context_x.double(), tasks.context_y)
    )
    query_x = tasks.query_x.double().flatten(0, 1)[:, None]
    centre = (context_x.sum(1, keepdim=True) + query_x) / n
    n_features = (context_x != 0).any(1).sum(-1)
    offset = (n_features / n).sqrt()[:, None, None]
    context_x, query_x = (
        torch.cat([part - centre, offset.expand(-1, part.shape[1], -1)], dim=-1)
        for part in (context_x, query_x)
    )
    return context_x, context_y, query_x


def measure(name: str, n_rows: int, args: argparse.Namespace) -> dict[str, float]:
    """Compare Bayes without the origin, and the reasoner, with Bayes."""
    generator = torch.Generator().manual_seed(args.seed)
    tasks = logistic_tasks(generator, rows=n_rows, n_tasks=args.tasks, n_queries=args.queries)
    shown = tasks.context_x, tasks.context_y, tasks.query_x
    bayes = posterior_predictive(*shown, generator=generator).probability
    chains = {"n_samples": args.samples, "n_warmup": args.samples // 2, "generator": generator}
    blind = posterior_predictive(*without_origin(tasks), **chains).probability.view_as(bayes)
    with torch.inference_mode():
        ours = load_checkpoint(name).reasoner(*shown, 2).double().softmax(-1)[..., 1]
    line: dict[str, float] = {"rows": n_rows}
    for column, answer in {"unknown": blind, name: ours}.items():
        distance = kl(bayes, answer).mean(1)
        line |= {column: distance.mean().item(), f"{column}, error": distance.std().item() / sqrt(args.tasks)}
    # Of what an answer without the origin leaves to learn.
    return line | {"KL(unknown || reasoner)": kl(blind, ours).mean().item()}


def main(argv: list[str] | None = None) -> None:
    """Print a line for each number of rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("checkpoint", nargs="?", default="gram-base")
    add("--rows", type=int, nargs="+", default=[16, 64, 256])
    add("--tasks", type=int, default=64)
    add("--queries", type=int, default=4, help="a task; each needs Markov chains of its own")
    add("--samples", type=int, default=2000, help="of each chain without the origin")
    add("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    with torch_threads(2):
        lines = [measure(args.checkpoint, n_rows, args) for n_rows in args.rows]
    print(pd.DataFrame(lines).round(4).to_string(index=False))


if __name__ == "__main__":
    main()
