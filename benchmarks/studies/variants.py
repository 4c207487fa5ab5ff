"""Train small reasoners that differ in one thing, and compare them: ingredients of the prior, network, training.

    python -m benchmarks.studies.variants drop-one --data DIR

Each variant is the recipe with one change, from random weights, for `--steps` steps of two groups. It is scored by its
log-loss over that of LogisticRegressionCV on the development sets, and by its distance to Bayes, in nats, on the prior
of the paper. What `--out` holds already is not done again. "again" is the whole recipe with another seed: differences
smaller than between these two are noise.
"""

from __future__ import annotations

import argparse
import copy
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import mean
from typing import Any

import pandas as pd
import torch
from joblib import Memory
from torch import Tensor

from benchmarks.fewshot.cells import Cell, run_cell
from benchmarks.fewshot.methods import OURS, REFERENCE
from benchmarks.fewshot.pairing import pair
from benchmarks.fewshot.readers import load, of_split
from benchmarks.fewshot.run import LABELS, OWN_LABELS
from sktart import load_checkpoint
from sktart.pretrain._bayes import posterior_predictive
from sktart.pretrain._evaluate import kl, logistic_tasks
from sktart.pretrain._loop import pretrain
from sktart.pretrain._recipe import recipe_from_dict

Recipe = dict[str, Any]
MOST_ROWS = 256
# A short training from random weights needs rates of its own, whatever the recipe starts from.
BEGIN = {
    "start": "",
    "groups": 2,
    "warmup_steps": 30,
    "muon_learning_rate": 0.006,
    "adamw_learning_rate": 0.003,
}


def without_family(family: str) -> Callable[[Recipe], None]:
    """Leave out all components of a family."""

    def change(recipe: Recipe) -> None:
        recipe["prior"] = [part for part in recipe["prior"] if part["family"] != family]

    return change


def without_many_classes(recipe: Recipe) -> None:
    """Leave out components with more than 20 classes."""
    recipe["prior"] = [part for part in recipe["prior"] if part["n_classes"][1] <= 20]


def without_key(key: str) -> Callable[[Recipe], None]:
    """Leave out what all components do to their tasks."""

    def change(recipe: Recipe) -> None:
        for part in recipe["prior"]:
            part.pop(key, None)

    return change


def option(family: str, values: Mapping[str, Any]) -> Callable[[Recipe], None]:
    """Set options of a family in all components that name them; a None takes the option away."""

    def change(recipe: Recipe) -> None:
        for part in recipe["prior"]:
            options = part.get("options", {})
            if part["family"] == family:
                options.update({key: value for key, value in values.items() if key in options})
            part["options"] = {key: value for key, value in options.items() if value is not None}

    return change


def both(*changes: Callable[[Recipe], None]) -> Callable[[Recipe], None]:
    """Make several changes at once."""

    def change(recipe: Recipe) -> None:
        for part in changes:
            part(recipe)

    return change


def top(**values: Any) -> Callable[[Recipe], None]:
    """Set keys of the recipe itself."""
    return lambda recipe: recipe.update(values)


def network(**values: int) -> Callable[[Recipe], None]:
    """Change the shape of the network."""
    return lambda recipe: recipe["network"].update(values)


def times(steps: int) -> Callable[[Recipe], None]:
    """Train so many times as long."""
    return lambda recipe: recipe.update(steps=recipe["steps"] * steps)


STUDIES: dict[str, dict[str, Callable[[Recipe], None]]] = {
    "drop-one": {
        "whole": top(),
        "again": top(seed=100),
        "no logistic": without_family("logistic"),
        "no topics": without_family("topics"),
        "no linear": without_family("linear"),
        "no clusters": without_family("clusters"),
        "no mlp": without_family("mlp"),
        "no unit rows": without_key("unit_rows"),
        "no wrong labels": without_key("label_noise"),
        "no balanced draws": without_key("balanced"),
        "no components of the context": without_key("projected"),
        "no tails": option("topics", {"tails": [0, 0]}),
        "no levels of topics": option("topics", {"by_topic": [0, 0], "within": [0, 0]}),
        "no own directions": option("clusters", {"own": None, "uneven": None}),
        "no kindred classes": option("clusters", {"kin": None}),
        "tame class odds": both(
            option("clusters", {"imbalance": [0, 1.5]}),
            *(option(family, {"intercept": 0.5}) for family in ("topics", "linear")),
        ),
        "no many classes": without_many_classes,
    },
    "network": {
        "whole": top(),
        "width 48": network(width=48),
        "width 64": network(width=64),
        "width 128": network(width=128),
        "3 layers": network(n_layers=3),
        "9 layers": network(n_layers=9),
        "4 heads": network(n_heads=4),
        "width 48, 3 times the steps": both(network(width=48), times(3)),
        "3 times the steps": times(3),
        "width 128, 3 times the steps": both(network(width=128), times(3)),
    },
    "training": {
        "whole": top(),
        "half the rates": top(muon_learning_rate=0.003, adamw_learning_rate=0.0015),
        "twice the rates": top(muon_learning_rate=0.012, adamw_learning_rate=0.006),
        "4 groups, half the steps": lambda recipe: recipe.update(groups=4, steps=recipe["steps"] // 2),
        "1 group, twice the steps": lambda recipe: recipe.update(groups=1, steps=recipe["steps"] * 2),
        "float32": top(precision="float32"),
        "Adam for all": top(optimizer="adam", adamw_learning_rate=0.001),
        "no weight decay": top(weight_decay=0.0),
    },
}


def short(recipe: Recipe, steps: int) -> Recipe:
    """Make a training of minutes: few steps from random weights, and contexts of at most `MOST_ROWS` rows."""
    recipe = copy.deepcopy(recipe) | BEGIN | {"steps": steps}
    for part in recipe["prior"]:
        if "context_rows" in part:
            part["context_rows"] = [min(rows, MOST_ROWS) for rows in part["context_rows"]]
    return recipe


def train(args: argparse.Namespace, name: str, change: Callable[[Recipe], None]) -> Path:
    """Train one variant, unless it is there, and return its folder."""
    recipe = short(json.loads(args.recipe.read_text(encoding="utf-8")), args.steps)
    recipe["name"] = name.replace(" ", "-").replace(",", "")
    change(recipe)
    out = args.out / recipe["name"]
    pretrain(recipe_from_dict(recipe), out)
    return out


def score(folder: Path, args: argparse.Namespace) -> dict[str, float]:
    """Return log-loss over that of LogisticRegressionCV by modality and number of labels, and the distance to Bayes."""
    cells = argparse.Namespace(
        queries=500, methods=[OURS, REFERENCE], checkpoint=str(folder), cache=args.cache
    )
    rows = [
        row
        for name in of_split("development")
        for data in [load(name, args.data, Memory(args.cache, verbose=0))]
        for shares in ("balanced", "skewed")
        for labels in (*LABELS, *OWN_LABELS.get(name, ()))
        for seed in range(args.seeds)
        for row in run_cell(data, Cell(shares, 0.0, labels, seed), cells)
    ]
    losses = pair(pd.DataFrame(rows), "log_loss", [OURS, REFERENCE])
    ratio = (losses[OURS] / losses[REFERENCE]).rename("ratio").reset_index()
    many, balanced = ratio["dataset"] == "banking77", ratio["shares"] == "balanced"
    few = ratio["labels"] <= 16
    columns = {
        "text, 8 and 16": balanced & ~many & few & (ratio["modality"] == "text"),
        "text, 32 to 256": balanced & ~many & ~few & (ratio["modality"] == "text"),
        "77 classes": balanced & many,
        "image": balanced & (ratio["modality"] == "image"),
        "audio": balanced & (ratio["modality"] == "audio"),
        "table": balanced & (ratio["modality"] == "table"),
        "ten to one": ~balanced & ~many,
    }
    scores = {column: float(ratio.loc[chosen, "ratio"].mean()) for column, chosen in columns.items()}
    reasoner = load_checkpoint(folder).reasoner
    for n_rows in (16, 64, 256):
        context_x, context_y, query_x, bayes = Memory(args.cache, verbose=0).cache(bayes_answers)(n_rows)
        with torch.inference_mode():
            answer = reasoner(context_x, context_y, query_x, 2).double().softmax(-1)[..., 1]
        scores[f"KL {n_rows}"] = kl(bayes, answer).mean().item()
    return scores


def bayes_answers(n_rows: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Draw tasks of the paper's prior, and answer them by Bayes' rule: context, labels, queries, probabilities."""
    generator = torch.Generator().manual_seed(0)
    tasks = logistic_tasks(generator, rows=n_rows)
    shown = tasks.context_x, tasks.context_y, tasks.query_x
    return *shown, posterior_predictive(*shown, generator=generator).probability


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("study", choices=STUDIES)
    add("--data", type=Path, required=True, help="folder with the data sets (benchmarks/README.md)")
    add("--recipe", type=Path, default=Path("zoo/any/any/gram-labelled/recipe.json"))
    add("--variants", nargs="+", help="default: all of the study")
    add("--steps", type=int, default=200)
    add("--seeds", type=int, default=3, help="draws of each cell")
    add("--cache", type=Path, default=Path(".cache"), help="for embeddings and scores of baselines")
    add("--out", type=Path, default=Path("results/studies"))
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Train and score what is missing, and print the table."""
    args = parse(argv)
    study = STUDIES[args.study]
    lines = []
    for name in args.variants or study:
        folder = train(args, name, study[name])
        path = folder / "scores.json"
        if not path.exists():
            path.write_text(json.dumps(score(folder, args)), encoding="utf-8")
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["training"]
        last = mean(metrics["loss_by_epoch"][-2:])
        weights = sum(weight.numel() for weight in load_checkpoint(folder).reasoner.parameters())
        line = {
            "variant": name,
            "weights": weights,
            "minutes": round(metrics["seconds"] / 60, 1),
            "loss": last,
        }
        lines.append(line | json.loads(path.read_text(encoding="utf-8")))
        print(pd.DataFrame(lines).round(4).to_string(index=False), flush=True)


if __name__ == "__main__":
    main()
