"""FLAML and AutoGluon, in an environment of their own: python benchmarks/auto/rivals.py NAME FOLDER SECONDS.

The folder holds `known.csv`, with a column of labels, and `asked.csv`. Probabilities are written to `proba.csv` there.
Nothing of this repository is imported, so that their environment need not hold it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

LABEL = "label of the row"
# A search that takes so many times its seconds is stopped.
PATIENCE = 5


class Rival(ClassifierMixin, BaseEstimator):
    """One of them, as an estimator; the search runs when it is asked.

    Parameters
    ----------
    name : {"FLAML", "AutoGluon"}
    python : str
        Interpreter of its environment.
    seconds : float
        That it is given.
    """

    def __init__(self, name: str, python: str, seconds: float) -> None:
        self.name, self.python, self.seconds = name, python, seconds

    def fit(self, X: Any, y: np.ndarray) -> Rival:
        """Keep rows and labels."""
        self.classes_ = np.unique(y)
        # Places of labels: a file would not tell False from "False".
        self.known = _named(X).assign(**{LABEL: np.searchsorted(self.classes_, y)})
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Search, and return the probability of each class; NaN where the search fails, or does not end."""
        with tempfile.TemporaryDirectory() as folder:
            self.known.to_csv(Path(folder) / "known.csv", index=False)
            _named(X).to_csv(Path(folder) / "asked.csv", index=False)
            words = [Path(self.python).absolute(), __file__, self.name, folder, str(self.seconds)]
            try:
                # There, as they leave files where they run.
                limit = PATIENCE * self.seconds
                subprocess.run(words, check=True, capture_output=True, timeout=limit, cwd=folder)
            except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
                return np.full((len(X), len(self.classes_)), np.nan)
            return pd.read_csv(Path(folder) / "proba.csv").to_numpy()


def _named(X: Any) -> pd.DataFrame:
    return X if isinstance(X, pd.DataFrame) else pd.DataFrame(X, columns=[f"v{i}" for i in range(X.shape[1])])


def run_flaml(known: pd.DataFrame, asked: pd.DataFrame, seconds: float, folder: Path) -> Any:
    """Return probabilities."""
    from flaml import AutoML

    model = AutoML()
    rows, y = known.drop(columns=LABEL), known[LABEL]
    # It takes no texts of pandas 3 for categories.
    both = pd.concat([rows, asked])
    words = [name for name in both if not pd.api.types.is_numeric_dtype(both[name])]
    kinds = {name: pd.CategoricalDtype(both[name].dropna().unique()) for name in words}
    rows, asked = rows.astype(kinds), asked.astype(kinds)
    model.fit(rows, y, task="classification", metric="log_loss", time_budget=seconds, seed=0, verbose=0)
    return model.predict_proba(asked)


def run_autogluon(known: pd.DataFrame, asked: pd.DataFrame, seconds: float, folder: Path) -> Any:
    """Return probabilities."""
    from autogluon.tabular import TabularPredictor

    kind = (
        "binary" if known[LABEL].nunique() == 2 else "multiclass"
    )  # few numbers would count as a regression
    made = TabularPredictor(LABEL, kind, eval_metric="log_loss", verbosity=0, path=str(folder / "models"))
    return made.fit(known, time_limit=seconds, presets="medium_quality").predict_proba(asked).to_numpy()


RIVALS = {"FLAML": run_flaml, "AutoGluon": run_autogluon}


def main(name: str, place: str, seconds: str) -> None:
    """Answer the rows of a folder."""
    folder = Path(place)
    known, asked = (pd.read_csv(folder / f"{part}.csv") for part in ("known", "asked"))
    # A column of words may have nothing but numbers in one of the files.
    words = [
        name
        for name in asked
        if len({pd.api.types.is_numeric_dtype(part[name]) for part in (known, asked)}) > 1
    ]
    known, asked = (part.astype(dict.fromkeys(words, str)) for part in (known, asked))
    proba = RIVALS[name](known, asked, float(seconds), folder)
    pd.DataFrame(proba).to_csv(folder / "proba.csv", index=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
