"""What training the reasoner on the labelled rows of a task gains: log-loss and accuracy before and after.

    python -m benchmarks.studies.own_rows --data DIR [--labels 64 256] [--steps 30] [--rate 1e-4]

Each step splits the labelled rows four times at random into context and queries, 40 to 85 % of them context, and takes
a step of AdamW on the loss of the queries. MiniLM features of the development sets.
"""

from __future__ import annotations

import argparse
import time
import warnings
from copy import deepcopy
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from joblib import Memory
from sklearn.metrics import log_loss
from torch import Tensor

from benchmarks.fewshot.contexts import draw
from benchmarks.fewshot.readers import load
from benchmarks.printing import machine, markdown
from sktart import load_checkpoint
from sktart.reasoners._base import Reasoner

SETS = (
    "sst2",
    "rotten_tomatoes",
    "imdb",
    "sms_spam",
    "youtube_spam",
    "ag_news",
    "hate_speech18",
    "jigsaw_toxic",
)
N_SPLITS = 4
SHARES = (0.4, 0.85)


def trained(
    reasoner: Reasoner, x: Tensor, y: Tensor, n_classes: int, steps: int, rate: float, seed: int
) -> Reasoner:
    """Return a copy of a reasoner, trained on splits of rows (N, D) with labels (N,)."""
    reasoner = deepcopy(reasoner).requires_grad_(True)
    optimiser = torch.optim.AdamW(reasoner.parameters(), lr=rate, weight_decay=0.0)
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        order = torch.from_numpy(np.stack([rng.permutation(len(x)) for _ in range(N_SPLITS)]))
        n_context = int(len(x) * rng.uniform(*SHARES))
        rows, labels = x[order], y[order]
        loss = reasoner.loss(
            rows[:, :n_context], labels[:, :n_context], rows[:, n_context:], labels[:, n_context:], n_classes
        )
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(reasoner.parameters(), 1.0)
        optimiser.step()
    return reasoner.requires_grad_(False)


def score(
    reasoner: Reasoner, x: Tensor, y: Tensor, queries: Tensor, truth: np.ndarray, n_classes: int
) -> list[float]:
    """Return log-loss and accuracy."""
    with torch.inference_mode():
        logits = reasoner(x[None], y[None], queries[None], n_classes)[0]
    proba = logits.double().softmax(-1).numpy()
    return [log_loss(truth, proba, labels=range(n_classes)), float((proba.argmax(axis=1) == truth).mean())]


def main(argv: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--datasets", nargs="+", default=SETS)
    parser.add_argument("--labels", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--seeds", type=int, default=2)
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    memory, reasoner = Memory(".cache/joblib", verbose=0), load_checkpoint().reasoner
    cells = []
    for name in args.datasets:
        data = load(name, args.data, memory, "minilm")
        X, labels, n_classes = (
            torch.from_numpy(data.X).float(),
            torch.from_numpy(data.y),
            int(data.y.max()) + 1,
        )
        for n_labels in args.labels:
            for seed in range(args.seeds):
                drawn = draw(data, n_labels, "balanced", seed)
                if drawn is None:
                    continue
                context, queries = drawn
                known = X[context], labels[context]
                before = score(reasoner, *known, X[queries], data.y[queries], n_classes)
                began = time.monotonic()
                own = trained(reasoner, *known, n_classes, args.steps, args.rate, seed)
                seconds = time.monotonic() - began
                after = score(own, *known, X[queries], data.y[queries], n_classes)
                cells.append((n_labels, after[0] / before[0], 100 * (after[1] - before[1]), seconds))
                print(name, *cells[-1], flush=True)
    frame = pd.DataFrame(cells, columns=["labels", "log-loss, ratio", "accuracy, points", "seconds"])
    print(f"\n{machine()}; {args.steps} steps at rate {args.rate}; {args.seeds} draws\n")
    rows = []
    for n_labels, part in frame.groupby("labels"):
        of_mean = part.sem()
        rows.append([n_labels, len(part)])
        for column in frame.columns[1:]:
            rows[-1] += [f"{part[column].mean():.3f} ± {of_mean[column]:.3f}"]
    print(markdown(["labels", "cells", *frame.columns[1:]], rows))


if __name__ == "__main__":
    main()
