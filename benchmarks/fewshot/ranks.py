"""Comparisons over tasks: ranks, the tests of Friedman and Nemenyi, signed ranks with Holm's correction.

A task is a data set with an encoder, its score a mean over numbers of labels and seeds.
See J. Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 7 (2006).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import friedmanchisquare, rankdata, studentized_range, wilcoxon

from benchmarks.fewshot.methods import OURS
from benchmarks.fewshot.pairing import CELL, SIGNS, TASK, pair

SCOPES = {"all": np.inf, "up to 4 classes": 4}  # the second for methods that are too slow for more
COVERAGE = 0.9  # a method ranks with the others if it has so much of the cells


def ranked_methods(rows: pd.DataFrame) -> list[str]:
    """Methods with at least `COVERAGE` of all cells; ranking one with fewer would cost all others theirs."""
    cells = rows[[*CELL, "method"]].drop_duplicates()
    share = cells["method"].value_counts() / len(cells[CELL].drop_duplicates())
    return [name for name in rows["method"].unique() if share[name] >= COVERAGE]


def task_scores(rows: pd.DataFrame, metric: str, methods: Sequence[str]) -> pd.DataFrame:
    """Mean score, (tasks, methods), over the cells that all `methods` have."""
    return pair(rows, metric, methods).groupby(level=TASK).mean()


def mean_ranks(scores: pd.DataFrame, sign: int) -> pd.Series:
    """Mean over tasks of each method's rank, 1 for the best; equal scores share their ranks."""
    return pd.Series(rankdata(-sign * scores.to_numpy(), axis=1).mean(axis=0), scores.columns)


def friedman(scores: pd.DataFrame) -> float:
    """Probability of ranks this uneven if all methods were alike; 1 where there are too few to tell."""
    values = scores.to_numpy()
    if values.shape[0] < 2 or values.shape[1] < 3 or not np.ptp(values, axis=1).any():
        return 1.0
    return float(friedmanchisquare(*values.T).pvalue)


def critical_difference(n_methods: int, n_tasks: int, level: float = 0.95) -> float:
    """Return the difference between two mean ranks that Nemenyi's test calls significant."""
    q = studentized_range.ppf(level, n_methods, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(n_methods * (n_methods + 1) / (6 * n_tasks)))


def holm(p: Sequence[float]) -> np.ndarray:
    """Adjust p-values of one family: the smallest times n, the next times n - 1, ..., never decreasing."""
    values = np.asarray(p, dtype=float)
    order = values.argsort()
    adjusted = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)).clip(max=1)
    result = np.empty_like(adjusted)
    result[order] = adjusted
    return result


def signed_rank(differences: Sequence[float]) -> float:
    """Two-sided p of Wilcoxon's signed-rank test; 1 where no pair differs."""
    values = np.asarray(differences, dtype=float)
    values = values[values != 0]
    return float(wilcoxon(values).pvalue) if len(values) else 1.0


def signed_ranks(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Ours against each baseline over the tasks both have: tasks, better on, median difference, p, Holm's p."""
    lines = []
    for name in (name for name in rows["method"].unique() if name != OURS):
        scores = task_scores(rows, metric, [OURS, name])
        differences = (scores[OURS] - scores[name]).to_numpy()
        if len(differences):
            better = int((SIGNS[metric] * differences > 0).sum())
            lines.append(
                [name, len(differences), better, float(np.median(differences)), signed_rank(differences)]
            )
    table = pd.DataFrame(lines, columns=["baseline", "tasks", "better", "median_difference", "p"])
    return table.assign(p_holm=holm(table["p"]))
