"""Baselines that read pools and descriptions, and how both are drawn and read."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from joblib import Memory
from made_data import make_data
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import SelfTrainingClassifier

from benchmarks.fewshot import cells, contexts, held_out_ridge, knowing, methods, readers
from benchmarks.fewshot import run as fewshot
from sktart.reasoners._ridge import solve_ridge

RNG = np.random.default_rng(0)
KNOWING = [name for name, method in methods.METHODS.items() if method.uses]


def clouds(per_class, spread=1.0, seed=0):
    """Two classes about (-1, 0) and (1, 0)."""
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], per_class)
    return rng.normal(scale=spread, size=(len(y), 2)) + np.outer(2 * y - 1, [1, 0]), y


GOOD = (np.array([[-1.0, 0.1]]), np.array([[1.0, 0.1], [0.9, 0.2]]))


@pytest.mark.parametrize("strength", [8.0, 1.0, 1 / 64])
def test_ridge_is_that_of_the_reasoner(strength):
    import torch

    from sktart.reasoners._ridge import STRENGTHS

    X, y = clouds(20)
    x = (X - X.mean(axis=0)) / np.sqrt(np.square(X - X.mean(axis=0)).sum(axis=1).mean())
    label = torch.tensor(2.0 * np.eye(2)[y].T - 1)[None]
    ridge, _ = solve_ridge(torch.tensor(x)[None], label, torch.ones(1, len(x), dtype=torch.float64))
    theirs = (torch.tensor(x)[None, None] @ ridge.solution.mT)[0, STRENGTHS.index(strength), :, 1].numpy()
    ours = knowing.StrengthRidge(strength).fit(X, y).decision_function(X)
    np.testing.assert_allclose(ours, theirs, atol=1e-10)


def test_zero_shot_takes_the_nearest_description():
    X, y = clouds(200)
    classifier = knowing.ZeroShot().fit(X[::50], y[::50], GOOD)
    cosine = X[:, 0] > 0
    assert (classifier.predict_proba(X).argmax(axis=1) == cosine).mean() > 0.95
    misled = knowing.ZeroShot().fit(X[::50], 1 - y[::50], GOOD)
    assert misled.temperature_ > classifier.temperature_


@pytest.mark.parametrize("vectors, helps", [(GOOD, True), (GOOD[::-1], False)])
def test_the_labels_tell_how_far_to_trust_a_description(vectors, helps):
    X, y = clouds(40, seed=1)
    asked, truth = clouds(500, seed=2)
    classifier = knowing.DescriptionScore(LogisticRegression(C=0.01)).fit(X, y, class_vectors=vectors)
    assert (classifier.factor_ > 0) == helps
    right = (classifier.predict_proba(asked).argmax(axis=1) == truth).mean()
    assert right > 0.8


def test_description_rows_are_labelled_rows():
    X, y = clouds(3)
    with_rows = knowing.DescriptionRows(LogisticRegression()).fit(X, y, class_vectors=GOOD)
    by_hand = LogisticRegression().fit(np.concatenate([X, *GOOD]), [*y, 0, 1, 1])
    np.testing.assert_array_equal(with_rows.predict_proba(X), by_hand.predict_proba(X))


def test_pools_are_read():
    X, y = clouds(60, spread=0.5)
    labels = np.where(np.arange(len(y)) % 60 < 2, y, knowing.UNLABELLED)
    spread = knowing.Spreading().fit(X, labels)
    assert (spread.predict_proba(X).argmax(axis=1) == y).mean() > 0.9
    both = knowing.DescriptionScore(SelfTrainingClassifier(LogisticRegression())).fit(X, labels, GOOD)
    assert (both.predict_proba(X).argmax(axis=1) == y).mean() > 0.9
    with np.errstate(invalid="ignore"):  # far from all rows
        assert np.isfinite(spread.predict_proba(np.full((1, 2), 1e6))).all()


@pytest.mark.parametrize("shares", ["same", "other"])
def test_a_pool_is_apart_and_has_its_shares(shares):
    data = make_data((300, 300, 300), (60, 50, 40))
    context, queries = contexts.draw(data, 30, "balanced", seed=0)
    pool, again = (contexts.draw_pool(data, context, queries, 90, shares, seed=1) for _ in range(2))
    np.testing.assert_array_equal(pool, again)
    assert not set(pool) & {*context, *queries}
    assert not data.is_test[pool].any()
    counts = np.bincount(data.y[pool], minlength=3)
    assert (counts.tolist() == [30, 30, 30]) == (shares == "same")
    assert 80 <= counts.sum() <= 90


def test_a_pool_is_smaller_where_a_class_has_too_few_rows():
    data = make_data((300, 200, 15), (60, 50, 40))
    context, queries = contexts.draw(data, 30, "balanced", seed=0)
    pool = contexts.draw_pool(data, context, queries, 300, "same", seed=0)
    assert np.bincount(data.y[pool]).tolist() == [5, 5, 5]


def test_shifted_queries_have_other_shares():
    data = make_data((300, 200), (60, 50))
    context, queries = contexts.draw(data, 20, "shifted", seed=0)
    assert np.bincount(data.y[context]).tolist() == [10, 10]
    assert np.bincount(data.y[queries]).tolist() == [60, 6]


def test_methods_run_only_on_what_they_use(tmp_path):
    data = replace(make_data((200, 200), (60, 60), name="sst2"), modality="text", encoder="e5")
    data = replace(data, class_vectors=(RNG.normal(size=(1, 5)), RNG.normal(size=(2, 5)) + 1))
    options = ["--data", str(tmp_path), "--cache", str(tmp_path), "--methods", "prior", *KNOWING]

    def names(data, pool):
        rows = cells.run_cell(data, cells.Cell("balanced", 0.0, 16, 0, pool), fewshot.parse(options))
        assert all(np.isfinite(row["log_loss"]) and row["pool"] == pool for row in rows)
        return {row["method"] for row in rows}

    assert names(data, 64) == {"prior", *KNOWING}
    assert names(replace(data, class_vectors=None), 0) == {"prior"}
    described = {name for name in KNOWING if methods.METHODS[name].uses == {"descriptions"}}
    assert names(data, 0) == {"prior", *described}
    assert len(described) == 4


def test_each_method_of_ours_reads_what_it_names(tmp_path):
    data = replace(make_data((200, 200), (60, 60), name="sst2"), modality="text", encoder="e5")
    data = replace(data, class_vectors=(RNG.normal(size=(1, 5)), RNG.normal(size=(2, 5)) + 1))
    ours = [methods.OURS, *methods.OURS_WITH]
    args = fewshot.parse(["--data", str(tmp_path), "--cache", str(tmp_path), "--methods", *ours])
    rows = cells.run_cell(data, cells.Cell("balanced", 0.0, 16, 0, 64), args)
    assert len({row["log_loss"] for row in rows}) == 4


def write_described(folder, name, texts, labels, is_test, sets):
    names = np.array(["bad", "good"])[labels]
    split = np.where(is_test, "test", "train")
    table = pd.DataFrame({"split": split, "text": texts, "label": labels, "label_name": names})
    table.to_csv(folder / f"{name}.csv.gz", index=False)
    (folder / "descriptions.json").write_text(json.dumps({"sets": sets}))


def test_descriptions_are_read_in_the_order_of_labels(tmp_path, monkeypatch):
    monkeypatch.setattr(
        readers, "embed", lambda rows, encoder: np.array([[len(row)] for row in rows], dtype=float)
    )
    sets = {"sst2": {"good": ["it is good", "praise"], "bad": ["bad!"]}}
    write_described(tmp_path, "sst2", ["x", "yy", "zzz"], np.array([1, 0, 1]), np.zeros(3, dtype=bool), sets)
    data = readers.load("sst2", tmp_path, Memory(None))
    assert [part.ravel().tolist() for part in data.class_vectors] == [[4], [10, 6]]
    write_described(tmp_path, "sst2", ["x", "yy", "zzz"], np.array([1, 0, 1]), np.zeros(3, dtype=bool), {})
    assert readers.read_descriptions(tmp_path, "sst2") == [["bad"], ["good"]]  # names of classes
    assert readers.read_descriptions(tmp_path, "mnist") is None


def test_queries_of_a_shift_are_of_another_set(tmp_path):
    texts = ["a", "b", "c", "d"]
    for name, sign in (("sst2", ""), ("imdb", "!")):
        part = [text + sign for text in texts]
        write_described(
            tmp_path, name, part, np.array([0, 1, 0, 1]), np.array([False, False, True, True]), {}
        )
    rows, y, is_test = readers.read_shifted(tmp_path, "sst2_to_imdb")
    assert rows == ["a", "b", "c!", "d!"]
    assert (y.tolist(), is_test.tolist()) == ([0, 1, 0, 1], [False, False, True, True])


@pytest.mark.filterwarnings("ignore:The fitted attributes of LogisticRegressionCV:FutureWarning")
@pytest.mark.parametrize(
    "name", ["LogisticRegressionCV + description score", "self-training + description score"]
)
@pytest.mark.parametrize("per_class", [1, 2, 3])
def test_few_labels_are_enough(name, per_class):
    """Folds of a fold may lack a class or have one row of it."""
    X, y = clouds(30)
    labels = np.where(np.arange(len(y)) % 30 < per_class, y, knowing.UNLABELLED)
    rows = slice(None) if "pool" in methods.METHODS[name].uses else labels != knowing.UNLABELLED
    classifier = methods.METHODS[name].make(X[rows], labels[rows], None)
    assert classifier.fit(X[rows], labels[rows], class_vectors=GOOD).predict_proba(X).shape == (60, 2)


def test_held_out_ridge_chooses_by_rows_it_has_not_seen():
    X, y = clouds(40, spread=0.7)
    wide = np.hstack([X, np.random.default_rng(0).normal(scale=3, size=(80, 60))])
    classifier = held_out_ridge.HeldOutRidge().fit(wide[::2], y[::2])
    proba = classifier.predict_proba(wide[1::2])
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    losses = {
        strength: -np.log(proba_of(strength, wide[::2], y[::2], wide[1::2], classifier.temperature_)[
            np.arange(40), y[1::2]
        ]).mean()
        for strength in (8.0, 1.0, 1 / 8, 1 / 64)
    }  # fmt: skip
    ours = -np.log(proba[np.arange(40), y[1::2]]).mean()
    assert ours == pytest.approx(min(losses.values()), rel=0.05)


def proba_of(strength, X, y, asked, temperature):
    decision = knowing.StrengthRidge(strength).fit(X, y).decision_function(asked)
    return 1 / (1 + np.exp(np.outer(-2 * decision / temperature, [-1, 1])))
