"""Which library is this function from? A few labelled docstrings, a frozen encoder, a reasoner.

    python examples/which_library.py

Docstrings of numpy, scipy, scikit-learn, pandas and torch, as installed here and without the names of the
packages, are embedded once; each classifier then sees the same embeddings of 8 to 64 docstrings a library.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from baselines import TunedLogisticRegression
from docstrings import MODULES, collect
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.pipeline import make_pipeline

from sktart import TartReasoner, TartTransformer

METHODS = {
    "TartReasoner": TartReasoner,
    "LogisticRegressionCV": TunedLogisticRegression,
    "LogisticRegression(C=1)": lambda: LogisticRegression(max_iter=2000),
}


def hold_out(labels: np.ndarray, test_per_class: int) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into those that may be shown and the last `test_per_class` of each class."""
    of_class = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return (
        np.concatenate([rows[:-test_per_class] for rows in of_class]),
        np.concatenate([rows[-test_per_class:] for rows in of_class]),
    )


def draw(rows: np.ndarray, labels: np.ndarray, per_class: int, seed: int) -> np.ndarray:
    """Draw `per_class` of the rows of each class, shuffled."""
    rng = np.random.default_rng([seed, per_class])
    chosen = [
        rng.choice(rows[labels[rows] == label], per_class, replace=False) for label in np.unique(labels)
    ]
    return rng.permutation(np.concatenate(chosen))


def compare(features: np.ndarray, labels: np.ndarray, args: argparse.Namespace) -> pd.DataFrame:
    """Score every method on every draw, on the held-out rows; seconds are for fit and predict."""
    pool, test = hold_out(labels, args.test)
    rows = []
    warm_up = draw(pool, labels, args.sizes[0], seed=0)
    for make in METHODS.values():  # unmeasured: the first call of each pays for imports
        make().fit(features[warm_up], labels[warm_up])
    for per_class in args.sizes:
        for seed in range(args.seeds):
            shown = draw(pool, labels, per_class, seed)
            for name, make in METHODS.items():
                start = perf_counter()
                classifier = make().fit(features[shown], labels[shown])
                proba = classifier.predict_proba(features[test])
                seconds = perf_counter() - start
                accuracy = accuracy_score(labels[test], classifier.classes_[proba.argmax(axis=1)])
                loss = log_loss(labels[test], proba, labels=classifier.classes_)
                rows.append([per_class, seed, name, accuracy, loss, seconds])
    return pd.DataFrame(rows, columns=["per library", "seed", "method", "accuracy", "log-loss", "seconds"])


def print_table(scores: pd.DataFrame) -> None:
    """Print the mean over seeds of each score."""
    means = scores.groupby(["per library", "method"], sort=False)[["accuracy", "log-loss", "seconds"]].mean()
    print(f"{'labels a library':>16}  {'method':<24}{'accuracy':>9}{'log-loss':>10}{'seconds':>9}")
    for (per_class, method), (accuracy, loss, seconds) in zip(means.index, means.to_numpy(), strict=True):
        print(f"{per_class:>16}  {method:<24}{accuracy:>9.3f}{loss:>10.3f}{seconds:>9.3f}")


def plot(scores: pd.DataFrame, path: Path) -> None:
    """Draw accuracy and log-loss against labels, with a band of one standard deviation over seeds."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)  # no window and no global state, whatever backend is configured
    for axes, metric in zip(figure.subplots(1, 2), ["accuracy", "log-loss"], strict=True):
        for name in METHODS:
            groups = scores[scores["method"] == name].groupby("per library")[metric]
            mean, deviation = groups.mean(), groups.std(ddof=0)
            axes.plot(mean.index, mean, marker="o", label=name)
            axes.fill_between(mean.index, mean - deviation, mean + deviation, alpha=0.15)
        axes.set_xscale("log", base=2)
        axes.set_xticks(mean.index, [str(size) for size in mean.index])
        axes.set(xlabel="labelled docstrings a library", ylabel=metric)
    axes.legend()
    figure.savefig(path, dpi=150)


def show_predictions(texts: Sequence[str], labels: np.ndarray, args: argparse.Namespace) -> None:
    """Go from raw texts to probabilities in one line, and print two of them."""
    pool, test = hold_out(labels, args.test)
    shown, asked = draw(pool, labels, args.sizes[0], seed=0), test[[0, -1]]

    model = make_pipeline(TartTransformer(args.encoder), TartReasoner()).fit(texts[shown], labels[shown])
    proba = model.predict_proba(texts[asked])

    print(f"\nmake_pipeline(TartTransformer({args.encoder!r}), TartReasoner()), {len(shown)} labels:")
    for text, row, truth in zip(texts[asked], proba, labels[asked], strict=True):
        guesses = ", ".join(f"{model.classes_[c]} {row[c]:.2f}" for c in row.argsort()[::-1][:3])
        print(f"  {text[:90]!r}...\n    {guesses}   (it is {truth})")


def main(argv: list[str] | None = None) -> None:
    """Collect, embed, compare, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--encoder", default="all-MiniLM-L6-v2")
    parser.add_argument("--sizes", nargs="+", type=int, default=[8, 16, 32, 64], help="docstrings a library")
    parser.add_argument("--seeds", type=int, default=5, help="draws of the labelled docstrings")
    parser.add_argument("--test", type=int, default=104, help="held-out docstrings a library")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for which_library.png")
    args = parser.parse_args(argv)

    start = perf_counter()
    texts, labels = collect(per_class=2 * max(args.sizes) + args.test)
    print(f"{len(texts)} docstrings of {', '.join(MODULES)} in {perf_counter() - start:.0f} s")
    start = perf_counter()
    features = TartTransformer(args.encoder).fit_transform(texts)
    print(f"embedded in {perf_counter() - start:.0f} s; {args.test * len(MODULES)} held out\n")

    scores = compare(features, labels, args)
    print_table(scores)
    args.out.mkdir(parents=True, exist_ok=True)
    plot(scores, args.out / "which_library.png")
    show_predictions(texts, labels, args)
    print(f"\npicture: {args.out / 'which_library.png'}")


if __name__ == "__main__":
    main()
