"""Prediction sets, doubt and wrong labels: what they promise, on real texts.

    python -m benchmarks.studies.trust --data DIR [--split validation] [--encoder minilm]

Three tables. How often prediction sets hold the true label, beside the smallest sets of labels whose probabilities
sum to 1 - alpha. How well typicality tells rows of other data sets, and of a class without labelled rows, from usual
ones, beside the probability of the predicted label. How well wrong labels, a tenth of all, are ranked (average
precision): by `label_issues`, and by cleanlab, if it is installed, from the probabilities of this reasoner and of
logistic regression by cross-validation in five folds.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Memory
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from benchmarks.fewshot.contexts import draw, noisy_labels
from benchmarks.fewshot.readers import DataSet, load, of_split
from benchmarks.printing import machine, markdown
from sktart import TartReasoner

ALPHAS = (0.05, 0.1, 0.2)
NOISE = 0.1
N_OTHERS = 200


def smallest_sets(proba: np.ndarray, alpha: float) -> np.ndarray:
    """Return the most probable labels until their probabilities sum to 1 - alpha."""
    order = np.argsort(-proba, axis=1)
    ranked = np.take_along_axis(proba, order, axis=1)
    sets = np.zeros(proba.shape, dtype=bool)
    np.put_along_axis(sets, order, ranked.cumsum(axis=1) - ranked < 1 - alpha, axis=1)
    return sets


def coverage(data: DataSet, context: np.ndarray, queries: np.ndarray) -> Iterator[dict]:
    model = TartReasoner().fit(data.X[context], data.y[context])
    for alpha in ALPHAS:
        for method, sets in (
            ("predict_set", model.predict_set(data.X[queries], alpha)),
            ("sum of probabilities", smallest_sets(model.predict_proba(data.X[queries]), alpha)),
        ):
            covered = sets[np.arange(len(queries)), data.y[queries]].mean()
            yield {"alpha": alpha, "method": method, "coverage": covered, "size": sets.sum(axis=1).mean()}


def doubt(data: DataSet, context: np.ndarray, queries: np.ndarray, others: np.ndarray) -> Iterator[dict]:
    """Compare queries with rows of another data set, then rows of all classes but the last with rows of that one."""
    n_classes = data.y.max()
    cases = [("other data", context, data.X[queries], others)]
    if n_classes > 1:
        is_new = data.y[queries] == n_classes
        known = context[data.y[context] < n_classes]
        cases.append(("new class", known, data.X[queries][~is_new], data.X[queries][is_new]))
    for case, rows, usual, unusual in cases:
        model = TartReasoner().fit(data.X[rows], data.y[rows])
        is_unusual = np.repeat([0, 1], [len(usual), len(unusual)])
        asked = np.concatenate([usual, unusual])
        typical = model.typicality(asked)
        for method, score in (
            ("typicality", typical),
            ("probability", model.predict_proba(asked).max(axis=1)),
        ):
            yield {"case": case, "method": method, "AUC": roc_auc_score(is_unusual, -score)}
        yield {
            "case": case,
            "method": "usual rows at 0.05 or less",
            "AUC": (typical[: len(usual)] <= 0.05).mean(),
        }


def issues(data: DataSet, context: np.ndarray, seed: int) -> Iterator[dict]:
    X, labels = data.X[context], noisy_labels(data, context, NOISE, seed)
    is_wrong = labels != data.y[context]
    model = TartReasoner().fit(X, labels)
    found = model.label_issues()
    score = np.zeros(len(labels))
    score[found.rows] = 1 - found.probabilities
    yield {"method": "label_issues", "precision": average_precision_score(is_wrong, score)}
    try:
        from cleanlab.rank import get_label_quality_scores
    except ModuleNotFoundError:
        return
    cv = StratifiedKFold(min(5, np.bincount(labels).max()), shuffle=True, random_state=0)
    for name, classifier in (("TartReasoner", TartReasoner()), ("LogisticRegression", LogisticRegression())):
        proba = cross_val_predict(classifier, X, labels, cv=cv, method="predict_proba")
        for how in ("self_confidence", "normalized_margin"):
            quality = get_label_quality_scores(labels, proba, method=how)
            precision = average_precision_score(is_wrong, -quality)
            yield {"method": f"cleanlab, {how}, {name}", "precision": precision}


def main(argv: list[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", choices=("development", "validation"), default="development")
    parser.add_argument("--datasets", nargs="+")
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--labels", type=int, nargs="+", default=[32, 64, 200])
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    memory = Memory(".cache/joblib", verbose=0)
    names = args.datasets or of_split(args.split)
    sets = [load(name, args.data, memory, args.encoder) for name in names]
    rng = np.random.default_rng(0)
    tables: dict[str, list[dict]] = {"sets": [], "doubt": [], "issues": []}
    for place, data in enumerate(sets):
        far = sets[place - 1].X
        others = far[rng.permutation(len(far))[:N_OTHERS]]
        for n_labels in args.labels:
            for seed in range(args.seeds):
                drawn = draw(data, n_labels, "balanced", seed, max_queries=300)
                if drawn is None:
                    continue
                for table, cells in (
                    ("sets", coverage(data, *drawn)),
                    ("doubt", doubt(data, *drawn, others)),
                    ("issues", issues(data, drawn[0], seed)),
                ):
                    tables[table] += [{"data": data.name, "labels": n_labels, **cell} for cell in cells]
        print(data.name, flush=True)
    print(f"\n{machine()}; {args.seeds} draws; {args.encoder}; {', '.join(names)}\n")
    for keys, cells in (
        (["alpha", "labels", "method"], tables["sets"]),
        (["case", "labels", "method"], tables["doubt"]),
        (["labels", "method"], tables["issues"]),
    ):
        means = pd.DataFrame(cells).drop(columns="data").groupby(keys).mean().reset_index()
        print(markdown(list(means), means.values.tolist()), "\n")


if __name__ == "__main__":
    main()
