"""The targets of the project against what was measured: sktart, tuned and plain logistic regression."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.fewshot.methods import OURS, REFERENCE
from benchmarks.fewshot.pairing import CELL, TASK

PLAIN = "LogisticRegression(C=1)"
LABELS = (8, 256)  # numbers of labels, from and to, that the targets are for
GROUP = ["split", "modality", "encoder", "shares", "noise"]
MODALITIES = ["text", "image", "audio", "table"]  # in this order
CLASSES = {"2": 2, "3-8": 8, "9-14": 14, "more": np.inf}  # up to


class Target(NamedTuple):
    """What a column has to reach: `bound` on texts, MiniLM, balanced, no noise; `elsewhere` only the sign."""

    bound: float
    elsewhere: float
    sign: int
    form: str

    def missed(self, value: float, main: bool) -> bool:
        """Tell whether a value is on the wrong side."""
        return self.sign * (value - (self.bound if main else self.elsewhere)) < 0


TARGETS = {
    "log-loss / CV": Target(0.9, 1, -1, "{:.3f}"),
    "accuracy - CV": Target(0.5, 0, 1, "{:+.2f}"),
    "accuracy - C=1": Target(0, 0, 1, "{:+.2f}"),
    "both beaten, %": Target(90, 50, 1, "{:.0f}"),
    "worst task": Target(-2, -2, 1, "{:+.2f}"),
    "ECE / C=1": Target(0.5, 0.5, -1, "{:.2f}"),
    "ECE / CV": Target(1, 1, -1, "{:.2f}"),
}
KEYS = ["split", "data", "shares", "noise"]
HEADER = ["tasks", "cells", *TARGETS, "worst is", "ECE"]


def measure_cells(rows: pd.DataFrame) -> pd.DataFrame | None:
    """Compare the three methods in each cell, in means over the seeds that all three have.

    A line a cell, with the columns of `CELL`, `bin` of the number of classes, log-losses and calibration errors, our
    accuracy in points over each of the others, and whether our log-loss is below both of theirs, in percent. None
    where one of the three was not run at all.
    """
    three, scores = [OURS, REFERENCE, PLAIN], ["log_loss", "accuracy", "ece"]
    if not set(three) <= set(rows["method"]):
        return None
    chosen = rows[rows["method"].isin(three)]
    wide = chosen.pivot(index=[*CELL, "seed"], columns="method", values=scores).dropna()
    means = wide.groupby(level=CELL).mean()
    loss, accuracy, ece = (means[score][three].set_axis(["ours", "cv", "plain"], axis=1) for score in scores)
    cells = loss.add_prefix("loss_").join(ece.add_prefix("ece_"))
    cells["over_cv"] = 100 * (accuracy["ours"] - accuracy["cv"])
    cells["over_plain"] = 100 * (accuracy["ours"] - accuracy["plain"])
    cells["beaten"] = 100.0 * (loss["ours"] < loss[["cv", "plain"]].min(axis=1))
    cells = cells.reset_index()
    bins = pd.cut(cells["classes"], [1, *CLASSES.values()], labels=list(CLASSES))
    return cells.assign(bin=bins, modality=pd.Categorical(cells["modality"], MODALITIES))


def measure(cells: pd.DataFrame, by: str | None = None) -> pd.DataFrame:
    """Compute `HEADER` for each group of cells, and each value of `by` in it; every cell weighs the same."""
    keys = [*GROUP, by] if by else GROUP
    groups = cells.groupby(keys, observed=True)
    means = groups.mean(numeric_only=True)
    tasks = cells.groupby(list(dict.fromkeys([*keys, *TASK])), observed=True)["over_cv"].mean().reset_index()
    worst = tasks.sort_values("over_cv", kind="stable").drop_duplicates(keys).set_index(keys, drop=False)
    return pd.DataFrame(
        {
            "tasks": tasks.groupby(keys, observed=True).size(),
            "cells": groups.size(),
            "log-loss / CV": means["loss_ours"] / means["loss_cv"],
            "accuracy - CV": means["over_cv"],
            "accuracy - C=1": means["over_plain"],
            "both beaten, %": means["beaten"],
            "worst task": worst["over_cv"],
            "ECE / C=1": means["ece_ours"] / means["ece_plain"],
            "ECE / CV": means["ece_ours"] / means["ece_cv"],
            "worst is": worst["dataset"],
            "ECE": means["ece_ours"],
        }
    )[HEADER]


def start_of_line(key: Sequence) -> list[str]:
    """Write the values of `GROUP` as those of `KEYS`."""
    split, modality, encoder, shares, noise = key
    return [split, f"{modality}, {encoder}", shares, f"{noise:g}"]


def lines(measured: pd.DataFrame) -> Iterator[list[object]]:
    """Yield the cells of a Markdown table for what `measure` returns; what misses its target is bold."""
    for (split, modality, encoder, shares, noise, *rest), line in measured.iterrows():
        # Full targets are for all cells of the main group, not for parts of it.
        main = not rest and is_main(modality, encoder, shares, noise)
        values = [
            f"**{target.form.format(line[name])}**"
            if target.missed(line[name], main)
            else target.form.format(line[name])
            for name, target in TARGETS.items()
        ]
        start = start_of_line((split, modality, encoder, shares, noise))
        yield [*start, *rest, line["tasks"], line["cells"], *values, line["worst is"], line["ECE"]]


def target_lines() -> Iterator[list[object]]:
    """Yield what has to be reached, as two more lines of the first table."""
    for main, who in ((True, ["text, minilm", "balanced", "0"]), (False, ["else", "", ""])):
        bounds = [
            f"{'≥' if target.sign > 0 else '≤'} {target.bound if main else target.elsewhere:g}"
            for target in TARGETS.values()
        ]
        yield ["target", *who, "", "", *bounds, "", ""]


def is_main(modality: str, encoder: str, shares: str, noise: float) -> bool:
    """Whether the full targets hold, not only their signs."""
    return (modality, encoder, shares, noise) == ("text", "minilm", "balanced", 0)
