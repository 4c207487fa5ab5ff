"""Which encoder? Accuracy behind each, from the rows of few-shot runs, as the tables of docs/which-encoder.md.

python -m benchmarks.fewshot --data DIR --shares balanced --encoders e5 minilm wordllama --out OUT
python -m benchmarks.studies.which_encoder OUT/fewshot.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from benchmarks.fewshot.methods import OURS, REFERENCE

PLAIN = "LogisticRegression(C=1)"


def accuracies(rows: pd.DataFrame, labels: list[int]) -> pd.DataFrame:
    """Return the mean accuracy of ours for each data set and number of labels, an encoder a column."""
    ours = rows[(rows["method"] == OURS) & rows["labels"].isin(labels)]
    return ours.pivot_table(
        index=["modality", "dataset", "labels"], columns="encoder", values="accuracy", sort=False
    )


def against_logistic_regression(rows: pd.DataFrame) -> pd.DataFrame:
    """Return, for each encoder, what ours gains over both logistic regressions on the same cells."""
    cell = ["modality", "encoder", "dataset", "labels"]
    means = rows.pivot_table(index=cell, columns="method", values=["accuracy", "log_loss"], sort=False)
    accuracy, loss = means["accuracy"], means["log_loss"]
    gains = pd.DataFrame(
        {
            "over CV": 100 * (accuracy[OURS] - accuracy[REFERENCE]),
            "over C=1": 100 * (accuracy[OURS] - accuracy[PLAIN]),
            "ours": loss[OURS],
            "theirs": loss[REFERENCE],
            "log-loss lost": 100.0 * (loss[OURS] > loss[REFERENCE]),
            "accuracy lost": 100.0 * (accuracy[OURS] < accuracy[REFERENCE]),
        }
    )
    groups = gains.groupby(["modality", "encoder"], sort=False)
    table = groups.mean()
    table.insert(0, "log-loss ratio", table.pop("ours") / table.pop("theirs"))
    table.insert(0, "cells", groups.size())
    return table


def main(argv: list[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rows", type=Path, nargs="+", help="fewshot.csv of runs")
    parser.add_argument("--labels", type=int, nargs="+", default=[16, 64, 256])
    args = parser.parse_args(argv)
    rows = pd.concat([pd.read_csv(path) for path in args.rows])
    print(accuracies(rows, args.labels).round(3).to_string(na_rep=""), "\n")
    print(against_logistic_regression(rows).round(3).to_string())


if __name__ == "__main__":
    main()
