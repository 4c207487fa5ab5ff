"""Which library is this function from? A few labelled docstrings, a frozen encoder, a reasoner, a sentence a library.

    python examples/which_library.py

Docstrings of numpy, scipy, scikit-learn, pandas and torch, as installed here and without the names of the
packages, are embedded once; each classifier then sees the same embeddings of 8 to 64 docstrings a library. One more
reads a sentence on each library as well, and all docstrings that are not held out, without their labels.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from comparison import METHODS, TOLD_MORE, add_arguments, compare, draw, hold_out, mark, print_table
from docstrings import MODULES, collect

from sktart import TartClassifier, TartTransformer

SENTENCES = {
    "numpy": "arrays of numbers and operations on them, element by element",
    "scipy": "numerical methods for scientists: optimisation, integration, signals, statistics",
    "scikit-learn": "machine learning estimators that fit data and predict",
    "pandas": "tables of data with labelled rows and columns, and time series",
    "torch": "tensors, automatic differentiation, and layers of neural networks",
}


def plot(scores: pd.DataFrame, path: Path) -> None:
    """Draw accuracy and log-loss against labels, with a band of one standard deviation over seeds."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)  # no window and no global state, whatever backend is configured
    for axes, metric in zip(figure.subplots(1, 2), ["accuracy", "log-loss"], strict=True):
        for name in [*METHODS, TOLD_MORE]:
            groups = scores[scores["method"] == name].groupby("per class")[metric]
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

    model = TartClassifier(args.encoder, class_descriptions=SENTENCES)
    model.fit(texts[pool], mark(labels, shown, pool))
    proba = model.predict_proba(texts[asked])

    print(f"\nTartClassifier({args.encoder!r}, class_descriptions=SENTENCES), {len(shown)} labels:")
    for text, row, truth in zip(texts[asked], proba, labels[asked], strict=True):
        guesses = ", ".join(f"{model.classes_[c]} {row[c]:.2f}" for c in row.argsort()[::-1][:3])
        print(f"  {text[:90]!r}...\n    {guesses}   (it is {truth})")


def main(argv: list[str] | None = None) -> None:
    """Collect, embed, compare, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--encoder", default="auto", help="short name, Hub id or folder")
    add_arguments(parser, "docstrings a library", sizes=[8, 16, 32, 64], test=104)
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for which_library.png")
    args = parser.parse_args(argv)

    start = perf_counter()
    texts, labels = collect(per_class=2 * max(args.sizes) + args.test)
    print(f"{len(texts)} docstrings of {', '.join(MODULES)} in {perf_counter() - start:.0f} s")
    start = perf_counter()
    encoder = TartTransformer(args.encoder)
    features = encoder.fit_transform(texts)
    vectors = dict(zip(SENTENCES, encoder.transform(list(SENTENCES.values())), strict=True))
    print(f"embedded in {perf_counter() - start:.0f} s; {args.test * len(MODULES)} held out\n")

    scores = compare(features, labels, args, vectors)
    print_table(scores, "library")
    args.out.mkdir(parents=True, exist_ok=True)
    plot(scores, args.out / "which_library.png")
    show_predictions(texts, labels, args)
    print(f"\npicture: {args.out / 'which_library.png'}")


if __name__ == "__main__":
    main()
