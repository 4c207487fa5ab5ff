"""Images: handwritten digits, a frozen encoder, a reasoner, and 2 to 16 labelled images a digit.

    python examples/images.py                        # EfficientNet-Lite0 of the extra "efficientnet"
    python examples/images.py --model dinov2-small   # a model of the Hub, or a folder of one

The images are scikit-learn's, so nothing is downloaded without ``--model``. Each classifier sees the same features.
"""

from __future__ import annotations

import argparse
from time import perf_counter

import numpy as np
from comparison import add_arguments, compare, draw, hold_out, print_table
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline

from sktart import TartReasoner, TartTransformer


def load() -> tuple[np.ndarray, np.ndarray]:
    """Load images as bytes of shape (n, 8, 8), and the digit on each."""
    digits = load_digits()
    return np.uint8(digits.images * 255 / 16), digits.target


def main(argv: list[str] | None = None) -> None:
    """Encode, compare, and go from images to digits in one pipeline."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="efficientnet-lite0", help="short name, Hub id or folder")
    add_arguments(parser, "images a digit", sizes=[2, 4, 8, 16], test=50)
    args = parser.parse_args(argv)

    images, digits = load()
    start = perf_counter()
    features = TartTransformer(args.model).fit_transform(images)
    width = features.shape[1]
    print(
        f"{len(images)} images to {width} features in {perf_counter() - start:.1f} s; {10 * args.test} held out\n"
    )
    print_table(compare(features, digits, args), "digit")

    pool, test = hold_out(digits, args.test)
    shown = draw(pool, digits, args.sizes[-1], seed=0)
    model = make_pipeline(TartTransformer(args.model), TartReasoner()).fit(images[shown], digits[shown])
    proba = model.predict_proba(images[test])
    wrong = np.flatnonzero(model.classes_[proba.argmax(axis=1)] != digits[test])
    print(f"\none pipeline from images to digits, {len(shown)} labels: {len(wrong)} of {len(test)} wrong")
    for row in wrong[proba[wrong].max(axis=1).argsort()[::-1][:3]]:
        guesses = ", ".join(
            f"{model.classes_[c]} {proba[row, c]:.2f}" for c in proba[row].argsort()[::-1][:3]
        )
        print(f"  surest mistake: {guesses}   (it is {digits[test][row]})")


if __name__ == "__main__":
    main()
