"""The contrastive baseline of the few-shot benchmark: pairs, the trainer on a tiny model, the script."""

import importlib.util
import os
import random
import sys
import tempfile

import numpy as np
import pandas as pd
import pytest
import torch
from made_data import write_texts
from sklearn.dummy import DummyClassifier

from benchmarks.fewshot import contexts, contrastive, fine_tuning, methods, readers
from benchmarks.fewshot import run as fewshot
from benchmarks.fewshot.contrastive import ContrastiveFineTuning, draw_pairs
from sktart.exceptions import MissingExtraError

missing = [name for name in ("accelerate", "datasets") if importlib.util.find_spec(name) is None]
needs_trainer = pytest.mark.skipif(missing != [], reason=f"without {missing} of the extra 'benchmarks'")

TEXTS = np.array(["good film", "very good plot", "fine film", "bad film", "very bad plot", "the bad"], object)
LABELS = np.array(["yes", "yes", "yes", "no", "no", "no"])


# pairs


def test_every_row_is_in_as_many_pairs_of_either_kind():
    y = np.array([0, 0, 0, 1, 1, 2, 2, 2])
    drawn, again, other = (draw_pairs(y, 5, np.random.default_rng(seed)) for seed in (0, 0, 1))
    left, right, same = drawn
    assert len(left) == len(right) == len(same) == 2 * 5 * len(y)
    np.testing.assert_array_equal(same, y[left] == y[right])
    assert (left != right).all()
    for value in (0.0, 1.0):
        assert np.bincount(left[same == value]).tolist() == [5] * len(y)
    np.testing.assert_array_equal(right, again[1])
    assert not np.array_equal(right, other[1])


def test_pairs_of_few_rows():
    left, right, same = draw_pairs(np.array([0, 1, 1]), 2, np.random.default_rng(0))
    assert set(zip(left[same == 1], right[same == 1], strict=True)) == {(0, 0), (1, 2), (2, 1)}
    with pytest.raises(ValueError, match="at least two classes; got 3 of one, so label others"):
        draw_pairs(np.zeros(3), 1, np.random.default_rng(0))


# the classifier


def fitted(model_folder, **parameters):
    parameters = {"iterations": 8, "learning_rate": 1e-2, "encoder": str(model_folder)} | parameters
    return ContrastiveFineTuning(**parameters).fit(TEXTS, LABELS)


def test_a_missing_package_is_named(model_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(MissingExtraError, match=r"'accelerate' is not installed.*sktart\[benchmarks\]"):
        fitted(model_folder)


@needs_trainer
def test_fine_tuning_pulls_classes_apart(model_folder):
    distance = []
    for rate in (1e-12, 1e-2):
        model = fitted(model_folder, learning_rate=rate)
        X = model.encoder_.encode(TEXTS.tolist(), normalize_embeddings=True)
        distance.append((X[:3] @ X[:3].T).mean() - (X[:3] @ X[3:].T).mean())
    assert distance[1] > distance[0] + 0.1
    proba = model.predict_proba(TEXTS)
    assert proba.shape == (6, 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert model.predict(TEXTS).tolist() == LABELS.tolist()


@needs_trainer
def test_seed_decides_and_nothing_else_changes(model_folder, tmp_path, monkeypatch, capfd):
    def state():
        legacy = np.random.get_state()[1].tolist()  # noqa: NPY002
        return random.getstate(), torch.get_rng_state().tolist(), legacy, dict(os.environ)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = state()
    one = fitted(model_folder).predict_proba(TEXTS)
    assert state() == before
    random.seed(1)
    torch.manual_seed(1)
    again, other = (fitted(model_folder, random_state=seed).predict_proba(TEXTS) for seed in (0, 1))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    assert list(tmp_path.iterdir()) == []
    assert "".join(capfd.readouterr()) == ""


# the script


def test_main_writes_rows_of_the_same_draws(tmp_path, monkeypatch, capsys):
    of_table = methods.METHODS[contrastive.NAME]
    assert isinstance(of_table.make(TEXTS, LABELS, None), ContrastiveFineTuning)
    assert not of_table.is_default
    asked = []

    class Recorder(DummyClassifier):
        def fit(self, X, y):
            asked.append(X.tolist())
            return super().fit(np.zeros((len(y), 1)), y)

    method = methods.Method(lambda X, y, checkpoint: Recorder(strategy="prior"), reads="texts", max_rows=64)
    monkeypatch.setitem(methods.METHODS, contrastive.NAME, method)
    monkeypatch.setattr(readers, "embed", lambda texts, encoder: np.ones((len(texts), 3)))
    texts, y, is_test = [f"text {i}" for i in range(80)], np.arange(80) % 2, np.arange(80) >= 60
    write_texts(tmp_path / "sst2.csv.gz", texts, y, is_test)

    where = ["--data", str(tmp_path), "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    fine_tuning.main([*where, "--datasets", "sst2", "--labels", "8", "16", "--seeds", "2"])
    rows = pd.read_csv(tmp_path / "out" / "contrastive.csv")
    assert list(rows) == fewshot.COLUMNS
    draws = [(8, 0), (8, 1), (16, 0), (16, 1)]
    assert list(zip(rows["labels"], rows["seed"], strict=True)) == draws
    assert set(rows["method"]) == {contrastive.NAME}
    data = readers.DataSet("sst2", "text", np.ones((80, 3)), y, is_test)
    assert asked == [[texts[i] for i in contexts.draw(data, n, "balanced", seed)[0]] for n, seed in draws]
    assert contrastive.NAME in capsys.readouterr().out
