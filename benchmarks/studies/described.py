"""How well descriptions point from class to class: sentences on real sets, and those that the prior makes up.

python -m benchmarks.studies.described --data DIR --recipe zoo/any/any/gram-base-fourth/recipe.json

Each row of a set gets a score for each class, the inner product with the centred description. `correlation` is that of
scores with classes; `share` is it over the correlation of scores by the true class means. `in the metric` is it where
rows and descriptions are compared in the metric of all rows (`sktart.reasoners._metric`). For components of a recipe
with two classes the quantiles over tasks of the share are printed.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from joblib import Memory

from benchmarks.fewshot.readers import SOURCES, load, of_split
from benchmarks.printing import machine, markdown
from sktart.priors import Knowledge, sample_tasks
from sktart.reasoners._gram_context import centre_and_scale
from sktart.reasoners._metric import in_metric, root_of_metric

N_ROWS, N_CALLS = 400, 30
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


def correlations(X: np.ndarray, y: np.ndarray, vectors: np.ndarray) -> tuple[float, float]:
    """Return the correlation of scores with classes, and its share of that of the class means."""
    X = X - X.mean(axis=0)
    one_hot = np.eye(len(vectors))[y]
    means = one_hot.T @ X / one_hot.sum(axis=0)[:, None]
    found, best = (_correlation(X @ (each - each.mean(axis=0)).T, one_hot) for each in (vectors, means))
    return found, found / best


def mapped(X: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and descriptions as a reasoner compares them, where rows without a label are known."""
    x, weight = torch.from_numpy(X)[None], torch.ones(1, len(X), dtype=torch.float64)
    mean, inverse_scale = centre_and_scale(x, weight)
    x = (x - mean) * inverse_scale
    root = root_of_metric(x, weight)
    there, turned = (
        in_metric(part, root)[0].numpy() for part in (x, torch.from_numpy(vectors)[None].double())
    )
    return there, turned


def _correlation(scores: np.ndarray, one_hot: np.ndarray) -> float:
    scores, one_hot = scores - scores.mean(axis=0), one_hot - one_hot.mean(axis=0)
    return float((scores * one_hot).sum() / np.sqrt(np.square(scores).sum() * np.square(one_hot).sum()))


def of_component(component: dict, knowledge: Knowledge, seed: int) -> list[float]:
    """Return the shares of tasks of two classes of a component."""
    generator = torch.Generator().manual_seed(seed)
    shares = []
    for _ in range(N_CALLS):
        tasks = sample_tasks(
            generator,
            [{**component, "n_classes": [2, 2], "labels_only": False}],
            context_rows=(N_ROWS, N_ROWS),
            query_rows=8,
            max_tasks=4,
            max_tokens=10**7,
            knowledge=knowledge,
        )
        assert tasks.class_vectors is not None
        for X, y, vectors in zip(tasks.context_x, tasks.context_y, tasks.class_vectors, strict=True):
            if len(y.unique()) == 2 and not vectors.isnan().any():
                shares.append(correlations(X.double().numpy(), y.numpy(), vectors.double().numpy())[1])
    return shares


def main(argv: list[str] | None = None) -> None:
    """Print a table of real sets, and one of components."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path(".cache"))
    parser.add_argument(
        "--datasets",
        nargs="+",
        default=[name for name in of_split("development") if SOURCES[name].modality == "text"],
    )
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--recipe", type=Path, required=True)
    args = parser.parse_args(argv)
    rows = []
    for name in args.datasets:
        data = load(name, args.data, Memory(args.cache, verbose=0), args.encoder)
        if data.class_vectors is not None:
            vectors = np.stack([each.mean(axis=0) for each in data.class_vectors])
            X = np.asarray(data.X, dtype=float)
            plain, share = correlations(X, data.y, vectors)
            there, turned = mapped(X, vectors)
            rows.append([name, len(vectors), plain, correlations(there, data.y, turned)[0], share])
    header = ["data set", "classes", "correlation", "in the metric", "share"]
    print(f"{machine()}\n\n{markdown(header, rows)}\n")
    recipe = json.loads(args.recipe.read_text())
    prior = recipe["prior"]
    of_descriptions = {
        key: value for key, value in recipe["knowledge"].items() if key.startswith("description_")
    }
    knowledge = Knowledge(described=1.0, **of_descriptions)
    of_two = [each for each in prior if each["n_classes"][0] == 2 and each["family"] != "logistic"]
    lines = [
        [
            f"{place + 1} {each['family']}",
            *map(float, np.quantile(of_component(each, knowledge, place), QUANTILES)),
        ]
        for place, each in enumerate(of_two)
    ]
    print(markdown(["component", *(f"{100 * level:.0f} %" for level in QUANTILES)], lines))


if __name__ == "__main__":
    main()
