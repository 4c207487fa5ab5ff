"""From the rows of a few-shot run to its tables, as CSV files, to a summary in Markdown, and to plots.

python -m benchmarks.fewshot.report results/fewshot.csv [results/contrastive.csv] [--plots DIR]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from benchmarks.fewshot.acceptance import GROUP, LABELS, PLAIN, TARGETS
from benchmarks.fewshot.methods import OURS, REFERENCE
from benchmarks.fewshot.pairing import CELL, METRICS
from benchmarks.fewshot.summaries import summaries
from benchmarks.printing import machine, markdown


def read(paths: Sequence[Path]) -> pd.DataFrame:
    """Read and join the rows of one or more runs.

    Raises
    ------
    SystemExit
        If a method is there twice in the same cell and seed.
    """
    table = pd.concat([pd.read_csv(path) for path in paths], ignore_index=True)
    twice = table.duplicated([*CELL, "seed", "method"])
    if twice.any():
        names = ", ".join(table.loc[twice, "method"].unique())
        raise SystemExit(
            f"a method may be there once in each cell and seed, but {names} is there again; "
            "pass one file of each run"
        )
    return table


NOTES = f"""\
A task is a data set with an encoder, a cell a task with a number of labels, shares and label noise. Every cell weighs
the same. The first table has {LABELS[0]} to {LABELS[1]} labels, and the seeds that {OURS}, `{REFERENCE}` and
`{PLAIN}` all have.

- `log_loss_ratio`: mean over cells of our log-loss, over the same mean of `{REFERENCE}`
- `accuracy_points`, `accuracy_points_over_c1`: points over `{REFERENCE}` and over `{PLAIN}`
- `both_beaten_percent`: share of cells where our log-loss is below both of theirs
- `worst_task_points`: points over `{REFERENCE}` of `worst_task`, where these are least
- `ece_ratio`, `ece_ratio_over_c1`: mean calibration error over theirs; `ece` is ours
"""


def targets() -> str:
    """Say what has to be reached."""
    main, elsewhere = (
        ", ".join(
            f"`{name}` {'≥' if target.sign > 0 else '≤'} {target[i]:g}" for name, target in TARGETS.items()
        )
        for i in (0, 1)
    )
    return f"Targets on texts behind e5, balanced, without noise: {main}.  \nElsewhere: {elsewhere}."


def summarise(rows: pd.DataFrame, tables: Mapping[str, pd.DataFrame], checkpoint: str | None) -> str:
    """Write what is worth a first look: the targets, and the means of each method."""
    seeds = ", ".join(str(seed) for seed in sorted(rows["seed"].unique()))
    parts = ["# Few-shot benchmark"]
    if "targets" in tables:
        parts += [_written(tables["targets"]), targets(), NOTES]
    else:
        parts.append(f"The targets compare {OURS}, {REFERENCE} and {PLAIN}: run all three to see them.")
    scores = [f"{score}{end}" for score in METRICS for end in ("", f"_{OURS}")]
    shown = tables["means"].filter([*GROUP, "method", "cells", *scores])
    parts += [f"## Means, and those of {OURS} on the same cells", _written(shown)]
    parts.append(f"Machine: {machine()}.  \nSeeds: {seeds}.  \nCheckpoint: {checkpoint or 'the default'}.")
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _written(table: pd.DataFrame) -> str:
    rows = table.assign(noise=table["noise"].map("{:g}".format)).itertuples(index=False)
    return markdown(table.columns, rows)


def write(rows: pd.DataFrame, folder: Path, checkpoint: str | None) -> str:
    """Write the tables into ``fewshot_*.csv`` and the summary into ``fewshot.md``, and return the summary."""
    tables = summaries(rows)
    for name, table in tables.items():
        table.to_csv(folder / f"fewshot_{name}.csv", index=False, float_format="%.4g")
    summary = summarise(rows, tables, checkpoint)
    (folder / "fewshot.md").write_text(summary, encoding="utf-8")
    return summary


def main(argv: list[str] | None = None) -> None:
    """Write and print what files of rows come to, and draw the plots if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="+", type=Path, help="files of rows, of one run each")
    parser.add_argument("--checkpoint", help="its name, as the summary shall give it")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for tables and summary")
    parser.add_argument("--plots", type=Path, help="folder for the plots")
    args = parser.parse_args(argv)
    rows = read(args.tables)
    if args.plots:
        from benchmarks.fewshot.plots import draw_all

        draw_all(rows, args.plots)
    args.out.mkdir(parents=True, exist_ok=True)
    print(write(rows, args.out, args.checkpoint))


if __name__ == "__main__":
    main()
