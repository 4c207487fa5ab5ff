"""Write what `benchmarks.fewshot` measured into a checkpoint folder: the model card then shows the cells that it loses.

    python -m benchmarks.fewshot.card zoo/any/any/gram-base results/fewshot.csv

Each line of `few_shot` in `metrics.json` is a split, modality, encoder, shares of classes and share of wrong labels;
`lost` names data sets with the numbers of labels where the mean log-loss over draws is above LogisticRegressionCV's.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.fewshot.acceptance import GROUP, measure_cells
from benchmarks.fewshot.report import read
from sktart.zoo._checkpoint import update_metrics


def few_shot(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a line for each group of cells.

    Raises
    ------
    ValueError
        If the rows lack the reasoner or the logistic regressions.
    """
    cells = measure_cells(rows)
    if cells is None:
        raise ValueError("the rows must hold sktart, LogisticRegressionCV and LogisticRegression(C=1)")
    cells["is_lost"] = cells["loss_ours"] > cells["loss_cv"]
    lines = []
    for group, part in cells.groupby(GROUP, observed=True):
        lost = part[part["is_lost"]].groupby("dataset")["labels"].agg(lambda labels: sorted(labels.tolist()))
        lines.append(
            dict(zip(GROUP, group, strict=True))
            | {
                "cells": len(part),
                "log_loss_ratio": round(float(part["loss_ours"].mean() / part["loss_cv"].mean()), 3),
                "accuracy_points": round(float(part["over_cv"].mean()), 2),
                "lost": lost.to_dict(),
            }
        )
    return lines


def main(argv: list[str] | None = None) -> None:
    """Update ``metrics.json`` and ``README.md`` of the folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("rows", type=Path, nargs="+", help="fewshot.csv of one run or more")
    args = parser.parse_args(argv)
    update_metrics(args.folder, few_shot=few_shot(read(args.rows)))


if __name__ == "__main__":
    main()
