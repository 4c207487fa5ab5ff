"""No labelled row at all: sktart with descriptions and a pool, against the nearest description by cosine.

python -m benchmarks.studies.zero_shot --data DIR --encoder minilm
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Memory

from benchmarks.fewshot.contexts import draw, draw_pool
from benchmarks.fewshot.knowing import UNLABELLED, KnowingReasoner, ZeroShot
from benchmarks.fewshot.readers import SOURCES, DataSet, load, of_split
from benchmarks.fewshot.scores import accuracy


def measure(data: DataSet, n_pool: int, seed: int, checkpoint: str | None) -> dict[str, float] | None:
    """Return accuracies on one draw; None where a data set has too few rows for it."""
    n_classes = int(data.y.max()) + 1
    # Only its queries are used; the rows of this context keep those of the pool apart from them.
    drawn = draw(data, 2 * n_classes, "balanced", seed)
    if drawn is None or data.class_vectors is None:
        return None
    context, queries = drawn
    pool = draw_pool(data, context, queries, n_pool, "same", seed)
    truth, marks = data.y[queries], np.full(len(pool), UNLABELLED)
    nearest = ZeroShot().fit(data.X[context], data.y[context], data.class_vectors)
    ours = KnowingReasoner(checkpoint).fit(data.X[pool], marks, data.class_vectors)
    return {
        "cosine": accuracy(truth, nearest.predict_proba(data.X[queries])),
        "sktart": accuracy(truth, ours.predict_proba(data.X[queries])),
    }


def main(argv: list[str] | None = None) -> None:
    """Print the mean over seeds for each data set, and over these."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder with the data sets (benchmarks/README.md)")
    add("--split", default="development")
    add("--encoder", default="minilm")
    add("--pool", type=int, default=256)
    add("--seeds", type=int, default=5)
    add("--checkpoint")
    add("--cache", type=Path, default=Path(".cache"))
    args = parser.parse_args(argv)
    rows = []
    for name in of_split(args.split):
        # RAFT has too few rows for a pool, banking77 no descriptions.
        if SOURCES[name].modality != "text" or name.startswith("raft") or name == "banking77":
            continue
        data = load(name, args.data, Memory(args.cache, verbose=0), args.encoder)
        for seed in range(args.seeds):
            if found := measure(data, args.pool, seed, args.checkpoint):
                rows.append({"dataset": name, **found})
    table = pd.DataFrame(rows).groupby("dataset", sort=False).mean()
    print(table.round(3).to_string())
    print(table.mean().round(4).to_string())


if __name__ == "__main__":
    main()
