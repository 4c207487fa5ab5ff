"""Compare sktart with scikit-learn's classifiers on a few labelled rows of real data; see benchmarks/README.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from time import perf_counter

import pandas as pd
from joblib import Memory, Parallel, delayed

from benchmarks.fewshot.calibration import join, pool
from benchmarks.fewshot.cells import Cell, run_cell
from benchmarks.fewshot.contexts import POOL_SHARES, SHARES
from benchmarks.fewshot.methods import METHODS
from benchmarks.fewshot.readers import ENCODERS, SOURCES, SPLITS, load, of_split
from benchmarks.fewshot.report import write

LABELS = (8, 16, 32, 64, 128, 256)
MANY = (512, 1024, 2000)
OWN_LABELS = {"banking77": (154, 770)}  # 2 and 10 a class
COLUMNS = [
    *("split", "modality", "dataset", "encoder", "shares", "noise", "labels", "classes", "features"),
    *("pool", "pool_shares", "queries", "seed", "method"),
    *("accuracy", "log_loss", "brier", "ece", "auroc"),
    *("fit_seconds", "predict_seconds"),
]


def cells(name: str, args: argparse.Namespace) -> Iterator[Cell]:
    """Yield all that is asked for of a data set, whether it can give it or not."""
    labels = args.labels
    if labels is None:
        most = max(MANY if args.many else LABELS)
        labels = sorted(n for n in {*LABELS, *MANY, *OWN_LABELS.get(name, ())} if n <= most)
    pools = [(n, shares) for n in args.pool for shares in (args.pool_shares if n else ["same"])]
    for shares, noise, n_labels, drawn, seed in product(
        args.shares, args.noise, labels, pools, range(args.seeds)
    ):
        yield Cell(shares, noise, n_labels, seed, *drawn)


def share(text: str) -> float:
    """Read a share below one.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is none.
    """
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"a share must be at least 0 and below 1; got {text}")
    return value


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder with the data sets (benchmarks/README.md)")
    add("--split", choices=(*SPLITS, "tables"), default="development", help="which of the data sets")
    in_place = f"in place of --split: {' '.join(SOURCES)}"
    add("--datasets", nargs="+", choices=SOURCES, metavar="NAME", help=in_place)
    known = [encoder for encoders in ENCODERS.values() for encoder in encoders]
    in_turn = "each for the data sets of its modality; default: the first of each modality"
    add("--encoders", nargs="+", choices=known, metavar="NAME", help=f"{', '.join(known)}; {in_turn}")
    add("--labels", nargs="+", type=int, help="labelled rows in total; default 8 to 256")
    add("--many", action="store_true", help="add 512 to 2,000 labels to the default")
    add("--shares", nargs="+", choices=SHARES, default=list(SHARES[:3]), help="of classes")
    add("--noise", nargs="+", type=share, default=[0.0], help="shares of wrong labels in the context")
    add("--pool", nargs="+", type=int, default=[0], help="rows without labels")
    add(
        "--pool-shares",
        nargs="+",
        choices=POOL_SHARES,
        default=["same"],
        help="of their classes, to the labelled rows'",
    )
    add("--seeds", type=int, default=10, help="how many draws of each cell")
    add("--queries", type=int, default=500, help="at most so many test rows a draw")
    defaults = [name for name, method in METHODS.items() if method.is_default]
    add("--methods", nargs="+", choices=METHODS, default=defaults, metavar="NAME", help=", ".join(METHODS))
    add("--checkpoint", help="passed to TartReasoner")
    add("--jobs", type=int, default=1, help="cells at a time, each with one thread")
    add("--cache", type=Path, default=Path(".cache"), help="for embeddings and scores of baselines")
    add("--out", type=Path, default=Path("results"), help="folder for the rows and the summary")
    add("--plots", type=Path, help="folder for plots, which need matplotlib")
    args = parser.parse_args(argv)
    args.datasets = args.datasets or of_split(args.split)
    if not any(encoders_of(SOURCES[name].modality, args) for name in args.datasets):
        parser.error(f"none of the encoders {args.encoders} reads any of the data sets {args.datasets}")
    return args


def encoders_of(modality: str, args: argparse.Namespace) -> list[str]:
    """Return those of `--encoders` that read a modality."""
    known = list(ENCODERS[modality])
    return known[:1] if args.encoders is None else [name for name in args.encoders if name in known]


def run_data_set(name: str, encoder: str, args: argparse.Namespace) -> pd.DataFrame:
    """Measure every cell of a data set."""
    start = perf_counter()
    data = load(name, args.data, Memory(args.cache, verbose=0), encoder)
    done = Parallel(args.jobs)(delayed(run_cell)(data, cell, args) for cell in cells(name, args))
    print(f"{name}, {data.encoder}: {perf_counter() - start:.0f} s", file=sys.stderr)
    return pd.DataFrame([row for rows in done for row in rows], columns=[*COLUMNS, "reliability"])


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark, write the rows, tables and summary, and print the summary."""
    args = parse(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    tables: list[pd.DataFrame] = []
    bins: list[pd.DataFrame] = []
    for name in args.datasets:
        for encoder in encoders_of(SOURCES[name].modality, args):
            rows = run_data_set(name, encoder, args)
            if len(rows):
                bins.append(pool(rows))
            tables.append(rows[COLUMNS])
            # Each time, so that a kill costs one data set only.
            tables[-1].to_csv(
                args.out / "fewshot.csv",
                index=False,
                mode="w" if len(tables) == 1 else "a",
                header=len(tables) == 1,
            )
    table = pd.concat([table for table in tables if len(table)] or tables)
    if table.empty:
        raise SystemExit("no data set can give that many labels; ask for more --labels or other --datasets")
    reliability = join(bins)
    reliability.to_csv(args.out / "reliability.csv", index=False)
    if args.plots:
        from benchmarks.fewshot.plots import draw_all

        draw_all(table, args.plots, reliability)
    print(write(table, args.out, args.checkpoint))


if __name__ == "__main__":
    main()
