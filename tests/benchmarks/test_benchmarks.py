"""The parts of the few-shot benchmark, against hand computations and laws; no data set is needed."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_data import make_data
from sklearn.metrics import roc_auc_score

from benchmarks.fewshot import cells, contexts, kept, methods, prototypes, scores
from benchmarks.fewshot import run as fewshot

BASELINES = [
    name
    for name, method in methods.METHODS.items()
    if method.reads == "features" and not method.uses and name != methods.OURS
]


# scores


@pytest.mark.parametrize(
    "score, y, proba, expected",
    [
        # Bins: both 0.9 (accuracy 0.5), 0.7 (1), 0.5 (0, as the first class is taken).
        (
            "calibration_error",
            [0, 1, 1, 1],
            [[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.5, 0.5]],
            (2 * 0.4 + 0.3 + 0.5) / 4,
        ),
        ("calibration_error", [0, 1, 0, 1], [[1, 0], [0, 1], [1, 0], [0, 1]], 0),
        ("calibration_error", [1, 0, 1, 0], [[1, 0], [0, 1], [1, 0], [0, 1]], 1),
        ("log_loss", [1, 1], [[1.0, 0.0], [0.25, 0.75]], (-np.log(1e-7) - np.log(0.75)) / 2),  # floored
        ("brier", [0, 2], [[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]], ((0.25 + 0.25) + (1 + 1)) / 2),
    ],
)
def test_score_by_hand(score, y, proba, expected):
    assert getattr(scores, score)(np.array(y), np.array(proba)) == pytest.approx(expected)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_auroc_agrees_with_scikit_learn(n_classes):
    proba = np.random.default_rng(0).dirichlet(np.ones(n_classes), 50)
    y = np.arange(50) % n_classes
    given = proba[:, 1] if n_classes == 2 else proba
    assert scores.auroc(y, proba) == pytest.approx(roc_auc_score(y, given, multi_class="ovr"))
    assert np.isnan(scores.auroc(np.zeros(50, dtype=int), proba))


# methods


def arguments_of(folder, *more):
    paths = ["--data", str(folder), "--cache", str(folder / "cache"), "--out", str(folder / "out")]
    return [*paths, *map(str, more)]


def score_made_cell(name, args):
    data = make_data()
    context, queries = contexts.draw(data, 32, "balanced", seed=0, max_queries=30)
    return cells.run_method(name, cells.prepare(data, context, data.y[context], queries), args)


@pytest.mark.parametrize("name", BASELINES)
def test_baseline_gives_probabilities(name, tmp_path):
    row = score_made_cell(name, fewshot.parse(arguments_of(tmp_path)))
    assert 0 <= row["accuracy"] <= 1
    assert np.isfinite(row["log_loss"])


@pytest.mark.parametrize("counts, folds", [([4, 4], 4), ([20, 20], 5), ([7, 1], None)])
def test_folds_follow_the_smallest_class(counts, folds):
    model = methods.tuned_logistic_regression(np.repeat([0, 1], counts))
    assert getattr(getattr(model, "cv", None), "n_splits", None) == folds


@pytest.mark.parametrize(
    "name, modality, counts, expected",
    [
        ("GP, RBF", "text", [128, 128], True),
        ("GP, RBF", "text", [128, 129], False),
        ("GP, RBF", "text", [4] * 5, False),
        ("linear SVM + Platt", "text", [7, 1], False),
        ("linear SVM + Platt", "text", [6, 2], True),
        ("LogisticRegression(C=1), unit rows", "text", [4, 4], False),
        ("LogisticRegression(C=1), unit rows", "table", [4, 4], True),
        ("random forest", "text", [4, 4], False),
        ("random forest", "table", [4, 4], True),
    ],
)
def test_method_is_for_some_contexts(name, modality, counts, expected):
    y = np.repeat(np.arange(len(counts)), counts)
    assert methods.METHODS[name].fits(modality, y) == expected


def test_ridge_keeps_the_accuracy_of_ridge():
    data = make_data()
    X, y = data.X[:600:20], data.y[:600:20]
    ridge = methods.RidgeClassifierCV(alphas=methods.CS).fit(X, y)
    classifier = methods.METHODS["ridge + temperature"].make(X, y, None).fit(X, y)
    np.testing.assert_array_equal(classifier.predict_proba(data.X).argmax(axis=1), ridge.predict(data.X))


def test_prototypes_by_hand():
    # Means (0, 0) and (4, 0), deviations of 1 along the second axis: sum of squares 4 over 4 - 2 rows.
    X, y = np.array([[0.0, 1], [0, -1], [4, 1], [4, -1]]), np.array(["a", "a", "b", "b"])
    classifier = prototypes.Prototypes().fit(X, y)
    odds = np.exp((3**2 - 1**2) / (2 * 2))
    np.testing.assert_allclose(classifier.predict_proba([[1.0, 0]]), [[odds / (1 + odds), 1 / (1 + odds)]])
    assert classifier.predict([[1.0, 0], [3.0, 5]]).tolist() == ["a", "b"]
    alike = prototypes.Prototypes().fit(np.ones((4, 2)), [0, 0, 1, 1])
    np.testing.assert_allclose(alike.predict_proba(np.ones((1, 2))), 0.5)


# kept scores


def test_a_baseline_is_measured_once_on_the_same_numbers(tmp_path):
    X = np.random.default_rng(0).normal(size=(6, 2))
    texts, y = np.array(["a", "b", "c"], dtype=object), np.array([0, 0, 1, 1])
    plain, strong = methods.LogisticRegression(), methods.LogisticRegression(C=2)
    different = [
        ((X, X), plain),
        ((X, X), strong),
        ((X, X), methods.calibrated(plain, y, "sigmoid")),
        ((X, X), methods.calibrated(strong, y, "sigmoid")),
        ((X[:3], X[3:]), plain),
        ((X, X.astype("f")), plain),
        ((texts,), plain),
        ((texts[::-1],), plain),
    ]
    calls = []

    def accuracy(parts, classifier):
        def measure():
            calls.append(1)
            return {"accuracy": len(calls) / 10, "auroc": np.nan}

        return kept.keep(tmp_path / "scores.sqlite", kept.digest(parts), classifier, measure)["accuracy"]

    first = [accuracy(*each) for each in different]
    assert first == [(i + 1) / 10 for i in range(len(different))]
    assert [accuracy(*each) for each in different] == first


def test_our_own_scores_are_not_kept(tmp_path, monkeypatch):
    ours = methods.Method(lambda X, y, checkpoint: methods.DummyClassifier())
    monkeypatch.setitem(methods.METHODS, methods.OURS, ours)
    args = fewshot.parse(arguments_of(tmp_path))
    score_made_cell(methods.OURS, args)
    assert not (args.cache / cells.KEPT).exists()


# cells


def test_a_method_that_reads_texts_gets_them(tmp_path, monkeypatch):
    read = []

    def make(X, y, checkpoint):
        read.append(X)
        return methods.DummyClassifier()

    monkeypatch.setitem(methods.METHODS, "reader", methods.Method(make, reads="texts"))
    data = make_data(name="sst2")
    texts = np.array([f"text {i}" for i in range(len(data.y))], dtype=object)
    data = replace(data, modality="text", encoder="e5", texts=texts)
    args = fewshot.parse(arguments_of(tmp_path, "--methods", "reader"))
    (row,) = cells.run_cell(data, cells.Cell("balanced", 0.0, 9, 0), args)
    context, _ = contexts.draw(data, 9, "balanced", 0)
    assert read[0].tolist() == texts[context].tolist()
    assert row["split"] == "development"


def test_features_do_not_depend_on_labels_or_queries():
    data = make_data()
    context, queries = contexts.draw(data, 32, "balanced", seed=0)
    X, y, asked, truth = cells.prepare(data, context, data.y[context], queries)
    other = cells.prepare(data, context, 1 - y, queries[:7])
    np.testing.assert_array_equal(X, other[0])
    np.testing.assert_allclose(asked[:7], other[2])
    np.testing.assert_array_equal(truth, data.y[queries])


# the whole


def test_main_writes_rows_and_summary(tmp_path, capsys):
    few = [methods.REFERENCE, "LogisticRegression(C=1)", "linear SVM + Platt", "GP, RBF"]
    arguments = ["--datasets", "breast_cancer", "digits", "--labels", 8, 32, "--seeds", 2, "--noise", 0.2]
    arguments = arguments_of(tmp_path, *arguments, "--methods", *few, "--queries", 50)

    def written():
        fewshot.main(arguments)
        return pd.read_csv(tmp_path / "out" / "fewshot.csv")

    rows = written()
    assert list(rows) == fewshot.COLUMNS
    labels_shares_seeds = (2 + 1) * 3 * 2
    assert len(rows.drop_duplicates(["dataset", "shares", "labels", "seed"])) == labels_shares_seeds
    assert not rows.duplicated(["dataset", "shares", "labels", "seed", "method"]).any()
    assert set(rows["method"]) == set(few)
    assert rows.drop(columns="auroc").notna().all(axis=None)
    assert (tmp_path / "out" / "fewshot.md").read_text(encoding="utf-8").strip() in capsys.readouterr().out
    assert (tmp_path / "out" / "fewshot_means.csv").exists()
    bins = pd.read_csv(tmp_path / "out" / "reliability.csv")
    assert bins["rows"].sum() == rows["queries"].sum()
    right = (bins["rows"] * bins["right"]).sum()
    assert right == pytest.approx((rows["queries"] * rows["accuracy"]).sum(), rel=1e-3)

    pd.testing.assert_frame_equal(rows, written())  # from what is kept
    (tmp_path / "cache" / cells.KEPT).unlink()
    scored = [column for column in rows if not column.endswith("_seconds")]
    pd.testing.assert_frame_equal(rows[scored], written()[scored])


def test_main_says_when_nothing_fits(tmp_path):
    with pytest.raises(SystemExit, match="ask for more --labels"):
        fewshot.main(arguments_of(tmp_path, "--datasets", "digits", "--labels", 8))


def test_noise_is_a_share(tmp_path, capsys):
    with pytest.raises(SystemExit):
        fewshot.parse(arguments_of(tmp_path, "--noise", 10))
    assert "a share must be at least 0 and below 1; got 10" in capsys.readouterr().err


@pytest.mark.parametrize("more, most", [([], 256), (["--many"], 2000)])
@pytest.mark.parametrize("name, own", [("banking77", True), ("sst2", False)])
def test_labels_of_a_run(tmp_path, more, most, name, own):
    args = fewshot.parse(arguments_of(tmp_path, *more, "--shares", "balanced", "--seeds", 1))
    labels = [cell.labels for cell in fewshot.cells(name, args)]
    assert (labels[0], labels[-1]) == (8, most)
    assert (154 in labels, 770 in labels) == (own, own and most > 770)


def test_development_is_the_default(tmp_path):
    assert "sst2" in fewshot.parse(arguments_of(tmp_path)).datasets
    assert "subj" not in fewshot.parse(arguments_of(tmp_path)).datasets
    assert "subj" in fewshot.parse(arguments_of(tmp_path, "--split", "validation")).datasets
