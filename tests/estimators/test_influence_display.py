import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from sktart import InfluenceDisplay, TartReasoner

mpl.use("agg")
DIGITS = load_digits()
X, Y = DIGITS.data, DIGITS.target
TRAINING = np.flatnonzero(Y[:200] < 3)[:30]


@pytest.fixture(scope="module")
def model():
    return TartReasoner().fit(X[TRAINING], np.array(["zero", "one", "two"])[Y[TRAINING]])


def captions(display):
    return [text.get_text() for text in display.ax_.get_yticklabels()]


def test_texts(model):
    texts = [f"number {row}, " + "a long text " * 9 for row in TRAINING]
    display = InfluenceDisplay.from_estimator(model, X[[11]], texts, n_rows=3)
    assert "What speaks for 'one'" in display.ax_.get_title(loc="left")
    assert len(captions(display)) == 6
    assert all("… (" in text and len(text) < 70 for text in captions(display))
    widths = [bar.get_width() for bar in display.ax_.patches]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] == model.influence(X[[11]])[0, :, 0].max()


def test_another_label_and_rows_that_went(model):
    fewer = TartReasoner().fit(X[TRAINING], Y[TRAINING]).forget(np.arange(10))
    display = InfluenceDisplay.from_estimator(fewer, X[[11]], label=0, n_rows=2)
    assert {int(text.split()[1]) for text in captions(display)} <= set(range(10, 30))
    assert "for 0 " in display.ax_.get_title(loc="left")


def test_pictures(model):
    display = InfluenceDisplay.from_estimator(model, X[[11]], DIGITS.images[TRAINING], n_rows=2)
    pictures = [artist for artist in display.ax_.artists if type(artist).__name__ == "AnnotationBbox"]
    assert len(pictures) == 4
    assert captions(display)[0].strip() == "(one)"
    display.figure_.canvas.draw()


def test_bad_input(model):
    with pytest.raises(ValueError, match=r"query must be one row, such as .* got 2 rows"):
        InfluenceDisplay.from_estimator(model, X[:2])
    with pytest.raises(ValueError, match=r"label must be one of classes_, .* got 'three'"):
        InfluenceDisplay.from_estimator(model, X[:1], label="three")


def test_a_column_of_examples_goes_by_place(model):
    texts = pd.Series([f"text {row}" for row in range(len(TRAINING))], index=range(len(TRAINING))[::-1])
    display = InfluenceDisplay.from_estimator(model, X[[11]], texts)
    assert display.examples == texts.tolist()


def test_prices_are_no_formulas(model):
    texts = ["from $5_ to ^$9"] * len(TRAINING)
    display = InfluenceDisplay.from_estimator(model, X[[11]], texts)
    display.figure_.canvas.draw()
    assert captions(display)[0].startswith("from $5_ to ^$9")


def test_dates_are_labels(model):
    dates = np.array(["2020-01-01", "2020-01-02", "2020-01-03"], dtype="M8[ns]")
    dated = TartReasoner().fit(X[TRAINING], dates[Y[TRAINING]])
    display = InfluenceDisplay.from_estimator(dated, X[[11]], label=dates[1])
    assert "2020-01-02" in display.ax_.get_title(loc="left")
