"""The targets of the project against what was measured: sktart, tuned and plain logistic regression."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.fewshot.methods import OURS, REFERENCE
from benchmarks.fewshot.pairing import CELL, TASK

PLAIN = "LogisticRegression(C=1)"
LABELS = (8, 256)  # numbers of labels, from and to, that the targets are for
GROUP = ["split", "modality", "encoder", "shares", "noise", "pool", "pool_shares"]
MODALITIES = ["text", "image", "audio", "table"]  # in this order
CLASSES = {"2": 2, "3-8": 8, "9-14": 14, "more": np.inf}  # up to


class Target(NamedTuple):
    """What a column has to reach: `bound` on all cells of texts, e5, balanced, no noise; else `elsewhere`."""

    bound: float
    elsewhere: float
    sign: int

    def missed(self, value: float, main: bool) -> bool:
        """Tell whether a value is on the wrong side."""
        return self.sign * (value - (self.bound if main else self.elsewhere)) < 0


TARGETS = {
    "log_loss_ratio": Target(0.9, 1, -1),
    "accuracy_points": Target(0.5, 0, 1),
    "accuracy_points_over_c1": Target(0, 0, 1),
    "both_beaten_percent": Target(90, 50, 1),
    "worst_task_points": Target(-2, -2, 1),
    "ece_ratio_over_c1": Target(0.5, 0.5, -1),
    "ece_ratio": Target(1, 1, -1),
}
MAIN = ("text", "e5", "balanced", 0, 0, "same")  # in `GROUP`, after the split


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
    """Compute the columns of `TARGETS` for each group of cells, and each value of `by` in it.

    Every cell weighs the same. `missed` names the targets that are missed; of parts of a group, and of groups other
    than the main one, only the sign is asked for.
    """
    keys = [*GROUP, by] if by else GROUP
    groups = cells.groupby(keys, observed=True)
    means = groups.mean(numeric_only=True)
    tasks = cells.groupby(list(dict.fromkeys([*keys, *TASK])), observed=True)["over_cv"].mean().reset_index()
    worst = tasks.sort_values("over_cv", kind="stable").drop_duplicates(keys).set_index(keys, drop=False)
    table = pd.DataFrame(
        {
            "tasks": tasks.groupby(keys, observed=True).size(),
            "cells": groups.size(),
            "log_loss_ratio": means["loss_ours"] / means["loss_cv"],
            "accuracy_points": means["over_cv"],
            "accuracy_points_over_c1": means["over_plain"],
            "both_beaten_percent": means["beaten"],
            "worst_task_points": worst["over_cv"],
            "ece_ratio_over_c1": means["ece_ours"] / means["ece_plain"],
            "ece_ratio": means["ece_ours"] / means["ece_cv"],
            "worst_task": worst["dataset"],
            "ece": means["ece_ours"],
        }
    )
    table["missed"] = [
        " ".join(name for name, target in TARGETS.items() if target.missed(line[name], key[1:] == MAIN))
        for key, line in table.iterrows()
    ]
    return table.reset_index()
