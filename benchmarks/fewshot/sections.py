"""The tables of the few-shot report below the first, each as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from benchmarks.fewshot.acceptance import GROUP, KEYS, MODALITIES, start_of_line
from benchmarks.fewshot.methods import OURS, REFERENCE
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


def markdown(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a table of Markdown; numbers get three decimals.

    >>> print(markdown(["labels", "accuracy"], [[8, 0.5]]))
    | labels | accuracy |
    | --- | --- |
    | 8 | 0.500 |
    """
    cells = [[f"{x:.3f}" if isinstance(x, float) else str(x) for x in row] for row in rows]
    return "\n".join(
        "| " + " | ".join(line) + " |" for line in [[*map(str, header)], ["---"] * len(header), *cells]
    )


def means_table(rows: pd.DataFrame, anchor: str) -> str:
    """Mean scores of each method and, in brackets, of `anchor` on the same cells; every cell weighs the same."""
    entries: dict[tuple, dict[str, str]] = {}
    for method in rows["method"].unique():
        for score in SCORES:
            cells = pair(rows, score, list(dict.fromkeys([method, anchor])))
            for key, group in cells.groupby(level=GROUP):
                own, other = group[method].mean(), group[anchor].mean()
                alone = method == anchor or score.endswith("_seconds")
                entry = entries.setdefault((*key, method), {})
                entry[score] = f"{own:.3f}" if alone else f"{own:.3f} ({other:.3f})"
                entry.setdefault("cells", str(len(group)))
    lines = [
        [*start_of_line(key[:-1]), key[-1], *(entry.get(column, "") for column in ["cells", *SCORES])]
        for key, entry in sorted(entries.items(), key=lambda item: _order(item[0][:-1]))
    ]
    return markdown([*KEYS, "method", "cells", *SCORES], lines)


def _order(key: Sequence) -> tuple:
    split, modality, *rest = key
    return (split, MODALITIES.index(modality), *rest)


def scopes(rows: pd.DataFrame) -> Iterator[tuple[list[str], pd.DataFrame]]:
    """Yield the rows of each setting and scope, with the beginning of a line for them."""
    for key, group in rows.groupby(SETTING):
        for scope, most in SCOPES.items():
            chosen = group[group["classes"] <= most]
            if len(chosen):
                yield [*_setting(key), scope], chosen


def ranks_table(rows: pd.DataFrame) -> str:
    """Mean ranks over tasks in each metric, with Friedman's p and the critical difference of Nemenyi."""
    lines = []
    for start, group in scopes(rows):
        methods = ranked_methods(group)
        scores = {metric: task_scores(group, metric, methods) for metric in SIGNS}
        scores = {metric: table for metric, table in scores.items() if len(table) > 1}
        if len(methods) < 2 or not scores:
            continue
        ranks = {metric: mean_ranks(table, SIGNS[metric]) for metric, table in scores.items()}
        sizes = {metric: critical_difference(len(methods), len(table)) for metric, table in scores.items()}
        order = next(iter(ranks.values())).sort_values(kind="stable").index
        start.append(str(max(map(len, scores.values()))))
        lines += [
            [*start, name, *_entries(ranks, lambda rank, name=name: f"{rank[name]:.2f}")] for name in order
        ]
        lines.append([*start, "critical difference", *_entries(sizes, "{:.2f}".format)])
        lines.append([*start, "Friedman, p", *_entries(scores, lambda table: f"{friedman(table):.1g}")])
        absent = [name for name in group["method"].unique() if name not in methods]
        lines += [[*start, f"{name}: too few cells", *_entries({}, str)] for name in absent]
    return markdown([*SETTING, "classes", "tasks", "method", *SIGNS], lines)


def _entries(values: Mapping[str, Any], write: Callable[[Any], str]) -> list[str]:
    """Write a value for each metric, or nothing where there is none."""
    return [write(values[metric]) if metric in values else "" for metric in SIGNS]


def signed_ranks_table(rows: pd.DataFrame) -> str:
    """Tasks on which ours is better, median difference and Holm's p, against each baseline in each metric."""
    lines = []
    for key, group in rows.groupby(SETTING):
        if OURS not in set(group["method"]):
            continue
        tables = {metric: signed_ranks(group, metric).set_index("baseline") for metric in SIGNS}
        for name in tables["log_loss"].index:
            found = {m: (table.loc[name], SIGNS[m]) for m, table in tables.items() if name in table.index}
            lines.append([*_setting(key), name, *_entries(found, lambda pair: _signed(*pair))])
    return markdown([*SETTING, "baseline", *SIGNS], lines)


def _signed(line: pd.Series, sign: int) -> str:
    """Write one comparison; one where ours is significantly worse is bold."""
    text = f"{line['better']:.0f} of {line['tasks']:.0f}, {line['median']:+.3f}, p {line['holm']:.1g}"
    return f"**{text}**" if line["holm"] < 0.05 and sign * line["median"] < 0 else text


def tally_table(rows: pd.DataFrame) -> str:
    """Cells won, tied and lost against each baseline."""
    comparisons = {metric: compare(rows, metric) for metric in METRICS}
    lines = []
    for key, group in comparisons["log_loss"].groupby([*SETTING, "baseline"]):
        chosen = [comparisons[metric].loc[group.index, "verdict"].value_counts() for metric in METRICS]
        lines.append([*_setting(key[:-1]), key[-1], len(group)])
        lines[-1] += [" / ".join(str(n.get(word, 0)) for word in ("win", "tie", "loss")) for n in chosen]
    return markdown([*SETTING, "baseline", "cells", *(f"{name}, W / T / L" for name in METRICS)], lines)


def measured_cells(rows: pd.DataFrame, baseline: str = REFERENCE) -> pd.DataFrame:
    """Log-loss over the baseline's, and accuracy points over it, of every cell, and which are lost over seeds."""
    chosen = rows[rows["method"].isin([OURS, baseline])]
    loss, accuracy = (compare(chosen, metric).set_index(CELL) for metric in ("log_loss", "accuracy"))
    return pd.DataFrame(
        {
            "baseline": baseline,
            "log_loss_ratio": loss["ours"] / loss["theirs"],
            "accuracy_points": 100 * accuracy["difference"],
            "log_loss_lost": loss["verdict"] == "loss",
            "accuracy_lost": accuracy["verdict"] == "loss",
        }
    )


def cells_table(rows: pd.DataFrame, baseline: str = REFERENCE) -> str:
    """Write `measured_cells` with a column for each number of labels; losses are bold."""
    table = measured_cells(rows, baseline)
    table["entry"] = [
        _bold(f"{cell.log_loss_ratio:.2f}", cell.log_loss_lost)
        + ", "
        + _bold(f"{cell.accuracy_points:+.1f}", cell.accuracy_lost)
        for cell in table.itertuples()
    ]
    wide = table["entry"].unstack("labels").fillna("").droplevel("classes")
    wide = wide.reorder_levels(["split", "modality", "dataset", "encoder", "shares", "noise"])
    lines = []
    for key, *entries in sorted(wide.itertuples(name=None), key=lambda line: _order(line[0])):
        split, modality, dataset, *rest = key
        lines.append([*start_of_line([split, modality, *rest]), dataset, *entries])
    return markdown([*KEYS, "data set", *wide.columns], lines)


def _bold(text: str, is_lost: bool) -> str:
    return f"**{text}**" if is_lost else text


def _setting(key: Sequence) -> list[str]:
    split, shares, noise = key
    return [split, shares, f"{noise:g}"]
