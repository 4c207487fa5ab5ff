"""The leaderboard: what became of each candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, log_loss

from sktart.auto._scores import Scorer
from sktart.auto._search import Result

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("candidate", "score", "standard_error", "log_loss", "accuracy"),
    *("fit_seconds", "predict_seconds", "megabytes", "weight", "error"),
)


def make_leaderboard(
    results: Sequence[Result],
    weights: NDArray[np.float64],
    failures: Mapping[str, str],
    scorer: Scorer | None,
    scored: NDArray[np.bool_] | None,
) -> dict[str, list[Any]]:
    """Return columns with an entry for each candidate, the best score first, those without a score last.

    Columns: `candidate`; `score`, larger is better, with its `standard_error`; `log_loss` and `accuracy`;
    `fit_seconds` of one fit behind the encoder, `predict_seconds` of 1,000 rows with it; `megabytes` of the model
    without its encoder; `weight` in the kept mixture; and `error`, why there is no score.
    """
    rows = []
    for result, weight in zip(results, weights, strict=True):
        assert scorer is not None
        classes = scorer.answers.classes_
        proba = result.proba[scored]
        seen = scorer.answers.predict_proba(proba[:, scorer.seen])
        rows.append(
            {
                "candidate": result.candidate.name,
                "score": scorer(proba),
                "standard_error": result.standard_error,
                "log_loss": log_loss(scorer.y, seen, labels=classes, sample_weight=scorer.weight),
                "accuracy": accuracy_score(
                    scorer.y, classes[seen.argmax(axis=1)], sample_weight=scorer.weight
                ),
                "fit_seconds": result.fit_seconds,
                "predict_seconds": result.predict_seconds,
                "megabytes": result.megabytes,
                "weight": weight,
                "error": "",
            }
        )
    rows.sort(key=lambda row: -row["score"])
    nothing = dict.fromkeys(COLUMNS, np.nan)
    rows += [
        {**nothing, "candidate": name, "weight": 0.0, "error": error} for name, error in failures.items()
    ]
    return {name: [row[name] for row in rows] for name in COLUMNS}


def plot_leaderboard(leaderboard: pd.DataFrame, ax: Any = None) -> Any:
    """Draw the score of each candidate against the time of 1,000 predictions."""
    import matplotlib.pyplot as plt

    ax = plt.subplots(figsize=(6.4, 6.0), layout="constrained")[1] if ax is None else ax
    scored = leaderboard.dropna(subset="score")
    for rank, (_, row) in enumerate(scored.iterrows(), 1):
        is_kept = row["weight"] > 0
        ax.errorbar(
            row["predict_seconds"],
            row["score"],
            row["standard_error"],
            fmt="D" if is_kept else "o",
            color="tab:orange" if is_kept else "tab:blue",
            capsize=2,
            label=f"{rank}  {row['candidate']}" + (f", weight {row['weight']:.2f}" if is_kept else ""),
        )
        ax.annotate(
            str(rank), (row["predict_seconds"], row["score"]), xytext=(6, 4), textcoords="offset points"
        )
    ax.set(xscale="log", xlabel="seconds for 1,000 predictions", ylabel="score, larger is better")
    ax.legend(loc="upper left", bbox_to_anchor=(0.0, -0.14), fontsize=8, frameon=False)
    return ax
