"""The parts of the few-shot benchmark, against hand computations and laws; no data set is needed."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from joblib import Memory
from scipy.stats import ttest_rel

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import contexts
import fewshot
import log_mel
import methods
import readers
import report
import scores

BASELINES = [name for name in methods.METHODS if name != methods.OURS]


def make_data(counts=(300, 200, 100), test=(60, 50, 40), name="made"):
    y = np.repeat(np.tile(np.arange(len(counts)), 2), [*counts, *test])
    is_test = np.arange(len(y)) >= sum(counts)
    X = np.random.default_rng(0).normal(size=(len(y), 5)) + y[:, None]
    return readers.DataSet(name, "table", X, y, is_test)


# scores


def test_calibration_error_by_hand():
    proba = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.5, 0.5]])
    y = np.array([0, 1, 1, 1])
    # Bins: both 0.9 (accuracy 0.5), 0.7 (1), 0.5 (0, as the first class is taken).
    expected = (2 * abs(0.5 - 0.9) + abs(1 - 0.7) + abs(0 - 0.5)) / 4
    assert scores.calibration_error(y, proba) == pytest.approx(expected)


def test_calibration_error_of_certainty():
    proba = np.eye(2)[[0, 1, 0, 1]]
    assert scores.calibration_error(np.array([0, 1, 0, 1]), proba) == 0
    assert scores.calibration_error(np.array([1, 0, 1, 0]), proba) == 1


def test_log_loss_is_floored():
    proba = np.array([[1.0, 0.0], [0.25, 0.75]])
    assert scores.log_loss(np.array([1, 1]), proba) == pytest.approx((-np.log(1e-7) - np.log(0.75)) / 2)


# statistics


def test_paired_interval_agrees_with_the_t_test():
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(size=(2, 7))
    interval = ttest_rel(ours, theirs).confidence_interval(0.95)
    mean, half_width = report.paired_interval(ours - theirs)
    assert (mean - half_width, mean + half_width) == pytest.approx((interval.low, interval.high))


def test_paired_interval_of_one_pair_decides_nothing():
    mean, half_width = report.paired_interval([0.3])
    assert mean == 0.3
    assert report.verdict(mean, half_width, 1) == "tie"


@pytest.mark.parametrize(
    "mean, half_width, sign, expected",
    [
        (-0.2, 0.1, -1, "win"),
        (0.2, 0.1, -1, "loss"),
        (0.2, 0.1, 1, "win"),
        (-0.2, 0.1, 1, "loss"),
        (0.1, 0.2, 1, "tie"),
        (0.0, 0.0, 1, "tie"),
    ],
)
def test_verdict(mean, half_width, sign, expected):
    assert report.verdict(mean, half_width, sign) == expected


def make_rows():
    """Three seeds of one cell in which ours has the lower log-loss and the lower accuracy."""
    return pd.DataFrame(
        {
            "dataset": "made",
            "modality": "text",
            "shares": "balanced",
            "labels": 8,
            "seed": seed,
            "method": method,
        }
        | {"accuracy": 0.7 + shift + seed / 1000, "log_loss": loss, "ece": 0.1}
        | {"fit_seconds": 0.1, "predict_seconds": 0.1}
        for seed in range(3)
        for method, shift, loss in [(methods.OURS, 0, 0.5), (methods.REFERENCE, 0.1, 1.0)]
    )


def test_overview_leaves_out_fewer_than_16_labels_and_weighs_cells_alike():
    rows = pd.concat([make_rows().assign(labels=labels) for labels in (8, 16, 32)])
    rows.loc[(rows["labels"] == 8) & (rows["method"] == methods.OURS), "log_loss"] = 9.0
    comparisons = {metric: report.compare(rows, metric) for metric in report.METRICS}
    table = report.overview_table(comparisons, {"made": "text"}).splitlines()
    assert table[2:] == [
        "| balanced | text | 2 | 0.500 | -10.00 |",
        "| balanced | all | 2 | 0.500 | -10.00 |",
    ]


def test_compare_pairs_seeds():
    loss, accuracy = (report.compare(make_rows(), metric).iloc[0] for metric in ("log_loss", "accuracy"))
    assert (loss["difference"], loss["verdict"]) == (-0.5, "win")
    assert accuracy["difference"] == pytest.approx(-0.1)
    assert accuracy["verdict"] == "loss"


def test_summary_has_the_ratio_and_marks_the_losing_cell():
    summary = report.summarise(make_rows(), None)
    assert "| balanced | 8 | 1 | 0.500 | 0.500 |" in summary
    assert "-0.500 ± 0.000 W" in summary
    assert "**-0.100 ± 0.000 L**" in summary
    assert "Seeds: 0, 1, 2." in summary


# contexts


@pytest.mark.parametrize("n, weights", [(8, [1, 1, 1]), (32, [1] * 14), (8, [10, 1]), (9, [10, 1, 1, 1])])
def test_class_counts_add_up_and_leave_no_class_out(n, weights):
    counts = contexts.class_counts(n, np.array(weights), np.random.default_rng(0))
    assert counts.sum() == n
    assert counts.min() >= 1
    if len(set(weights)) == 1:
        assert np.ptp(counts) <= 1


@pytest.mark.parametrize("shares", contexts.SHARES)
@pytest.mark.parametrize("n_labels", [8, 30, 128])
def test_draw_laws(shares, n_labels):
    data = make_data()
    context, queries = contexts.draw(data, n_labels, shares, seed=3, max_queries=90)
    assert len(context) == len(set(context)) == n_labels
    assert len(queries) == len(set(queries)) <= 90
    assert not data.is_test[context].any()
    assert data.is_test[queries].all()
    assert set(data.y[context]) == {0, 1, 2}
    again = contexts.draw(data, n_labels, shares, seed=3, max_queries=90)
    assert all(np.array_equal(a, b) for a, b in zip((context, queries), again, strict=True))
    assert not np.array_equal(context, contexts.draw(data, n_labels, shares, seed=4)[0])


def test_balanced_draw_is_exact():
    data = make_data()
    context, queries = contexts.draw(data, 30, "balanced", seed=0, max_queries=90)
    assert np.bincount(data.y[context]).tolist() == [10, 10, 10]
    assert np.bincount(data.y[queries]).tolist() == [30, 30, 30]


def test_skewed_draw_has_one_share_on_both_sides():
    data = make_data(counts=(300, 200), test=(60, 50))
    context, queries = contexts.draw(data, 22, "skewed", seed=0)
    assert np.bincount(data.y[context]).tolist() == [20, 2]
    assert np.bincount(data.y[queries]).tolist() == [60, 6]


def test_draw_without_a_split_asks_about_the_rest():
    data = make_data()
    data = readers.DataSet(data.name, data.modality, data.X, data.y, None)
    context, queries = contexts.draw(data, 64, "natural", seed=0, max_queries=10_000)
    assert sorted([*context, *queries]) == list(range(len(data.y)))


@pytest.mark.parametrize("counts, n_labels", [((300, 200, 100), 5), ((300, 200, 5), 30)])
def test_draw_refuses_what_the_data_cannot_give(counts, n_labels):
    assert contexts.draw(make_data(counts=counts), n_labels, "balanced", seed=0) is None


# methods


@pytest.mark.parametrize("name", BASELINES)
def test_baseline_gives_probabilities(name):
    data = make_data()
    context, queries = contexts.draw(data, 32, "balanced", seed=0, max_queries=30)
    row = fewshot.run_method(name, fewshot.prepare(data, context, queries), None)
    assert 0 <= row["accuracy"] <= 1
    assert np.isfinite(row["log_loss"])


@pytest.mark.parametrize("counts, folds", [([4, 4], 4), ([20, 20], 5), ([7, 1], None)])
def test_folds_follow_the_smallest_class(counts, folds):
    model = methods.tuned_logistic_regression(np.repeat([0, 1], counts), None)
    assert getattr(getattr(model, "cv", None), "n_splits", None) == folds


# readers


def test_read_text_and_raft(tmp_path):
    table = pd.DataFrame({"split": ["train", "test"], "text": ["None", "b, c"], "label": [0, 1]})
    table.to_csv(tmp_path / "made.csv.gz", index=False)
    texts, y, is_test = readers.read_text(tmp_path, "made")
    assert texts == ["None", "b, c"]  # a text that looks like a missing value is a text
    assert y.tolist() == [0, 1]
    assert is_test.tolist() == [False, True]

    table.assign(task=["one", "two"]).to_csv(tmp_path / "raft_train.csv.gz", index=False)
    texts, y, is_test = readers.read_raft(tmp_path, "raft_two")
    assert (texts, y.tolist(), is_test) == (["b, c"], [1], None)


def write_images(folder):
    rng = np.random.default_rng(0)
    arrays = {"X_train": (80, 4, 4, 3), "X_test": (40, 4, 4, 3)}
    arrays = {name: rng.integers(0, 256, shape, dtype=np.uint8) for name, shape in arrays.items()}
    np.savez(folder / "cifar10.npz", **arrays, y_train=np.arange(80) % 2, y_test=np.arange(40) % 2)


def test_read_images(tmp_path):
    write_images(tmp_path)
    X, y, is_test = readers.read_images(tmp_path, "cifar10")
    assert X.shape == (120, 48)
    assert X.min() >= 0
    assert X.max() <= 1
    assert is_test.sum() == 40
    assert y.tolist() == [*(np.arange(80) % 2), *(np.arange(40) % 2)]


def test_read_audio_cuts_clips_at_the_offsets(tmp_path):
    rng = np.random.default_rng(0)
    clips = [rng.integers(-3000, 3000, n).astype(np.int16) for n in (900, 100, 2000)]
    offsets = np.cumsum([0, *map(len, clips)])
    arrays = {"label": np.array([0, 1, 0]), "is_test": np.array([False, False, True]), "sample_rate": 8000}
    np.savez(tmp_path / "made.npz", audio=np.concatenate(clips), offsets=offsets, **arrays)
    X, _, is_test = readers.read_audio(tmp_path, "made")
    assert X.shape == (3, 80)
    assert is_test.tolist() == [False, False, True]
    np.testing.assert_array_equal(X[2], log_mel.log_mel_statistics(clips[2] / np.float32(2**15), 8000))


def test_mel_bands_rise_with_the_pitch():
    seconds = np.arange(8000) / 8000
    loudest = [
        log_mel.log_mel_statistics(np.sin(2 * np.pi * hertz * seconds), 8000)[:40].argmax()
        for hertz in (200, 400, 800, 1600, 3200)
    ]
    assert loudest == sorted(set(loudest))
    assert (log_mel.mel_filters(8000).sum(axis=1) > 0).all()


def test_load_embeds_texts_once(tmp_path, monkeypatch):
    calls = tmp_path / "calls"

    def embed(texts, encoder):
        with calls.open("a") as file:
            file.write("x")
        return np.ones((len(texts), 3))

    monkeypatch.setattr(readers, "embed", embed)
    pd.DataFrame({"split": ["train"] * 2, "text": ["a", "b"], "label": [3, 7]}).to_csv(
        tmp_path / "sst2.csv.gz", index=False
    )
    for _ in range(2):
        data = readers.load("sst2", tmp_path, Memory(tmp_path / "cache", verbose=0))
    assert calls.read_text() == "x"
    assert data.X.shape == (2, 3)
    assert data.y.tolist() == [0, 1]


# the whole


def test_main_writes_rows_and_summary(tmp_path, capsys):
    write_images(tmp_path)
    arguments = [
        "--data",
        str(tmp_path),
        "--datasets",
        "cifar10",
        "wine",
        "--labels",
        "8",
        "16",
        "--seeds",
        "2",
    ]
    arguments += ["--methods", *BASELINES, "--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "out")]
    fewshot.main(arguments)
    rows = pd.read_csv(tmp_path / "out" / "fewshot.csv")
    assert len(rows) == 2 * 2 * 2 * 2 * len(BASELINES)  # sets, shares, labels, seeds, methods
    assert rows.notna().all(axis=None)
    assert (tmp_path / "out" / "fewshot.md").read_text(encoding="utf-8").strip() in capsys.readouterr().out

    fewshot.main(arguments)
    scored = [column for column in rows if not column.endswith("_seconds")]
    pd.testing.assert_frame_equal(rows[scored], pd.read_csv(tmp_path / "out" / "fewshot.csv")[scored])


def test_main_says_when_nothing_fits(tmp_path):
    with pytest.raises(SystemExit, match="ask for more --labels"):
        fewshot.main(["--data", str(tmp_path), "--datasets", "digits", "--labels", "8"])
