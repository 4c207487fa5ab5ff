"""Text in pictures can be read on a light page, and on a dark one, where their lightness is turned round."""

import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib import rc_params_from_file
from matplotlib.colors import to_rgb

ROOT = Path(__file__).parents[1]
STYLE = rc_params_from_file(ROOT / "docs/_static/sktart.mplstyle", use_default_template=False)
LIGHT, DARK = to_rgb("#ffffff"), to_rgb("#14181e")  # the pages of pydata-sphinx-theme
OURS = [STYLE[key] for key in ("text.color", "axes.labelcolor", "xtick.color", "ytick.color")]
WRITTEN = [
    colour
    for example in (ROOT / "examples/gallery").glob("*.py")
    for colour in re.findall(r'\.text\(.*color="(#\w+)"', example.read_text(encoding="utf-8"))
]


def turned(colour):
    """Return what the filter of dark pages makes of a grey; a rotation of hues leaves greys alone."""
    amount = float(re.search(r"invert\((.*?)\) hue-rotate", (ROOT / "docs/_static/site.css").read_text())[1])
    return amount + (1 - 2 * amount) * np.array(to_rgb(colour))


def contrast(one, other):
    """Return the contrast of two colours by WCAG 2."""
    linear = [
        np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) for c in map(np.array, (one, other))
    ]
    low, high = sorted(float(c @ [0.2126, 0.7152, 0.0722]) for c in linear)
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_black_and_white():
    assert contrast((0, 0, 0), (1, 1, 1)) == pytest.approx(21)


@pytest.mark.parametrize("colour", sorted({*OURS, *WRITTEN}))
def test_text_can_be_read(colour):
    assert len(set(to_rgb(colour))) == 1, "a grey"
    assert contrast(to_rgb(colour), LIGHT) >= 4.5
    assert contrast(turned(colour), DARK) >= 4.5


def test_no_colour_of_text_would_do_for_both_pages():
    # So pictures need a filter, or two versions: a transparent paper is not enough.
    assert (
        max(min(contrast([grey] * 3, page) for page in (LIGHT, DARK)) for grey in np.linspace(0, 1, 256))
        < 4.5
    )


def test_paper_vanishes_in_a_dark_page():
    # The lighter of both is shown, in each channel.
    assert (turned("#ffffff") <= DARK).all()
