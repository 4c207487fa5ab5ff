"""From the rows of a few-shot run to a summary in Markdown, and to plots.

python -m benchmarks.fewshot.report results/fewshot.csv [results/contrastive.csv] [--plots DIR]
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd

from benchmarks.fewshot.acceptance import (
    HEADER,
    KEYS,
    LABELS,
    PLAIN,
    lines,
    measure,
    measure_cells,
    target_lines,
)
from benchmarks.fewshot.methods import OURS, REFERENCE
from benchmarks.fewshot.pairing import CELL, METRICS, compare
from benchmarks.fewshot.sections import (
    cells_table,
    markdown,
    means_table,
    ranks_table,
    signed_ranks_table,
    tally_table,
)

__all__ = ["METRICS", "compare", "machine", "markdown", "read", "summarise"]

PACKAGES = ("sktart", "numpy", "scipy", "scikit-learn", "torch", "sentence-transformers")


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


def machine() -> str:
    """Describe what the run ran on."""
    names = [f"python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            names.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            names.append(f"{package} from source")
    return f"{os.cpu_count()} cores, {_processor()}; {', '.join(names)}"


def _processor() -> str:
    """Name the processor as far as the platform tells."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


NOTES = f"""\
A task is a data set with an encoder, a cell a task with a number of labels, shares and label noise; every cell weighs
the same. The table is over {LABELS[0]} to {LABELS[1]} labels, and over the seeds that all three methods have. Bold: the
target is missed; by labels, classes and data sets only the sign is asked for.

- `log-loss / CV`: mean over cells of our mean log-loss, over the same mean of `{REFERENCE}`
- `accuracy - CV`, `accuracy - C=1`: points over `{REFERENCE}` and over `{PLAIN}`, mean over cells
- `both beaten`: share of cells where our mean log-loss is below both of theirs
- `worst task`: points over `{REFERENCE}`, mean over cells, of the task where that is least
- `ECE / C=1`, `ECE / CV`: mean calibration error over cells, over theirs; `ECE` is ours

Log-loss floors probabilities at 1e-7; ECE has 15 bins of equal width; seconds include loading the checkpoint. Where a
class has one labelled row, `{REFERENCE}` falls back to C = 1. Comparisons of two methods are on the
cells and seeds that both have.
"""


def acceptance_sections(rows: pd.DataFrame) -> Iterator[str]:
    """Yield the table of the targets, its notes, and the same by labels, classes and data set."""
    every = measure_cells(rows)
    if every is None:
        yield f"The targets compare {OURS}, {REFERENCE} and {PLAIN}: run all three to see them."
        return
    cells = every[every["labels"].between(*LABELS)]
    yield markdown([*KEYS, *HEADER], [*target_lines(), *lines(measure(cells))])
    yield NOTES
    few = f"{LABELS[0]} to {LABELS[1]} labels"
    for title, by, chosen in (
        ("By number of labels", "labels", every),
        (f"By number of classes, {few}", "bin", cells),
        (f"By data set, {few}", "dataset", cells),
        ("More than 14 classes, by number of labels", "labels", every[every["bin"] == "more"]),
    ):
        if len(chosen):
            yield f"## {title}"
            yield markdown([*KEYS, "classes" if by == "bin" else by, *HEADER], lines(measure(chosen, by)))


def summarise(rows: pd.DataFrame, checkpoint: str | None) -> str:
    """Write the whole summary; `rows` has a line for each cell, seed and method."""
    methods = list(rows["method"].unique())
    seeds = ", ".join(str(seed) for seed in sorted(rows["seed"].unique()))
    parts = ["# Few-shot benchmark", *acceptance_sections(rows)]
    parts.append(f"Machine: {machine()}.  \nSeeds: {seeds}.  \nCheckpoint: {checkpoint or 'the default'}.")
    anchor = next((name for name in (OURS, REFERENCE) if name in methods), methods[0])
    parts += [f"## Means, and those of {anchor} on the same cells", means_table(rows, anchor)]
    few = rows[rows["labels"].between(*LABELS)]
    parts += [f"## Mean ranks over tasks, {LABELS[0]} to {LABELS[1]} labels", RANKS, ranks_table(few)]
    if OURS in methods and len(methods) > 1:
        parts += ["## Signed ranks over tasks", SIGNED, signed_ranks_table(few)]
        parts += ["## Cells won, tied, lost", TALLY, tally_table(rows)]
    if {OURS, REFERENCE} <= set(methods):
        parts += [f"## Every cell against {REFERENCE}", CELLS, cells_table(rows)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


RANKS = """\
A task's score is the mean over its cells; 1 is the best rank. Methods differ at 95 % where their mean ranks are a
critical difference (Nemenyi) apart. Only methods with at least nine tenths of the cells take part, on the cells
that all of those have.
"""
SIGNED = f"""\
{OURS} against each baseline: tasks on which it is better, median difference, p of Wilcoxon's signed-rank test after
Holm's correction over the baselines. Bold: significantly worse at 5 %.
"""
TALLY = f"""\
Differences are {OURS} minus the baseline, paired by seed; a tie is a 95 % t-interval that contains 0.
"""
CELLS = "Ratio of log-loss, difference of accuracy in points, by number of labels; bold: lost over seeds, as above."


def main(argv: list[str] | None = None) -> None:
    """Print the summary of files of rows, and draw the plots if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="+", type=Path, help="files of rows, of one run each")
    parser.add_argument("--checkpoint", help="its name, as the summary shall give it")
    parser.add_argument("--plots", type=Path, help="folder for the plots")
    args = parser.parse_args(argv)
    rows = read(args.tables)
    if args.plots:
        from benchmarks.fewshot.plots import draw_all

        draw_all(rows, args.plots)
    print(summarise(rows, args.checkpoint))


if __name__ == "__main__":
    main()
