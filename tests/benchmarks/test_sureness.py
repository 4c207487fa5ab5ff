"""Whether answers are as sure as they should be: a reader that is too unsure is found out."""

import numpy as np
import pytest

from benchmarks.fewshot.readers import DataSet
from benchmarks.studies import sureness


class Unsure:
    """Right at nine queries in ten, and says 0.6."""

    def fit(self, *known):
        return self

    def predict_proba(self, X):
        right = X[:, 0] > 0
        wrong = np.arange(len(X)) % 10 == 0
        proba = np.where(right ^ wrong, 0.6, 0.4)
        return np.stack([1 - proba, proba], axis=1)


def made():
    rng = np.random.default_rng(0)
    y = np.arange(900) % 2
    X = rng.normal(size=(900, 3)) + np.array([20.0, 0, 0]) * (2 * y[:, None] - 1)
    return DataSet("made", "text", X, y, None, class_vectors=(-np.eye(1, 3), np.eye(1, 3)))


@pytest.mark.filterwarnings("ignore:The fitted attributes:FutureWarning")  # of scikit-learn
def test_answers_that_are_too_unsure_lose_less_the_surer_they_are_made():
    found = list(sureness.measure(Unsure(), made(), 16, 0))
    assert {reads for reads, *_ in found} == {"labels only", "pool", "both"}
    losses = {factor: loss for reads, factor, loss in found if reads == "pool"}
    # 0.9 has the logit of 0.6 times 5.4, beyond all factors.
    assert list(losses) == sorted(losses)
    assert (np.diff(list(losses.values())) < 0).all()


def test_the_table_has_a_line_for_each_reading_and_factor(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sureness, "load", lambda *_: made())
    sureness.main(["--data", str(tmp_path), "--datasets", "made", "--labels", "8", "16", "--seeds", "1"])
    head, _, *lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert head == "| reads, factor | 8 | 16 |"
    assert [line.split(" | ")[0] for line in lines] == [
        f"| {reads}, {factor}" for reads in ("labels only", "pool", "both") for factor in sureness.FACTORS
    ]
