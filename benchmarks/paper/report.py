"""From the results of the paper's table to tables, as CSV files, and to a report in Markdown."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.fewshot.pairing import METRICS, compare
from benchmarks.paper.methods import OURS, REFERENCE
from benchmarks.printing import machine, markdown

GROUP = ["modality", "encoder", "protocol", "labels"]
CELL = ["dataset", "encoder", "protocol", "labels"]
SCORES = ["accuracy", "log_loss"]

NOTES = f"""\
Every task has two classes, equally often among the labelled rows and among the queries. "16" are the first 16
principal components of the labelled rows' features, whitened (fewer where the rows determine fewer); the other methods
see all features. `{REFERENCE}` is L2 logistic regression with C chosen by log-loss over up to five folds;
`LogisticRegression, 16` has C = 1. Pixels go through PCA (at most 64 components), log-mel statistics are standardised,
both fitted on the labelled rows. Log-loss floors probabilities at 1e-7. Differences are paired by seed; a cell is a
tie if their 95 % t-interval contains 0.
"""


def write(rows: pd.DataFrame, missing: dict[str, str], args: Namespace) -> str:
    """Write the tables into ``paper_*.csv`` and the report into ``paper.md``, and return the report."""
    tables = summaries(rows, missing)
    for name, table in tables.items():
        table.to_csv(args.out / f"paper_{name}.csv", index=False, float_format="%.4g")
    parts = ["# The paper's table", settings(rows, args), NOTES]
    if "means" in tables:
        parts += ["## Means over tasks: accuracy, log-loss", written(tables["means"])]
    if "failures" in tables:
        lines = tables["failures"].itertuples(index=False)
        parts += ["## Without a result", markdown(tables["failures"].columns, lines)]
    report = "\n\n".join(part.strip() for part in parts) + "\n"
    (args.out / "paper.md").write_text(report, encoding="utf-8")
    return report


def summaries(rows: pd.DataFrame, missing: dict[str, str]) -> dict[str, pd.DataFrame]:
    """Make every table that these results have something for."""
    tables = {"failures": failures(rows, missing)}
    scored = rows if rows.empty or "failed" not in rows else rows[rows["failed"].isna()]
    if not scored.empty:
        scored = scored.assign(encoder=scored["encoder"].map(short))
        verdicts = compare_all(scored)
        tables |= {"means": means(scored), "tally": tally(verdicts), "cells": cells(scored, verdicts)}
    return {name: table for name, table in tables.items() if len(table)}


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


def means(rows: pd.DataFrame) -> pd.DataFrame:
    """Means of accuracy and log-loss over tasks, each task weighing the same."""
    per_task = rows.groupby([*GROUP, "method", "dataset"], sort=False)[SCORES].mean()
    groups = per_task.groupby(level=[*GROUP, "method"], sort=False)
    table = groups.mean().reset_index()
    table.insert(len(GROUP), "tasks", groups.size().to_numpy())
    return table


def written(means: pd.DataFrame) -> str:
    """Write what `means` returns, a column a method."""
    pairs = means.assign(pair=[f"{a:.3f}, {b:.3f}" for a, b in means[SCORES].to_numpy()])
    keys = [*GROUP, "tasks"]
    wide = pairs.pivot(index=keys, columns="method", values="pair")
    wide = wide.reindex(pd.MultiIndex.from_frame(means[keys].drop_duplicates())).fillna("")
    methods = list(means["method"].unique())
    return markdown(
        [*keys, *methods],
        ([*key, *line] for key, line in zip(wide.index, wide[methods].to_numpy(), strict=True)),
    )


def tally(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Cells won, tied and lost by each reasoner against each other method."""
    if verdicts.empty:
        return verdicts
    columns = {"metric": "score", "method": "reasoner", "baseline": "against"}
    groups = verdicts.rename(columns=columns).groupby([*columns.values()], sort=False)
    counts = groups["verdict"].value_counts().unstack(fill_value=0)
    return counts.reindex(columns=["win", "tie", "loss"], fill_value=0).reset_index()


def cells(rows: pd.DataFrame, verdicts: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds of every cell and method, and what a reasoner lost against the reference."""
    table = rows.groupby([*CELL, "method"], sort=False, as_index=False)[SCORES].mean()
    lost = set()
    if not verdicts.empty:
        chosen = verdicts[(verdicts["baseline"] == REFERENCE) & (verdicts["verdict"] == "loss")]
        lost = set(chosen[[*CELL, "method", "metric"]].itertuples(index=False, name=None))
    for score in SCORES:
        table[f"{score}_lost"] = [
            (*key, score) in lost for key in table[[*CELL, "method"]].itertuples(index=False, name=None)
        ]
    return table


def failures(rows: pd.DataFrame, missing: dict[str, str]) -> pd.DataFrame:
    """List tasks that are missing, and cells that failed, together where the reason is the same."""
    lines = [[name, "", "", "", "", reason] for name, reason in missing.items()]
    if not rows.empty and "failed" in rows:
        failed = rows[rows["failed"].notna()]
        for (encoder, reason), group in failed.groupby(["encoder", "failed"], sort=False):
            columns = [
                ", ".join(map(str, group[key].unique())) for key in ("dataset", "protocol", "labels", "seed")
            ]
            reason = " ".join(reason.replace(encoder, short(encoder)).split())
            lines.append([columns[0], short(encoder), *columns[1:], reason])
    return pd.DataFrame(lines, columns=["task", "encoder", "protocol", "labels", "seeds", "why"])
