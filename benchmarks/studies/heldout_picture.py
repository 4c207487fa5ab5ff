"""Draw the picture of docs/results.md: TartReasoner against LogisticRegressionCV on the validation texts, labels only.

python -m benchmarks.studies.heldout_picture
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.fewshot.methods import OURS, REFERENCE
from benchmarks.pictures import in_our_style
from benchmarks.studies.knowledge import by_labels

ROOT = Path(__file__).parents[2]
# Okabe and Ito: distinct to the colour-blind.
BETTER, WORSE, GREY = "#0072B2", "#D55E00", "#555555"


def draw_gains(axes: Axes, labels: pd.Series, gains: pd.Series, title: str) -> None:
    """Draw a bar for each number of labels, up where TartReasoner is better."""
    bars = axes.bar(labels.astype(str), gains, 0.62, color=[BETTER if gain >= 0 else WORSE for gain in gains])
    numbers = [f"{gain:+.1f}" if gain else "0" for gain in gains.round(1)]
    axes.bar_label(bars, numbers, padding=3, color=GREY, fontsize=11)
    axes.axhline(0, color=GREY, linewidth=1.2)
    axes.set_title(title, loc="left", color=GREY, fontsize=12, fontweight="bold", pad=10)
    axes.set_xlabel("labelled texts", color=GREY)
    axes.tick_params(colors=GREY, length=0)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)
    axes.margins(y=0.14)


def gains(cells: pd.DataFrame, reference: str = REFERENCE) -> pd.DataFrame:
    """Return the ratio of log-losses and the points of accuracy over a reference, a line for each number of labels."""
    cells = cells[(cells["split"] == "validation") & cells["method"].isin([OURS, reference])]
    lines = by_labels(cells.replace({"method": {reference: REFERENCE}})).xs(OURS, level="method").iloc[0]
    table = lines.unstack(0).rename(columns={"log-loss ratio": "log_loss_ratio", "points": "accuracy_points"})
    return table.rename_axis("labels").reset_index()


@in_our_style
def picture(rows: pd.DataFrame) -> Figure:
    """Draw both panels in the same scale, so that small gains look small."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, gridspec_kw={"wspace": 0.08})
    saved = 100 * (1 - rows["log_loss_ratio"])
    draw_gains(left, rows["labels"], saved, "Better probabilities: % of log-loss saved")
    draw_gains(right, rows["labels"], rows["accuracy_points"], "Decisions: points of accuracy gained")
    what = "TartReasoner compared with LogisticRegressionCV, the zero line, on ten text sets. Up is better."
    figure.supxlabel(what, color=GREY, fontsize=10)
    return figure


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, default=ROOT / "benchmarks/results/knowledge_cells.csv")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/results.png")
    args = parser.parse_args(argv)
    cells = pd.read_csv(args.rows)
    for reference in (REFERENCE, "LogisticRegression(C=1)"):
        print(reference, gains(cells, reference).round(3).to_string(index=False), sep="\n")
    picture(gains(cells)).savefig(args.out, dpi=150)


if __name__ == "__main__":
    main()
