"""Plots of a few-shot run: ranks, learning curves, reliability diagrams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks.fewshot.acceptance import LABELS, MODALITIES
from benchmarks.fewshot.methods import OURS
from benchmarks.fewshot.pairing import SETTING, SIGNS
from benchmarks.fewshot.ranks import SCOPES, critical_difference, mean_ranks, ranked_methods, task_scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito: distinct to the colour-blind. Ours is black.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999"]
LINES = ["-", "--", ":"]
NAMES = {
    "log_loss": "log-loss",
    "accuracy": "accuracy",
    "ece": "calibration error",
}


def draw_all(rows: pd.DataFrame, folder: Path, bins: pd.DataFrame | None = None) -> list[Path]:
    """Write all plots, for each split, shares and label noise, and return their paths.

    Parameters
    ----------
    rows : DataFrame
        Of ``fewshot.csv``.
    folder : Path
        Made if it is not there.
    bins : DataFrame or None
        Of ``reliability.csv``; without them there are no reliability diagrams.
    """
    folder.mkdir(parents=True, exist_ok=True)
    looks = styles(list(rows["method"].unique()))
    paths = []
    for key, group in rows.groupby(SETTING):
        name = "-".join([*key[:2], f"{key[2]:g}"])
        figures = {"ranks": ranks_figure(group, looks), "curves": curves_figure(group, looks)}
        if bins is not None:
            chosen = bins[(bins[SETTING] == list(key)).all(axis=1)]
            figures["reliability"] = reliability_figure(chosen, looks)
        for kind, figure in figures.items():
            if figure is not None:
                figure.suptitle(
                    f"{key[0]}, {key[1]} classes, {100 * key[2]:g} % of labels wrong", fontsize=10
                )
                paths.append(folder / f"{kind}-{name}.png")
                save(figure, paths[-1])
    return paths


def save(figure: Figure, path: Path) -> None:
    """Write a figure in few colours, which makes a file a third as large."""
    from PIL import Image

    written = BytesIO()
    figure.savefig(written, dpi=120)
    Image.open(written).convert("RGB").quantize(64).save(path, optimize=True)


def styles(methods: Sequence[str]) -> dict[str, dict[str, object]]:
    """Give each method a look of its own; ours stands out."""
    looks: dict[str, dict[str, object]] = {}
    for i, name in enumerate(name for name in methods if name != OURS):
        looks[name] = {"color": COLOURS[i % len(COLOURS)], "linestyle": LINES[i // len(COLOURS) % len(LINES)]}
    return {OURS: {"color": "black", "linestyle": "-", "linewidth": 2.5, "zorder": 3}} | looks


def panels(n_rows: int, n_columns: int, width: float, height: float) -> tuple[Figure, np.ndarray]:
    """Make a figure of panels, (rows, columns), each `width` by `height` inches."""
    from matplotlib.figure import Figure

    figure = Figure((width * n_columns, height * n_rows + 0.4), layout="constrained")
    return figure, figure.subplots(n_rows, n_columns, squeeze=False)


def ranks_figure(rows: pd.DataFrame, looks: dict) -> Figure | None:
    """Draw mean ranks over tasks, and all that Nemenyi's test cannot tell from the best; None for under two tasks."""
    few = rows[rows["labels"].between(*LABELS)]
    scopes = []
    for scope, most in SCOPES.items():
        chosen = few[few["classes"] <= most]
        methods = ranked_methods(chosen) if len(chosen) else []
        scores = {metric: task_scores(chosen, metric, methods) for metric in NAMES if len(methods) > 1}
        if scores and len(scores["log_loss"]) > 1:
            scopes.append((scope, scores))
    if not scopes:
        return None
    figure, axes = panels(len(scopes), len(NAMES), 4.2, 0.4 + 0.24 * len(looks))
    for line, (scope, scores) in zip(axes, scopes, strict=True):
        for ax, metric in zip(line, NAMES, strict=True):
            draw_ranks(ax, mean_ranks(scores[metric], SIGNS[metric]), len(scores[metric]), looks)
            ax.set_title(f"{NAMES[metric]}, {scope}: {len(scores[metric])} tasks", fontsize=8)
    return figure


def draw_ranks(ax: Axes, ranks: pd.Series, n_tasks: int, looks: dict) -> None:
    """Draw a bar for each mean rank, and a band from the best as wide as the critical difference."""
    ranks = ranks.sort_values(ascending=False)
    width = critical_difference(len(ranks), n_tasks)
    ax.axvspan(ranks.min(), ranks.min() + width, color="0.88", zorder=0)
    bars = ax.barh(ranks.index, ranks, color=[looks[name]["color"] for name in ranks.index], height=0.6)
    ax.bar_label(bars, fmt="%.1f", fontsize=7, padding=2)
    ax.set_xlim(0, max(1.12 * len(ranks), ranks.min() + width))
    ax.set_xlabel("mean rank; grey: not told from the best", fontsize=7)
    ax.tick_params(labelsize=7)


def by_data(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the rows of each modality and encoder, with a name for them."""
    for modality in MODALITIES:
        for encoder, group in rows[rows["modality"] == modality].groupby("encoder"):
            yield f"{modality}, {encoder}", group


def curve(rows: pd.DataFrame, metric: str) -> tuple[pd.DataFrame, int]:
    """Mean score, (numbers of labels, methods), over the same tasks all along; and how many these are.

    They are the tasks with the most numbers of labels, among those of the targets. A method is missing (nan) where it
    lacks one of them.
    """
    table = rows.pivot_table(index=["labels", "dataset"], columns="method", values=metric, sort=False)
    few = table.loc[[labels <= LABELS[1] for labels, _ in table.index]]
    counts = few.groupby(level="dataset").size()
    kept = counts.index[counts == counts.max()]
    table = table[table.index.get_level_values("dataset").isin(kept)]
    groups = table.groupby(level="labels")
    means = groups.mean().where(table.notna().groupby(level="labels").all())
    return means[groups.size() == len(kept)], len(kept)


def curves_figure(rows: pd.DataFrame, looks: dict) -> Figure | None:
    """Draw log-loss and accuracy against the number of labels."""
    metrics = ["log_loss", "accuracy"]
    few = [name for name, group in by_data(rows) if (group["labels"] <= LABELS[1]).any()]
    if not few:
        return None
    figure, axes = panels(len(metrics), len(few), 3.3, 2.8)
    drawn = {}
    for column, (name, group) in zip(axes.T, ((n, g) for n, g in by_data(rows) if n in few), strict=True):
        for ax, metric in zip(column, metrics, strict=True):
            means, n_tasks = curve(group, metric)
            for method in (method for method in looks if method in means):
                (drawn[method],) = ax.plot(means.index, means[method], marker=".", **looks[method])
            ax.set_xscale("log", base=2)
            ax.set_xticks(means.index, labels=means.index)
            ax.tick_params(labelsize=7, which="both")
            ax.set_title(f"{name}: {n_tasks} data set{'s' * (n_tasks > 1)}", fontsize=8)
            ax.set_xlabel("labels", fontsize=8)
            ax.set_ylabel(NAMES[metric], fontsize=8)
        column[0].set_yscale("log")  # or the worst methods would press all others into one line
        for set_formatter in (column[0].yaxis.set_major_formatter, column[0].yaxis.set_minor_formatter):
            set_formatter("{x:g}")
    figure.legend(drawn.values(), drawn.keys(), loc="outside lower center", ncols=5, fontsize=8)
    return figure


def reliability_figure(bins: pd.DataFrame, looks: dict) -> Figure | None:
    """Draw the share of right answers against confidence, a panel for each method; bars: where the answers are."""
    bins = bins[bins["labels"].between(*LABELS)]
    kinds = list(by_data(bins))
    methods = [name for name in looks if name in set(bins["method"])]
    if not kinds:
        return None
    figure, axes = panels(len(kinds), len(methods), 1.6, 1.6)
    for line, (kind, group) in zip(axes, kinds, strict=True):
        for ax, method in zip(line, methods, strict=True):
            draw_reliability(ax, group[group["method"] == method], looks[method]["color"])
        line[0].set_ylabel(f"{kind}\nshare right", fontsize=8)
    for ax, method in zip(axes[0], methods, strict=True):
        ax.set_title(method.replace("(", "\n(", 1), fontsize=7)
    for ax in axes[-1]:
        ax.set_xlabel("confidence", fontsize=8)
    return figure


def draw_reliability(ax: Axes, bins: pd.DataFrame, colour: object) -> None:
    """Draw one diagram: bins pooled over numbers of labels, weighted by their rows."""
    weighted = (
        bins[["confidence", "right"]].mul(bins["rows"], axis=0).assign(rows=bins["rows"], bin=bins["bin"])
    )
    sums = weighted.groupby("bin").sum()
    confidence, right = sums["confidence"] / sums["rows"], sums["right"] / sums["rows"]
    ax.bar(confidence, sums["rows"] / max(sums["rows"].sum(), 1), width=0.05, color="0.85")
    ax.plot([0, 1], [0, 1], color="0.5", linewidth=0.8)
    ax.plot(confidence, right, marker=".", color=colour)
    ax.set(xlim=(0, 1), ylim=(0, 1), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
    ax.tick_params(labelsize=7)
