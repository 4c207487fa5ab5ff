"""Compare two checkpoints on the same draws of `benchmarks.fewshot`: change of the log-loss, in pairs.

    python -m benchmarks.studies.checkpoints --old OLD/fewshot.csv --new NEW/fewshot.csv

A change is the mean over cells (8 to 256 labels) of the log of the ratio, turned into per cent, with the standard error
over draws; the median over cells is beside it, as one set can be unlike the others. Both files hold rows of `sktart`,
each made with another `--checkpoint`; cells and seeds that only one has are left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.fewshot.acceptance import LABELS
from benchmarks.fewshot.methods import OURS
from benchmarks.fewshot.pairing import CELL
from benchmarks.fewshot.report import read
from benchmarks.printing import markdown

GROUP = ["split", "modality", "shares", "noise"]
HEADER = [*GROUP, "cells", "log-loss, %", "median, %", "accuracy, points", "lower in"]


def in_pairs(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Return one line a cell: mean `change` of the log of the loss, its `error`, and `points` of accuracy."""
    before, after = (
        rows[(rows["method"] == OURS) & (rows["labels"].between(*LABELS))].set_index([*CELL, "seed"])
        for rows in (old, new)
    )
    both = before.add_suffix("_old").join(after.add_suffix("_new"), how="inner")
    change = np.log(both["log_loss_new"] / both["log_loss_old"]).groupby(level=CELL)
    points = 100 * (both["accuracy_new"] - both["accuracy_old"])
    columns = {"change": change.mean(), "error": change.sem(), "points": points.groupby(level=CELL).mean()}
    return pd.DataFrame(columns).reset_index()


def line(cells: pd.DataFrame) -> list[str]:
    """Return number of cells, change and its error, median, points of accuracy, cells with the lower log-loss."""
    error = np.sqrt((cells["error"] ** 2).sum()) / len(cells)
    change, median = (100 * np.expm1(value) for value in (cells["change"].mean(), cells["change"].median()))
    lower = f"{(cells['change'] < 0).sum()} of {len(cells)}"
    mean = f"{change:+.1f} ± {100 * error:.1f}"
    return [str(len(cells)), mean, f"{median:+.1f}", f"{cells['points'].mean():+.2f}", lower]


def main(argv: list[str] | None = None) -> None:
    """Print a line for each kind of cells, and one for all cells of a split and modality."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("--old", "--new"):
        parser.add_argument(name, type=Path, nargs="+", required=True, help="fewshot.csv of one run or more")
    args = parser.parse_args(argv)
    cells = in_pairs(read(args.old), read(args.new))
    lines = [[*map(str, key), *line(part)] for key, part in cells.groupby(GROUP)]
    lines += [[*key, "all", "all", *line(part)] for key, part in cells.groupby(GROUP[:2])]
    print(markdown(HEADER, lines))


if __name__ == "__main__":
    main()
