"""From the rows of a few-shot run to a summary in Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pandas as pd
from methods import OURS, REFERENCE
from scipy.stats import t

CELL = ["shares", "dataset", "labels"]
PACKAGES = ("sktart", "numpy", "scipy", "scikit-learn", "torch", "sentence-transformers")
METRICS = {"log_loss": -1, "accuracy": 1}  # and whether more is better


def paired_interval(differences: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Mean of paired differences, and half the width of its t-interval (infinite for a single pair)."""
    n = len(differences)
    if n < 2:
        return float(np.mean(differences)), np.inf
    error = np.std(differences, ddof=1) / np.sqrt(n)
    return float(np.mean(differences)), float(t.ppf((1 + level) / 2, n - 1) * error)


def verdict(mean: float, half_width: float, sign: int) -> str:
    """Name the result for us: a tie if the interval contains 0, else a win or a loss."""
    if abs(mean) <= half_width:
        return "tie"
    return "win" if mean * sign > 0 else "loss"


def compare(
    rows: pd.DataFrame, metric: str, ours: str = OURS, keys: Sequence[str] = tuple(CELL)
) -> pd.DataFrame:
    """Compare us with each baseline in each cell: means, paired difference, half-width, verdict."""
    results = []
    baselines = [name for name in rows["method"].unique() if name != ours]
    for cell, group in rows.groupby(list(keys), sort=False):
        by_seed = group.pivot(index="seed", columns="method", values=metric)
        for baseline in (name for name in baselines if {ours, name} <= set(by_seed)):
            mean, half_width = paired_interval((by_seed[ours] - by_seed[baseline]).to_numpy())
            results.append(
                dict(zip(keys, cell, strict=True))
                | {"baseline": baseline, "ours": by_seed[ours].mean(), "theirs": by_seed[baseline].mean()}
                | {"difference": mean, "half_width": half_width}
                | {"verdict": verdict(mean, half_width, METRICS[metric])}
            )
    return pd.DataFrame(results)


def markdown(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a table of Markdown; numbers get three decimals.

    >>> print(markdown(["labels", "accuracy"], [[8, 0.5]]))
    | labels | accuracy |
    | --- | --- |
    | 8 | 0.500 |
    """
    cells = [[f"{x:.3f}" if isinstance(x, float) else str(x) for x in row] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in [list(header), ["---"] * len(header), *cells])


def means_table(rows: pd.DataFrame) -> str:
    """Mean of every score per share, number of labels and method; each data set weighs the same."""
    scores = ["accuracy", "log_loss", "ece", "fit_seconds", "predict_seconds"]
    keys = ["shares", "labels", "method"]
    per_cell = rows.groupby([*CELL, "method"], sort=False, as_index=False)[scores].mean()
    groups = per_cell.groupby(keys, sort=False)
    table = groups[scores].mean().assign(sets=groups.size()).reset_index()
    table = table.sort_values(["shares", "labels"], kind="stable")
    columns = ["shares", "labels", "sets", "method", *scores]
    return markdown(columns, table[columns].itertuples(index=False))


def ratio_table(comparison: pd.DataFrame) -> str:
    """Geometric mean over data sets of our log-loss over the reference's, per share and number of labels."""
    table = comparison[comparison["baseline"] == REFERENCE]
    table = table.assign(log_ratio=np.log(table["ours"] / table["theirs"]))
    groups = table.groupby(["shares", "labels"])["log_ratio"]
    lines = [
        [*key, len(group), float(np.exp(group.mean())), float(np.exp(group.max()))] for key, group in groups
    ]
    return markdown(["shares", "labels", "sets", "ratio", "worst set"], lines)


def overview_table(comparisons: dict[str, pd.DataFrame], modalities: Mapping[str, str]) -> str:
    """Ratio of log-loss to the reference's and difference in accuracy over cells of 16 labels and more.

    Geometric and arithmetic means over cells, per share for each modality and for all data sets.
    """
    loss, accuracy = (
        table[(table["baseline"] == REFERENCE) & (table["labels"] >= 16)].reset_index(drop=True)
        for table in (comparisons["log_loss"], comparisons["accuracy"])
    )
    log_ratio = np.log(loss["ours"] / loss["theirs"])
    kinds = loss["dataset"].map(modalities)
    lines = []
    for shares in loss["shares"].unique():
        for kind in [*kinds.unique(), "all"]:
            chosen = (loss["shares"] == shares) & ((kinds == kind) | (kind == "all"))
            if chosen.any():
                ratio, points = np.exp(log_ratio[chosen].mean()), 100 * accuracy["difference"][chosen].mean()
                lines.append([shares, kind, int(chosen.sum()), float(ratio), f"{points:+.2f}"])
    return markdown(["shares", "modality", "cells", "ratio", "accuracy, points"], lines)


def tally_table(comparisons: dict[str, pd.DataFrame]) -> str:
    """Cells won, tied and lost against each baseline."""
    lines = []
    for metric, comparison in comparisons.items():
        for (shares, baseline), group in comparison.groupby(["shares", "baseline"], sort=False):
            counts = group["verdict"].value_counts()
            lines.append([metric, shares, baseline, *(counts.get(key, 0) for key in ("win", "tie", "loss"))])
    return markdown(["metric", "shares", "baseline", "win", "tie", "loss"], lines)


def cells_table(comparisons: dict[str, pd.DataFrame]) -> str:
    """Every cell on a line: our score, and the difference to each baseline; losses are bold."""
    baselines = list(next(iter(comparisons.values()))["baseline"].unique())
    lines = []
    for metric, comparison in comparisons.items():
        for cell, group in comparison.groupby(CELL, sort=False):
            against = {row.baseline: row for row in group.itertuples()}
            lines.append(
                [metric, *cell, group["ours"].iloc[0], *(_difference(against.get(b)) for b in baselines)]
            )
    return markdown(["metric", *CELL, OURS, *(f"- {baseline}" for baseline in baselines)], lines)


def _difference(row) -> str:
    """Write a difference with its half-width, with W for a win and a bold L for a loss."""
    if row is None:
        return ""
    text = f"{row.difference:+.3f} ± {row.half_width:.3f}"
    return {"win": f"{text} W", "loss": f"**{text} L**", "tie": text}[row.verdict]


def machine() -> str:
    """Describe what the run ran on."""
    names = [f"python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            names.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            names.append(f"{package} from source")
    return f"{os.cpu_count()} cores, {_processor()}; {', '.join(names)}"


def _processor() -> str:
    """Name the processor as far as the platform tells."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


NOTES = f"""\
All methods see the same features: MiniLM embeddings of texts as they are (unit norm); pixels in 0 to 1
through PCA (at most 64 components); log-mel statistics and tables standardised. PCA and scaling are fitted
on the labelled rows only. `log_loss` floors probabilities at 1e-7; `ece` has 15 bins of equal width; seconds
include loading the checkpoint. A cell is a data set at a number of labels. Differences are {OURS} minus the
baseline, paired by seed, with 95 % t-intervals; a tie is an interval that contains 0. Not every data set can
give every number of labels, so means at different numbers are over different sets. `{REFERENCE}`
falls back to C = 1 where a class has one labelled row.
"""


def summarise(rows: pd.DataFrame, checkpoint: str | None) -> str:
    """Write the whole summary."""
    seeds = ", ".join(str(seed) for seed in sorted(rows["seed"].unique()))
    parts = [
        "# Few-shot benchmark",
        f"Machine: {machine()}.  \nSeeds: {seeds}.  \nCheckpoint: {checkpoint or 'the default'}.",
        NOTES,
        "## Means",
        means_table(rows),
    ]
    if OURS in set(rows["method"]) and rows["method"].nunique() > 1:
        comparisons = {metric: compare(rows, metric) for metric in METRICS}
        if REFERENCE in set(rows["method"]):
            modalities = dict(zip(rows["dataset"], rows["modality"], strict=True))
            parts += [f"## Log-loss of {OURS} over {REFERENCE}", ratio_table(comparisons["log_loss"])]
            parts += [
                f"## Against {REFERENCE} with 16 labels and more",
                overview_table(comparisons, modalities),
            ]
        parts += [
            "## Cells won, tied, lost",
            tally_table(comparisons),
            "## All cells",
            cells_table(comparisons),
        ]
    return "\n\n".join(part.strip() for part in parts) + "\n"
