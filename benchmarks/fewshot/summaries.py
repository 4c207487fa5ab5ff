"""The tables of a few-shot run: each is a CSV file, one line a method, baseline or cell."""

from __future__ import annotations

import pandas as pd

from benchmarks.fewshot.acceptance import GROUP, LABELS, MODALITIES, measure, measure_cells
from benchmarks.fewshot.methods import OURS
from benchmarks.fewshot.pairing import CELL, METRICS, SETTING, SIGNS, compare, pair
from benchmarks.fewshot.ranks import (
    SCOPES,
    critical_difference,
    friedman,
    mean_ranks,
    ranked_methods,
    signed_ranks,
    task_scores,
)

SCORES = [*SIGNS, "fit_seconds", "predict_seconds"]


def summaries(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Make every table that these rows have something for; `rows` has a line for each cell, seed and method."""
    few = rows[rows["labels"].between(*LABELS)]
    tables = {
        "means": means(rows),
        "ranks": ranks(few),
        "signed_ranks": signed(few),
        "tally": tally(rows),
        "cells": cells(rows),
    }
    every = measure_cells(rows)
    if every is not None:
        chosen = every[every["labels"].between(*LABELS)]
        tables |= {
            "targets": measure(chosen),
            "by_labels": measure(every, "labels"),
            "by_classes": measure(chosen, "bin").rename(columns={"bin": "classes"}),
            "by_data_set": measure(chosen, "dataset"),
            "many_classes": measure(every[every["bin"] == "more"], "labels"),
        }
    return {name: table for name, table in tables.items() if len(table)}


def means(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean scores of each method, and in ``<score>_sktart`` ours on the same cells; every cell weighs the same."""
    methods, tables = list(rows["method"].unique()), []
    for method in methods:
        both = list(dict.fromkeys([method, OURS] if OURS in methods else [method]))
        groups = {score: pair(rows, score, both).groupby(level=GROUP) for score in SCORES}
        table = pd.DataFrame({"method": method, "cells": groups["log_loss"].size()})
        for score, group in groups.items():
            mean = group.mean()
            table[score] = mean[method]
            if OURS in methods and score in SIGNS:
                table[f"{score}_{OURS}"] = mean[OURS]
        tables.append(table.reset_index())
    return in_order(pd.concat(tables))


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Sort by split and modality, texts first; what is alike in `GROUP` stays in its order."""
    return table.sort_values(
        GROUP, key=lambda x: x.map(MODALITIES.index) if x.name == "modality" else x, kind="stable"
    )


def ranks(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean rank over tasks of each method in each score, with Nemenyi's critical difference and Friedman's p."""
    lines = []
    for key, group in rows.groupby(SETTING):
        for scope, most in SCOPES.items():
            chosen = group[group["classes"] <= most]
            methods = ranked_methods(chosen)
            for score, sign in SIGNS.items() if len(methods) > 1 else ():
                scores = task_scores(chosen, score, methods)
                if len(scores) > 1:
                    about = [*key, scope, score, len(scores)]
                    tests = [critical_difference(len(methods), len(scores)), friedman(scores)]
                    order = mean_ranks(scores, sign).sort_values(kind="stable")
                    lines += [[*about, name, rank, *tests] for name, rank in order.items()]
    columns = ["classes", "score", "tasks", "method", "mean_rank", "critical_difference", "friedman_p"]
    return pd.DataFrame(lines, columns=[*SETTING, *columns])


def signed(rows: pd.DataFrame) -> pd.DataFrame:
    """Tasks on which ours is better than each baseline, median difference, Holm's p, and whether ours is worse."""
    tables = [
        signed_ranks(group, score).assign(**dict(zip(SETTING, key, strict=True)), score=score, sign=sign)
        for key, group in rows.groupby(SETTING)
        for score, sign in SIGNS.items()
        if OURS in set(group["method"])
    ]
    if not tables:
        return pd.DataFrame()
    table = pd.concat(tables)
    table["worse"] = (table["p_holm"] < 0.05) & (table["sign"] * table["median_difference"] < 0)
    return table[[*SETTING, "baseline", "score", "better", "tasks", "median_difference", "p_holm", "worse"]]


def tally(rows: pd.DataFrame) -> pd.DataFrame:
    """Cells won, tied and lost over seeds against each baseline."""
    every = pd.concat([compare(rows, score).assign(score=score) for score in METRICS])
    if every.empty:
        return every
    verdicts = every.groupby([*SETTING, "baseline", "score"])["verdict"].value_counts().unstack(fill_value=0)
    counts = verdicts.reindex(columns=["win", "tie", "loss"], fill_value=0)
    counts.insert(0, "cells", counts.sum(axis=1))
    return counts.reset_index()


def cells(rows: pd.DataFrame) -> pd.DataFrame:
    """Log-loss over each baseline's, accuracy in points over it, and which are lost over seeds, of every cell."""
    loss, accuracy = (compare(rows, score) for score in METRICS)
    if loss.empty:
        return loss
    keys = [*CELL, "baseline"]
    loss, accuracy = loss.set_index(keys), accuracy.set_index(keys)
    table = pd.DataFrame(
        {
            "log_loss_ratio": loss["ours"] / loss["theirs"],
            "accuracy_points": 100 * accuracy["difference"],
            "log_loss_lost": loss["verdict"] == "loss",
            "accuracy_lost": accuracy["verdict"] == "loss",
        }
    )
    return in_order(table.droplevel("classes").reset_index())
