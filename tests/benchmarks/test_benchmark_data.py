"""Data sets, draws and labels of the few-shot benchmark, on made files; no data set is needed."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from joblib import Memory
from made_data import make_data, write_clips, write_images, write_texts

from benchmarks.fewshot import contexts, log_mel, readers

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
    (context, queries), again, other = (
        contexts.draw(data, n_labels, shares, seed, max_queries=90) for seed in (3, 3, 4)
    )
    assert len(context) == len(set(context)) == n_labels
    assert len(queries) == len(set(queries)) <= 90
    assert not data.is_test[context].any()
    assert data.is_test[queries].all()
    assert set(data.y[context]) == {0, 1, 2}
    np.testing.assert_array_equal(context, again[0])
    np.testing.assert_array_equal(queries, again[1])
    assert not np.array_equal(context, other[0])


@pytest.mark.parametrize(
    "shares, counts, test, n_labels, shown, asked",
    [
        ("balanced", (300, 200, 100), (60, 50, 40), 30, [10] * 3, [40] * 3),
        ("balanced", [12] * 77, [2] * 77, 154, [2] * 77, [2] * 77),
        ("balanced", [12] * 77, [2] * 77, 770, [10] * 77, [2] * 77),
        # One share on both sides.
        ("skewed", (300, 200), (60, 50), 22, [20, 2], [60, 6]),
        ("skewed", (300, 200), (60, 50), 8, [7, 1], [60, 6]),
        ("skewed", (300, 200, 100), (60, 50, 40), 24, [20, 2, 2], [60, 6, 6]),
    ],
)
def test_counts_of_classes(shares, counts, test, n_labels, shown, asked):
    data = make_data(counts, test)
    drawn = contexts.draw(data, n_labels, shares, seed=0)
    assert [np.bincount(data.y[rows]).tolist() for rows in drawn] == [shown, asked]


def test_draw_without_a_split_asks_about_the_rest():
    data = replace(make_data(), is_test=None)
    context, queries = contexts.draw(data, 64, "natural", seed=0, max_queries=10_000)
    assert sorted([*context, *queries]) == list(range(len(data.y)))


@pytest.mark.parametrize(
    "most_rows, most_queries, n_labels",
    [(100, 40, 5), (5, 40, 30), (100, 3, 30)],
    ids=["labels", "rows", "queries"],
)
def test_draw_refuses_what_the_data_cannot_give(most_rows, most_queries, n_labels):
    data = make_data((300, 200, most_rows), (60, 50, most_queries))
    assert contexts.draw(data, n_labels, "balanced", seed=0) is None


@pytest.mark.parametrize("noise, wrong", [(0.0, 0), (0.1, 6), (0.2, 13)])
def test_noise_replaces_its_share_by_other_classes(noise, wrong):
    data = make_data()
    context, _ = contexts.draw(data, 64, "balanced", seed=1)
    y, again = (contexts.noisy_labels(data, context, noise, seed=1) for _ in range(2))
    assert (y != data.y[context]).sum() == wrong
    np.testing.assert_array_equal(y, again)


def test_wrong_labels_are_even_over_the_other_classes_and_grow_with_the_share():
    data = make_data()
    context = np.arange(600)
    less, more = (contexts.noisy_labels(data, context, noise, seed=0) for noise in (0.1, 0.5))
    assert ((less == more) | (less == data.y[context])).all()
    of_first = more[(data.y[context] == 0) & (more != 0)]
    assert np.bincount(of_first, minlength=3)[1:] == pytest.approx(len(of_first) / 2, rel=0.2)
    assert (more != contexts.noisy_labels(data, context, 0.5, seed=1)).any()


@pytest.mark.parametrize("noise", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("seed", range(5))
def test_noise_leaves_no_class_out(noise, seed):
    data = make_data()
    context, _ = contexts.draw(data, 8, "skewed", seed)
    y = contexts.noisy_labels(data, context, noise, seed)
    assert set(y) == {0, 1, 2}
    assert (y != data.y[context]).sum() <= round(noise * 8)


# readers


def test_splits_are_apart_and_make_up_the_whole():
    development, validation, every, tables = (
        set(readers.of_split(name)) for name in ("development", "validation", "all", "tables")
    )
    assert (len(development), len(validation)) == (31, 10)
    assert not development & validation
    assert development | validation == every
    assert not every & tables
    assert set(readers.SOURCES) - every - tables == {"fsdd_digits", "fsdd_speakers"}
    assert {"sst2", "rotten_tomatoes"} <= development  # their rows overlap
    assert not {part for parts in readers.SHIFTS.values() for part in parts} & validation


def test_read_text_and_raft(tmp_path):
    write_texts(tmp_path / "made.csv.gz", ["None", "b, c"], [0, 1], [False, True])
    texts, y, is_test = readers.read_text(tmp_path, "made")
    # A text that looks like a missing value is a text.
    assert (texts, y.tolist(), is_test.tolist()) == (["None", "b, c"], [0, 1], [False, True])

    table = pd.DataFrame({"task": ["one", "two"], "text": ["a", "b, c"], "label": [0, 1]})
    table.to_csv(tmp_path / "raft_train.csv.gz", index=False)
    texts, y, is_test = readers.read_raft(tmp_path, "raft_two")
    assert (texts, y.tolist(), is_test) == (["b, c"], [1], None)


def test_read_images(tmp_path):
    images = np.arange(120 * 48).astype(np.uint8).reshape(120, 4, 4, 3)
    write_images(tmp_path / "cifar10.npz", images, np.arange(120) % 2, np.arange(120) >= 80)
    data = readers.load("cifar10", tmp_path, Memory(None), "pixels")
    np.testing.assert_allclose(data.X, images.reshape(120, 48) / 255, rtol=1e-6)
    assert data.is_test.tolist() == [False] * 80 + [True] * 40
    assert (data.y.tolist(), data.encoder) == ([0, 1] * 60, "pixels")


def made_clips(*lengths):
    rng = np.random.default_rng(0)
    return [rng.integers(-3000, 3000, n).astype(np.int16) for n in lengths]


def test_log_mel_reads_clips_cut_at_the_offsets(tmp_path):
    clips = made_clips(900, 100, 2000)
    write_clips(tmp_path / "fsdd_digits.npz", clips, [0, 1, 0], [False, False, True], speaker=[0, 1, 2])
    data = readers.load("fsdd_digits", tmp_path, Memory(None), "log-mel")
    assert data.X.shape == (3, 80)
    assert data.is_test.tolist() == [False, False, True]
    np.testing.assert_array_equal(data.X[2], log_mel.log_mel_statistics(clips[2] / np.float32(2**15), 8000))


def test_speakers_are_split_in_halves_or_are_the_labels(tmp_path):
    clips, number, speaker = made_clips(*[400] * 6), np.arange(6), np.array([5, 0, 3, 1, 2, 4])
    write_clips(tmp_path / "fsdd_digits.npz", clips, number % 2, number > 3, speaker=speaker)
    rows, y, is_test = readers.read_sounds(tmp_path, "fsdd_digits")
    assert [row["sampling_rate"] for row in rows] == [8000] * 6
    for name, part in (("fsdd_a", [1, 3, 4]), ("fsdd_b", [0, 2, 5])):
        some, labels, tests = readers.read_sounds(tmp_path, name)
        for row, place in zip(some, part, strict=True):
            np.testing.assert_array_equal(row["array"], rows[place]["array"])
        assert (labels == y[part]).all()
        assert (tests == is_test[part]).all()
    assert (readers.read_sounds(tmp_path, "fsdd_speakers")[1] == speaker).all()


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
            file.write(f"{encoder} ")
        return np.full((len(texts), 4), 3.0)

    monkeypatch.setattr(readers, "embed", embed)
    write_texts(tmp_path / "sst2.csv.gz", ["a", "b"], [3, 7], [False, False])
    memory = Memory(tmp_path / "cache", verbose=0)
    for _ in range(2):
        data = readers.load("sst2", tmp_path, memory)
    unit = readers.load("sst2", tmp_path, memory, "e5-unit")
    assert calls.read_text() == "multilingual-e5-small "
    assert (data.X == 3).all()
    assert (unit.X == 0.5).all()
    assert (data.y.tolist(), data.texts.tolist(), data.encoder) == ([0, 1], ["a", "b"], "e5")


def test_embed_reads_with_the_encoder_and_says_nothing_of_cuts():
    assert readers.embed(["good film", "word " * 2000], "all-MiniLM-L6-v2").shape == (2, 384)


def test_tfidf_has_unit_rows_and_sees_no_test_text(tmp_path):
    rng = np.random.default_rng(0)
    words = [f"word{i}" for i in range(150)]
    texts = [" ".join(rng.choice(words, 12)) for _ in range(160)]
    number, loaded = np.arange(160), []
    for tests in (texts[150:], ["unheard of"] * 10):
        write_texts(tmp_path / "sst2.csv.gz", texts[:150] + tests, number % 2, number >= 150)
        loaded.append(readers.load("sst2", tmp_path, Memory(None), encoder="tfidf"))
    X = loaded[0].X
    assert X.shape == (160, readers.N_COMPONENTS)
    np.testing.assert_allclose(np.linalg.norm(X, axis=1), 1)
    np.testing.assert_array_equal(X[:150], loaded[1].X[:150])
    assert (loaded[1].X[150:] == 0).all()
    assert loaded[0].encoder == "tfidf"
