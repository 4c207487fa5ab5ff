"""Compare sktart with scikit-learn's classifiers on a few labelled rows of real data; see README.md here."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from contexts import SHARES, draw
from joblib import Memory
from methods import METHODS, preparation
from readers import EXTRA_SOURCES, SOURCES, DataSet, load
from report import summarise
from scores import fit_and_score

LABELS = (8, 16, 32, 64, 128, 256)


def run_method(method: str, parts: tuple[np.ndarray, ...], checkpoint: str | None) -> dict[str, float]:
    """Fit one method on a context and score it on the queries."""
    return fit_and_score(METHODS[method](parts[1], checkpoint), parts)


def run_data_set(data: DataSet, args: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Yield one row for each share, number of labels, seed and method that the data set allows."""
    skewed = (SOURCES | EXTRA_SOURCES)[data.name].skewed
    for shares in args.shares:
        for n_labels in args.labels if shares != "skewed" or skewed else ():
            for seed in range(args.seeds):
                drawn = draw(data, n_labels, shares, seed, args.queries)
                if drawn is None:
                    break
                parts = prepare(data, *drawn)
                about = {
                    "dataset": data.name,
                    "modality": data.modality,
                    "shares": shares,
                    "labels": n_labels,
                }
                about |= {
                    "classes": int(data.y.max()) + 1,
                    "features": parts[0].shape[1],
                    "queries": len(parts[3]),
                }
                for method in args.methods:
                    yield (
                        about | {"seed": seed, "method": method} | run_method(method, parts, args.checkpoint)
                    )


def warm_up(args: argparse.Namespace) -> None:
    """Run every method once, unmeasured: the first call pays for imports, which no later one does."""
    x, y = np.eye(8), np.arange(8) % 2
    for method in args.methods:
        run_method(method, (x, y, x, y), args.checkpoint)


def prepare(data: DataSet, context: np.ndarray, queries: np.ndarray) -> tuple[np.ndarray, ...]:
    """Cut out a context and its queries, with features that no label and no query had a part in."""
    context_x, query_x = data.X[context], data.X[queries]
    steps = preparation(data.modality, len(context))
    if steps is not None:
        context_x, query_x = steps.fit_transform(context_x), steps.transform(query_x)
    return context_x, data.y[context], query_x, data.y[queries]


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    names = [*SOURCES, *EXTRA_SOURCES]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the data sets (README.md here)")
    parser.add_argument("--datasets", nargs="+", choices=names, metavar="NAME", help=" ".join(names))
    parser.add_argument("--extra", action="store_true", help="add scikit-learn's own tables and RAFT")
    parser.add_argument("--labels", nargs="+", type=int, default=LABELS, help="labelled rows in total")
    parser.add_argument(
        "--shares", nargs="+", choices=SHARES, default=["balanced", "natural"], help="of classes"
    )
    parser.add_argument("--seeds", type=int, default=5, help="how many draws of each cell")
    parser.add_argument("--queries", type=int, default=500, help="at most so many test rows a draw")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--checkpoint", help="passed to TartReasoner")
    parser.add_argument("--cache", type=Path, default=Path(".cache"), help="where embeddings are kept")
    parser.add_argument(
        "--out", type=Path, default=Path("results"), help="folder for fewshot.csv and fewshot.md"
    )
    args = parser.parse_args(argv)
    args.datasets = args.datasets or [*SOURCES, *(EXTRA_SOURCES if args.extra else ())]
    return args


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark, write the rows and the summary, and print the summary."""
    args = parse(argv)
    memory = Memory(args.cache, verbose=0)
    warm_up(args)
    rows: list[dict[str, object]] = []
    for name in args.datasets:
        start = perf_counter()
        rows += run_data_set(load(name, args.data, memory), args)
        print(f"{name}: {perf_counter() - start:.0f} s", file=sys.stderr)
    if not rows:
        raise SystemExit("no data set can give that many labels; ask for more --labels or other --datasets")
    table = pd.DataFrame(rows)
    summary = summarise(table, args.checkpoint)
    args.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(args.out / "fewshot.csv", index=False)
    (args.out / "fewshot.md").write_text(summary, encoding="utf-8")
    print(summary)


if __name__ == "__main__":
    main()
