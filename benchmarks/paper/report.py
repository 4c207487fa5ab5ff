"""From the results of the paper's table to a report in Markdown."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.fewshot.report import METRICS, compare, machine, markdown
from benchmarks.paper.methods import OURS, REFERENCE

GROUP = ["modality", "encoder", "protocol", "labels"]
CELL = ["dataset", "encoder", "protocol", "labels"]

NOTES = f"""\
Every task has two classes, equally often among the labelled rows and among the queries. "16" are the first 16
principal components of the labelled rows' features, whitened (fewer where the rows determine fewer); the other methods
see all features. `{REFERENCE}` is L2 logistic regression with C chosen by log-loss over up to five folds;
`LogisticRegression, 16` has C = 1. Pixels go through PCA (at most 64 components), log-mel statistics are standardised,
both fitted on the labelled rows. Log-loss floors probabilities at 1e-7. Differences are paired by seed; a cell is a
tie if their 95 % t-interval contains 0.
"""


def summarise(rows: pd.DataFrame, missing: dict[str, str], args: Namespace) -> str:
    """Write the whole report."""
    parts = ["# The paper's table", settings(rows, args), NOTES]
    scored = rows if rows.empty or "failed" not in rows else rows[rows["failed"].isna()]
    if not scored.empty:
        scored = scored.assign(encoder=scored["encoder"].map(short))
        verdicts = compare_all(scored)
        parts += ["## Means over tasks: accuracy, log-loss", means_table(scored)]
        parts += ["## Cells won, tied, lost", tally_table(verdicts)]
        parts += [
            "## Every cell: accuracy, log-loss",
            f"Bold: lost against {REFERENCE} in that score.",
            cells_table(scored, verdicts),
        ]
    parts += ["## Without a result", failures_table(rows, missing)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def settings(rows: pd.DataFrame, args: Namespace) -> str:
    """Say what ran where."""
    sources = (
        ""
        if rows.empty
        else ", ".join(
            f"{source} ({count})" for source, count in rows.groupby("source")["dataset"].nunique().items()
        )
    )
    cut = f"cut at {args.max_chars} characters" if args.max_chars else "whole"
    return (
        f"Machine: {machine()}.  \n"
        f"Seeds: 0 to {args.seeds - 1}; at most {args.queries} queries a task; texts {cut}.  \n"
        f"Tasks from: {sources or 'nowhere'}.  \n"
        f"Decoder: {short(args.decoder)}, {args.permutations} order(s) of the context; where that is longer than what "
        "the decoder reads at once, the mean over random draws of that length, as many as go into it, rounded up."
    )


def short(name: str) -> str:
    """Name a folder by its last part, so that a report holds no paths of a machine."""
    return Path(name).name if Path(name).is_dir() else name


def compare_all(rows: pd.DataFrame) -> pd.DataFrame:
    """Compare each reasoner with each other method in each cell, in both scores."""
    present = [name for name in OURS if (rows["method"] == name).any()]
    tables = [
        compare(rows, metric, ours, CELL).assign(metric=metric, method=ours)
        for metric in METRICS
        for ours in present
    ]
    if not tables:
        return pd.DataFrame()
    verdicts = pd.concat(tables, ignore_index=True)
    # Of two reasoners, the comparison is seen from the first.
    twice = [
        baseline in OURS and OURS.index(baseline) < OURS.index(ours)
        for baseline, ours in zip(verdicts["baseline"], verdicts["method"], strict=True)
    ]
    return verdicts[~np.array(twice)]


def means_table(rows: pd.DataFrame) -> str:
    """Means of accuracy and log-loss over tasks, each task weighing the same; a column a method."""
    scores = ["accuracy", "log_loss"]
    per_task = rows.groupby(["dataset", *GROUP, "method"], sort=False, as_index=False)[scores].mean()
    methods = list(rows["method"].unique())
    lines = []
    for key, group in per_task.groupby(GROUP, sort=False):
        means = group.groupby("method")[scores].mean().reindex(methods)
        lines.append([*key, group["dataset"].nunique(), *(_pair(*means.loc[name]) for name in methods)])
    return markdown([*GROUP, "tasks", *methods], lines)


def tally_table(verdicts: pd.DataFrame) -> str:
    """Cells won, tied and lost by each reasoner against each other method."""
    lines = []
    if not verdicts.empty:
        for key, group in verdicts.groupby(["metric", "method", "baseline"], sort=False):
            counts = group["verdict"].value_counts()
            lines.append([*key, *(int(counts.get(name, 0)) for name in ("win", "tie", "loss"))])
    return markdown(["score", "reasoner", "against", "win", "tie", "loss"], lines)


def cells_table(rows: pd.DataFrame, verdicts: pd.DataFrame) -> str:
    """Every cell on a line; what a reasoner lost against the reference is bold."""
    lost = set()
    if not verdicts.empty:
        chosen = verdicts[(verdicts["baseline"] == REFERENCE) & (verdicts["verdict"] == "loss")]
        lost = set(chosen[[*CELL, "method", "metric"]].itertuples(index=False, name=None))
    methods = list(rows["method"].unique())
    lines = []
    for key, group in rows.groupby(CELL, sort=False):
        means = group.groupby("method")[["accuracy", "log_loss"]].mean().reindex(methods)
        bold = [[(*key, name, metric) in lost for metric in ("accuracy", "log_loss")] for name in methods]
        lines.append([*key, *(_pair(*means.loc[name], *b) for name, b in zip(methods, bold, strict=True))])
    return markdown([*CELL, *methods], lines)


def failures_table(rows: pd.DataFrame, missing: dict[str, str]) -> str:
    """List tasks that are missing, and cells that failed, together where the reason is the same."""
    lines = [[name, "", "", "", "", reason] for name, reason in missing.items()]
    if not rows.empty and "failed" in rows:
        failed = rows[rows["failed"].notna()]
        for (encoder, reason), group in failed.groupby(["encoder", "failed"], sort=False):
            columns = [
                ", ".join(map(str, group[key].unique())) for key in ("dataset", "protocol", "labels", "seed")
            ]
            reason = " ".join(reason.replace(encoder, short(encoder)).replace("|", "\\|").split())
            lines.append([columns[0], short(encoder), *columns[1:], reason])
    if not lines:
        return "Nothing: every task was there, and every cell ran."
    return markdown(["task", "encoder", "protocol", "labels", "seeds", "why"], lines)


def _pair(accuracy: float, loss: float, accuracy_lost: bool = False, loss_lost: bool = False) -> str:
    return ", ".join(
        f"**{value:.3f}**" if lost else f"{value:.3f}"
        for value, lost in ((accuracy, accuracy_lost), (loss, loss_lost))
    )
