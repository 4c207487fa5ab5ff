"""Fine-tuning of MiniLM beside sktart and LogisticRegressionCV, on the same draws.

python -m benchmarks.fewshot.fine_tuning --data DIR --datasets sst2 ag_news --labels 8 16 32 64 --seeds 3

It prints the scores of all three, and writes its own to results/contrastive.csv, for
`python -m benchmarks.fewshot.report results/fewshot.csv results/contrastive.csv`. It needs
`pip install -e '.[benchmarks]'`.
"""

from __future__ import annotations

import sys

import pandas as pd

from benchmarks.fewshot.contrastive import NAME
from benchmarks.fewshot.methods import OURS, REFERENCE
from benchmarks.fewshot.run import COLUMNS, parse, run_data_set
from benchmarks.printing import markdown


def main(argv: list[str] | None = None) -> None:
    """Measure it on what the arguments of `benchmarks.fewshot` ask for, by default 8 to 64 labels and 3 seeds."""
    few = ["--labels", "8", "16", "32", "64", "--seeds", "3", "--shares", "balanced"]
    args = parse([*few, *(sys.argv[1:] if argv is None else argv), "--methods", OURS, REFERENCE, NAME])
    args.out.mkdir(parents=True, exist_ok=True)
    every = []
    for name in args.datasets:
        every.append(run_data_set(name, "minilm", args)[COLUMNS])
        rows = pd.concat(every)
        rows[rows["method"] == NAME].to_csv(args.out / "contrastive.csv", index=False)
    print(side_by_side(rows))


def side_by_side(rows: pd.DataFrame) -> str:
    """Write log-loss, accuracy and seconds of `fit` of each method, means over the draws that all have."""
    cell, scores = ["dataset", "shares", "noise", "labels"], ["log_loss", "accuracy", "fit_seconds"]
    draws = rows.pivot(index=[*cell, "seed"], columns="method", values=scores).dropna()
    means = draws.groupby(level=cell).mean()
    methods = [OURS, REFERENCE, NAME]
    lines = [
        [
            *key,
            *(
                "{:.3f}, {:.3f}, {:.3g} s".format(*(line[score, name] for score in scores))
                for name in methods
            ),
        ]
        for key, line in means.iterrows()
    ]
    return markdown([*cell, *methods], lines)


if __name__ == "__main__":
    main()
