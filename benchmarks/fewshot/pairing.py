"""Comparisons of methods on what they were both measured on, so that a gap in one moves no other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import t

from benchmarks.fewshot.methods import OURS

SETTING = ["split", "shares", "noise", "pool", "pool_shares"]
TASK = ["split", "modality", "dataset", "encoder", "classes"]
CELL = [*TASK, "shares", "noise", "pool", "pool_shares", "labels"]
METRICS = {"log_loss": -1, "accuracy": 1}  # those with verdicts, and whether more is better
SIGNS = METRICS | {"brier": -1, "ece": -1, "auroc": 1}


def pair(rows: pd.DataFrame, metric: str, methods: Sequence[str]) -> pd.DataFrame:
    """Mean over seeds in each cell, (cells, methods), over the cells and seeds that all `methods` have."""
    chosen = rows[rows["method"].isin(methods)]
    wide = chosen.pivot(index=[*CELL, "seed"], columns="method", values=metric)
    return wide.reindex(columns=list(methods)).dropna().groupby(level=CELL).mean()


def paired_interval(differences: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Mean of paired differences, and half the width of its t-interval (infinite for a single pair)."""
    mean, half_width = _intervals(np.mean(differences), np.var(differences), len(differences), level)
    return float(mean), float(half_width)


def _intervals(mean, variance, n, level=0.95):
    """Means and half-widths from means, variances (divided by n) and numbers of pairs, of any one shape."""
    freedom = np.maximum(np.subtract(n, 1), 1)
    half_width = t.ppf((1 + level) / 2, freedom) * np.sqrt(variance / freedom)
    return mean, np.where(np.less(n, 2), np.inf, half_width)


def verdict(mean: float, half_width: float, sign: int) -> str:
    """Name the result for us: a tie if the interval contains 0, else a win or a loss."""
    if abs(mean) <= half_width:
        return "tie"
    return "win" if mean * sign > 0 else "loss"


def compare(
    rows: pd.DataFrame, metric: str, ours: str = OURS, keys: Sequence[str] = tuple(CELL)
) -> pd.DataFrame:
    """Compare us with each baseline in each cell: means, paired difference, half-width, verdict.

    A line is there for every cell and baseline with a seed that both have.
    """
    keys = list(keys)
    wide = rows.pivot(index=[*keys, "seed"], columns="method", values=metric)
    tables = []
    for baseline in (name for name in rows["method"].unique() if name != ours and ours in wide):
        both = wide[[ours, baseline]].dropna().set_axis(["ours", "theirs"], axis=1)
        both["difference"] = both["ours"] - both["theirs"]
        cells = both.groupby(level=keys)
        mean, half_width = _intervals(
            cells["difference"].mean(), cells["difference"].var(ddof=0), cells.size()
        )
        table = cells.mean().assign(baseline=baseline, half_width=half_width)
        table["verdict"] = [verdict(*pair, METRICS[metric]) for pair in zip(mean, half_width, strict=True)]
        tables.append(table.reset_index())
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
