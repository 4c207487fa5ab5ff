"""What training MiniLM on the labelled texts gains and costs, and how the vectors of these texts should be made.

    python -m benchmarks.studies.adapting --data DIR --datasets sst2 sms_spam --labels 16 64 --cells cells.csv

Each cell trains three times: on all labelled texts, and on either half. A head then reads the labelled texts

- as the training on all sees them (`seen`),
- as the training on the other half sees them (`cross-fitted`), which is what ``TartTransformer(adapt=...)`` returns,
- as that, turned so that the vectors of what both have seen meet those of the training on all (`aligned`).

Queries are read by the training on all. `halves` is the mean of two answers, each by what was trained on one half, with
the other half as context. Rows of finished cells are kept in the file of `--cells`, and not computed again.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.linalg import orthogonal_procrustes
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from benchmarks.fewshot.contexts import draw
from benchmarks.fewshot.readers import DataSet, read_text
from benchmarks.fewshot.tuned import TunedLogisticRegression
from benchmarks.printing import machine, markdown
from sktart import TartReasoner
from sktart.encoders import Adaptation, SentenceEncoder, resolve_encoder
from sktart.encoders.models._adapted import assign_folds
from sktart.encoders.models._contrastive import Trainee

SETS = ("sst2", "rotten_tomatoes", "sms_spam", "youtube_spam", "ag_news", "hate_speech18")
COLUMNS = ["set", "labels", "seed", "steps", "method", "log-loss", "accuracy", "seconds"]
Scores = Iterator[tuple[str, float, float, float]]


class Silent:
    """A progress bar that shows nothing."""

    def update(self, n: int) -> None:
        """Do nothing."""


def rotation(moving: np.ndarray, still: np.ndarray) -> np.ndarray:
    """Return what turns vectors (N, D) so that they come near to others, (D, D).

    In directions in which few vectors say anything it is the identity, as all trainings begin at the same weights.
    """
    width = moving.shape[1]
    anchor = np.sqrt(0.1 * np.square(moving, dtype=np.float64).sum() / width) * np.eye(width)
    return orthogonal_procrustes(np.vstack([moving, anchor]), np.vstack([still, anchor]))[0]


def score(proba: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Return log-loss and accuracy."""
    return log_loss(truth, proba, labels=range(proba.shape[1])), float((proba.argmax(axis=1) == truth).mean())


def scores_of(
    encoder: SentenceEncoder, rows: tuple[Any, ...], adaptation: Adaptation, seed: int, autocast: Any
) -> Scores:
    """Yield a method, its log-loss, accuracy, and seconds of the processor that its fit took."""
    texts, y, queries, truth = rows
    heads = {"TartReasoner": TartReasoner(), "LogisticRegression": LogisticRegression(max_iter=2000)}
    encoder.fit(texts)
    base = encoder._checked()

    def answers(head: str, vectors: np.ndarray, of_queries: np.ndarray) -> np.ndarray:
        return heads[head].fit(vectors, y).predict_proba(of_queries)

    with autocast:
        began = time.process_time()
        frozen, frozen_queries = encoder._encode_by(base, texts), encoder._encode_by(base, queries)
        encoding = time.process_time() - began
    tuned = TunedLogisticRegression().fit(frozen, y).predict_proba(frozen_queries)
    yield "frozen, TartReasoner", *score(answers("TartReasoner", frozen, frozen_queries), truth), encoding
    yield "frozen, LogisticRegressionCV", *score(tuned, truth), encoding
    trainee, rng = Trainee(base, encoder._prefix(base)), np.random.RandomState(seed)
    fold = assign_folds(texts, y, 2, rng)
    held, aligned, halves, times = np.empty_like(frozen), np.empty_like(frozen), [], []
    for part in (-1, 0, 1):
        began = time.process_time()
        kept, asked = np.flatnonzero(fold != part), np.flatnonzero(fold == part)
        with autocast:
            trainee.train([texts[row] for row in kept], y[kept], adaptation, rng, Silent())
            vectors = encoder._encode_by(trainee.model, texts)
            times.append(time.process_time() - began)
            of_queries = encoder._encode_by(trainee.model, queries)
        if part < 0:
            seen, seen_queries = vectors, of_queries
            continue
        held[asked] = vectors[asked]
        aligned[asked] = vectors[asked] @ rotation(vectors[kept], seen[kept])
        halves.append(TartReasoner().fit(vectors[asked], y[asked]).predict_proba(of_queries))
    for kind, known in {"seen": seen, "cross-fitted": held, "aligned": aligned}.items():
        seconds = times[0] if kind == "seen" else sum(times)
        for head in heads:
            yield f"{kind}, {head}", *score(answers(head, known, seen_queries), truth), seconds
    yield "halves, TartReasoner", *score(np.mean(halves, axis=0), truth), sum(times[1:])


def cells(args: argparse.Namespace) -> pd.DataFrame:
    """Compute what is missing in the file of cells, and return all of it."""
    done = pd.read_csv(args.cells) if args.cells.exists() else pd.DataFrame(columns=COLUMNS)
    encoder = resolve_encoder("all-MiniLM-L6-v2")
    assert isinstance(encoder, SentenceEncoder)
    autocast = torch.autocast("cpu", torch.bfloat16) if args.bfloat16 else nullcontext()
    for n_labels in args.labels:
        for name in args.datasets:
            texts, y, is_test = read_text(args.data, name)
            for seed in range(args.seeds):
                data = DataSet(name, "text", np.zeros((len(y), 1)), y, is_test)
                drawn = draw(data, n_labels, "balanced", seed, args.queries)
                key = {"set": name, "labels": n_labels, "seed": seed, "steps": args.steps}
                if drawn is None or (done[list(key)] == pd.Series(key)).all(axis=1).any():
                    continue
                context, queries = drawn
                rows = [texts[i] for i in context], y[context], [texts[i] for i in queries], y[queries]
                adaptation = Adaptation(args.steps, args.rate)
                found = [
                    [*key.values(), *scores]
                    for scores in scores_of(encoder, rows, adaptation, seed, autocast)
                ]
                done = pd.concat([done, pd.DataFrame(found, columns=COLUMNS)], ignore_index=True)
                done.to_csv(args.cells, index=False)
                print(pd.DataFrame(found, columns=COLUMNS).to_string(header=False, index=False), flush=True)
    return done


def main(argv: list[str] | None = None) -> None:
    """Print a table for each number of steps."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--datasets", nargs="+", default=SETS)
    parser.add_argument("--labels", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--steps", type=int, default=Adaptation.steps)
    parser.add_argument("--rate", type=float, default=Adaptation.learning_rate)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--cells", type=Path, required=True)
    parser.add_argument(
        "--bfloat16", action="store_true", help="train in half the time, if the processor can"
    )
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    frame = cells(args)
    print(f"\n{machine()}; rate {args.rate}\n")
    for key, part in frame.groupby(["steps", "set", "labels"]):
        means = part.groupby("method", sort=False)[["log-loss", "accuracy", "seconds"]].mean()
        print(*key, f"{part['seed'].nunique()} draws\n")
        print(markdown(["method", *means.columns], means.reset_index().to_numpy()), "\n")


if __name__ == "__main__":
    main()
