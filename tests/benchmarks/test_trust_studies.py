"""The studies of trust and of active learning, on made data."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from benchmarks.fewshot.readers import DataSet
from benchmarks.studies.active_learning import CHOICES, curve, share_of_labels
from benchmarks.studies.trust import coverage, doubt, issues, smallest_sets

X, Y = load_digits(n_class=3, return_X_y=True)
ORDER = np.random.default_rng(0).permutation(len(Y))  # those of one hand stand together
X, Y = X[ORDER], Y[ORDER]
DIGITS = DataSet("digits", "table", X, Y, np.arange(len(Y)) >= 200)
CONTEXT, QUERIES = np.arange(40), np.arange(200, 300)


def test_smallest_sets():
    sets = smallest_sets(np.array([[0.6, 0.3, 0.1], [0.1, 0.1, 0.8]]), 0.25)
    assert sets.tolist() == [[True, True, False], [False, False, True]]


def test_tables_of_trust():
    cells = list(coverage(DIGITS, CONTEXT, QUERIES))
    assert {cell["method"] for cell in cells} == {"predict_set", "sum of probabilities"}
    assert all(0.6 < cell["coverage"] <= 1 and cell["size"] > 0 for cell in cells)
    cells = {
        (cell["case"], cell["method"]): cell["AUC"] for cell in doubt(DIGITS, CONTEXT, QUERIES, X[:50] + 20)
    }
    assert cells["other data", "typicality"] == 1
    assert cells["new class", "typicality"] > 0.7
    (cell, *_) = issues(DIGITS, CONTEXT, 0)
    assert cell["method"] == "label_issues"
    assert cell["precision"] > 0.8


@pytest.mark.parametrize("choice", CHOICES)
def test_curves_add_labels(choice):
    points = curve(DIGITS, CHOICES[choice], 0)
    assert [labels for labels, _ in points] == [8 + 8 * step for step in range(8)]
    assert points[-1][1] > 0.9


def test_share_of_labels():
    labels = np.array([10.0, 20.0, 40.0])
    assert share_of_labels(labels, np.array([0.5, 0.7, 0.9]), 0.7) == 0.5
    assert share_of_labels(labels, np.array([0.5, 0.6, 0.6]), 0.7) == 1
