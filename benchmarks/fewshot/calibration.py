"""Confidence against accuracy, pooled over draws: ``results/reliability.csv``, and calibration errors from it.

    python -m benchmarks.fewshot.calibration results/reliability.csv

The error of a single draw has to do with luck: eight rows may show classes farther apart than they are, and whoever
knows only them is too sure this time and not sure enough next time. What is left over all draws of a cell is a fault.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.fewshot.acceptance import GROUP, LABELS, PLAIN
from benchmarks.fewshot.methods import OURS, REFERENCE
from benchmarks.fewshot.pairing import CELL
from benchmarks.printing import markdown

SUMS = ["rows", "confidence", "right"]
COMPARED = [OURS, REFERENCE, PLAIN]


def pool(rows: pd.DataFrame) -> pd.DataFrame:
    """Sum up the column ``reliability``, `scores.reliability` of each row: a line a cell, method and bin."""
    keys = [*CELL, "method"]
    parts = [
        pd.DataFrame(np.sum(group["reliability"].tolist(), axis=0), columns=SUMS)
        .assign(**dict(zip(keys, key, strict=True)))
        .rename_axis("bin")
        .reset_index()
        for key, group in rows.groupby(keys, sort=False)
    ]
    return pd.concat(parts)[[*keys, "bin", *SUMS]]


def join(pools: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Join what `pool` returns, and divide: cell, method, bin, rows, mean confidence, share right."""
    sums = pd.concat(pools)
    sums = sums[sums["rows"] > 0]
    shares = sums[["confidence", "right"]].div(sums["rows"], axis=0).round(4)
    return sums.assign(rows=sums["rows"].astype(int), **shares).reset_index(drop=True)


def errors(bins: pd.DataFrame) -> pd.DataFrame:
    """Return the expected calibration error over all draws of a cell: a line a cell, a column a method."""
    gaps = (bins["confidence"] - bins["right"]).abs() * bins["rows"]
    sums = bins.assign(gap=gaps).groupby([*CELL, "method"], sort=False)[["gap", "rows"]].sum()
    return (sums["gap"] / sums["rows"]).unstack("method")


def main(argv: list[str] | None = None) -> None:
    """Print the mean error over cells of 8 to 256 labels, ours beside two logistic regressions."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+", help="reliability.csv of one run or more")
    bins = pd.concat([pd.read_csv(path) for path in parser.parse_args(argv).files])
    bins = bins[bins["labels"].between(*LABELS) & bins["method"].isin(COMPARED)]
    cells = errors(bins)[COMPARED].dropna()
    lines = [[*map(str, key), len(group), *group.mean()] for key, group in cells.groupby(level=GROUP)]
    print(markdown([*GROUP, "cells", *COMPARED], lines))


if __name__ == "__main__":
    main()
