"""What unlabelled rows and descriptions are worth, from the rows of a few-shot run, as in docs/use-what-you-know.md.

python -m benchmarks.fewshot --data DIR --shares balanced --pool 256 --encoders minilm --methods ... --out OUT
python -m benchmarks.studies.knowledge OUT/fewshot.csv --picture docs/use-what-you-know.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.fewshot.methods import OURS, OURS_WITH, REFERENCE
from benchmarks.fewshot.plots import COLOURS, panels, save
from benchmarks.pictures import in_our_style

KIND = ["split", "encoder", "pool_shares"]
CELL = [*KIND, "dataset", "labels"]
LOOKS = {
    REFERENCE: ("LogisticRegressionCV", "#999999", "--"),
    OURS: ("labels only", "black", "-"),
    "sktart, pool": ("+ unlabelled rows", COLOURS[0], "-"),
    "sktart, descriptions": ("+ a sentence a class", COLOURS[1], "-"),
    "sktart, pool and descriptions": ("+ both", COLOURS[2], "-"),
}


def means(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the mean over seeds of a metric, a line for each data set and number of labels, a method a column."""
    return rows.pivot_table(index=CELL, columns="method", values=metric, sort=False)


def by_labels(rows: pd.DataFrame) -> pd.DataFrame:
    """Return, for each method and number of labels, points over the reference and the ratio of log-losses.

    Means are over data sets: of differences of accuracy, and of logarithms of ratios.
    """
    accuracy, loss = means(rows, "accuracy"), means(rows, "log_loss")
    points = 100 * accuracy.sub(accuracy[REFERENCE], axis=0)
    ratios = np.log(loss.div(loss[REFERENCE], axis=0))
    groups = [*KIND, "labels"]
    table = pd.concat(
        {"points": points.groupby(groups).mean(), "log-loss ratio": np.exp(ratios.groupby(groups).mean())},
        axis=1,
    )
    return table.stack("method", future_stack=True).unstack("labels")


def by_data_set(rows: pd.DataFrame) -> pd.DataFrame:
    """Return points of accuracy over labels only, averaged over labels, for each data set."""
    accuracy = means(rows, "accuracy")
    reference = 100 * (accuracy[OURS] - accuracy[REFERENCE])
    over = 100 * accuracy[[*OURS_WITH]].sub(accuracy[OURS], axis=0)
    over.insert(0, "labels only over CV", reference)
    return over.groupby([*KIND, "dataset"], sort=False).mean()


def worth(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how many labels the reference needs to be as accurate, for each method and number of labels.

    Interpolated in the logarithm of labels, over data sets with all numbers of labels; infinite beyond the largest.
    """
    accuracy = means(rows, "accuracy").unstack("labels").dropna().mean().unstack("labels")
    labels = accuracy.columns.to_numpy()
    reference = accuracy.loc[REFERENCE].to_numpy()
    needed = accuracy.apply(lambda values: np.interp(values, reference, np.log2(labels), right=np.inf))
    return 2**needed


@in_our_style
def draw(rows: pd.DataFrame, path: Path) -> None:
    """Draw accuracy and log-loss against labels for the four conditions and the reference."""
    figure, axes = panels(1, 2, 4.6, 3.4)
    for ax, metric, name in zip(axes[0], ("accuracy", "log_loss"), ("accuracy", "log-loss"), strict=True):
        mean = means(rows, metric).groupby("labels").mean()
        for method, (label, colour, line) in LOOKS.items():
            ax.plot(mean.index, mean[method], line, marker="o", markersize=4, color=colour, label=label)
        ax.set_xscale("log", base=2)
        ax.set_xticks(mean.index, [str(n) for n in mean.index])
        ax.set(xlabel="labelled rows", title=name)
    axes[0, 1].legend(fontsize=8)
    save(figure, path)


def main(argv: list[str] | None = None) -> None:
    """Print both tables, and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rows", type=Path, nargs="+", help="fewshot.csv of runs")
    parser.add_argument(
        "--picture", type=Path, help="where to draw the curves of the pools of the same shares"
    )
    args = parser.parse_args(argv)
    rows = pd.concat([pd.read_csv(path) for path in args.rows])
    print(by_labels(rows).round(3).to_string(), "\n")
    print(by_data_set(rows).round(2).to_string())
    for kind, part in rows.groupby(KIND):
        print(f"\nlabels that the reference needs, {', '.join(kind)}\n{worth(part).round().to_string()}")
    if args.picture:
        draw(rows[rows["pool_shares"] == "same"], args.picture)


if __name__ == "__main__":
    main()
