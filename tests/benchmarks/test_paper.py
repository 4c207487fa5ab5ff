"""The paper's table: tasks from made files, protocols on a tiny model, resuming, report; no data set is needed."""

import io
import json
from argparse import Namespace

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_models import build_causal_lm

from benchmarks.paper import hub as paper_hub
from benchmarks.paper import methods as paper_methods
from benchmarks.paper import report as paper_report
from benchmarks.paper import run as paper
from benchmarks.paper import tasks as paper_tasks
from benchmarks.paper.results import KEYS, Results
from sktart.reasoners._config import DecoderConfig
from sktart.reasoners._decoder import DecoderReasoner
from sktart.zoo._checkpoint import save_checkpoint


def write_texts(folder, name, n_classes):
    words = ["good film", "bad plot", "fine cast", "very bad"]
    rows = [
        {"split": "train" if i < 30 else "test", "text": f"{words[c]} {i}", "label": c}
        for c in range(n_classes)
        for i in range(40)
    ]
    pd.DataFrame(rows).to_csv(folder / f"{name}.csv.gz", index=False)


def write_images(folder):
    rng = np.random.default_rng(0)
    y = np.arange(80) % 4
    images = np.uint8(rng.integers(0, 60, (80, 6, 6)) + 60 * y[:, None, None])
    arrays = {"X_train": images[:60], "y_train": y[:60], "X_test": images[60:], "y_test": y[60:]}
    np.savez(folder / "mnist.npz", **arrays)


def write_clips(folder):
    rng = np.random.default_rng(0)
    label = np.arange(40) % 2
    clips = [rng.integers(-900, 900, rng.integers(600, 900)).astype(np.int16) * (1 + 9 * c) for c in label]
    arrays = {"audio": np.concatenate(clips), "offsets": np.cumsum([0, *map(len, clips)])}
    np.savez(folder / "fsdd_digits.npz", **arrays, label=label, is_test=np.arange(40) >= 28, sample_rate=8000)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    write_texts(folder, "sst2", 2)
    write_texts(folder, "ag_news", 4)
    write_images(folder)
    write_clips(folder)
    return folder


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decoder") / "tiny-decoder"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        reasoner = DecoderReasoner(DecoderConfig(width=16, n_layers=1, n_heads=2, n_features=16, n_pairs=8))
    recipe = {"name": "tiny", "seed": 0, "prior": [{"family": "logistic"}], "context_rows": [1, 7]}
    metrics = {"training": {"steps": 1, "seconds": 1, "cores": 1, "device": "cpu"}}
    save_checkpoint(folder, reasoner, recipe=recipe, metrics=metrics)
    return folder


@pytest.fixture
def run(tmp_path, folder, decoder):
    def run(*options, seeds=2):
        fixed = {"--data": folder, "--decoder": decoder, "--cache": tmp_path / "cache", "--out": tmp_path}
        arguments = [str(part) for pair in fixed.items() for part in pair]
        paper.main([*arguments, "--seeds", str(seeds), "--queries", "10", *options])
        lines = (tmp_path / "paper.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines], (tmp_path / "paper.md").read_text(encoding="utf-8")

    return run


# tasks


def test_the_table_has_the_14_text_tasks_and_both_other_kinds():
    assert {task.modality for task in list(paper_tasks.TASKS.values())[:14]} == {"text"}
    assert {task.modality for task in paper_tasks.TASKS.values()} == {"text", "image", "audio"}


def test_one_class_against_the_rest(folder):
    data, source = paper_tasks.load_task("ag_news_2", folder, queries=10)
    assert source == "folder"
    assert all(
        (label == 1) == text.startswith("fine cast") for text, label in zip(data.X, data.y, strict=True)
    )
    assert np.bincount(data.y[data.is_test]).tolist() == [5, 5]
    assert np.bincount(data.y[~data.is_test]).tolist() == [90, 30]
    again = paper_tasks.load_task("ag_news_2", folder, queries=10)[0]
    assert again.X.tolist() == data.X.tolist()


def test_a_pair_of_classes_leaves_out_the_others(folder):
    data, _ = paper_tasks.load_task("mnist_0_1", folder, queries=100)
    assert len(data.y) == 40
    assert all((image.mean() > 60) == label for image, label in zip(data.X, data.y, strict=True))


def test_halve_gives_half_of_each_class():
    y = np.repeat([0, 1], [10, 31])
    is_test = paper_tasks.halve(y, np.random.default_rng(0))
    assert np.bincount(y[is_test]).tolist() == [5, 15]


@pytest.mark.parametrize(
    "name, why", [("youtube_spam", "the Hub has no copy"), ("imdb", r"the Hub did not answer \(Off")]
)
def test_missing_data_says_where_it_was_looked_for(tmp_path, name, why):
    with pytest.raises(paper_hub.MissingData, match=rf"no {name}\.csv\.gz in --data, and {why}"):
        paper_tasks.load_task(name, tmp_path, 10)


# the Hub, faked by a folder with the layout of its Parquet branch


@pytest.fixture
def hub(tmp_path, monkeypatch):
    asked = []

    def snapshot_download(repo, **options):
        asked.append((repo, options["local_files_only"], options["allow_patterns"]))
        return str(tmp_path / "hub")

    monkeypatch.setattr(paper_hub, "snapshot_download", snapshot_download)

    def write(name, columns):
        import polars as pl

        path = tmp_path / "hub" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(columns).write_parquet(path)

    write.asked = asked
    return write


def test_hub_rows_of_both_splits(hub):
    hub("default/train/0000.parquet", {"text": ["a", "b", None], "label": [0, 1, 1], "other": [1, 2, 3]})
    hub("default/train/0001.parquet", {"text": ["c"], "label": [1], "other": [1]})
    hub("default/partial-test/0000.parquet", {"text": ["d"], "label": [0], "other": [1]})
    rows, y, is_test = paper_hub.read_hub(paper_hub.Hub("some/set"))
    assert rows.tolist() == ["a", "b", "c", "d"]
    assert y.tolist() == [0, 1, 1, 0]
    assert is_test.tolist() == [False, False, False, True]
    repo, local_only, patterns = hub.asked[0]
    assert (repo, local_only) == ("some/set", True)  # tests are offline: only the cache is asked
    assert "default/partial-test/*.parquet" in patterns


def test_hub_scores_become_classes_and_large_sets_are_thinned_evenly(hub, monkeypatch):
    monkeypatch.setattr(paper_hub, "PER_LABEL", 5)
    score = np.tile([0.0, 0.4, 0.5, 0.9], 25)
    hub("c/train/0.parquet", {"t": [str(i) for i in range(100)], "s": score})
    rows, y, is_test = paper_hub.read_hub(paper_hub.Hub("a/b", "c", row="t", label="s", test=None))
    assert is_test is None
    assert np.bincount(y).tolist() == [5, 5]
    assert np.diff(np.sort(rows.astype(int)[y == 1])).min() >= 15


@pytest.mark.parametrize(
    "columns, message",
    [(None, "no Parquet files of c/train"), ({"x": [1]}, "no columns text and label in train")],
)
def test_hub_sets_of_another_shape_are_missing(hub, columns, message):
    hub("c/other/0.parquet" if columns is None else "c/train/0.parquet", columns or {"x": [1]})
    with pytest.raises(paper_hub.MissingData, match=message):
        paper_hub.read_hub(paper_hub.Hub("a/b", "c", test=None))


def test_hub_images_and_clips_are_decoded():
    import soundfile
    from PIL import Image

    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    assert (paper_hub.decode_image({"bytes": file.getvalue()}) == pixels).all()

    samples = np.linspace(-0.5, 0.5, 100, dtype=np.float32)
    file = io.BytesIO()
    soundfile.write(file, np.stack([samples, samples], axis=1), 8000, format="WAV", subtype="FLOAT")
    clip = paper_hub.decode_clip({"bytes": file.getvalue()})
    np.testing.assert_allclose(clip["array"], samples, atol=1e-6)
    assert clip["sampling_rate"] == 8000


# methods


def test_decoder_reads_as_many_draws_as_the_rows_ask_for(decoder):
    args = Namespace(decoder=str(decoder), permutations=1)
    few, many = (paper_methods.decoder(np.arange(n) % 2, args, seed=3) for n in (7, 20))
    assert (few.max_context, few.n_permutations) == (7, 1)
    assert (many.max_context, many.n_permutations, many.random_state) == (7, 3, 3)


def test_identity_changes_with_weights_and_permutations(decoder):
    def identity(name, permutations, method="decoder, 16"):
        return paper_methods.METHODS[method].identity(Namespace(decoder=name, permutations=permutations))

    assert len({identity(str(decoder), 1), identity(str(decoder), 2), identity("auto", 1)}) == 3
    assert identity("auto", 1, "LogisticRegressionCV") == ""


# the whole


def test_handcrafted_features_and_what_is_missing(run, tmp_path, capsys):
    rows, report = run(
        "--datasets", "mnist_0_1", "fsdd_digits_0_1", "civil_comments", "--labels", "6", "20", "400"
    )  # fmt: skip
    done = [row for row in rows if "failed" not in row]
    assert len(done) == 2 * 2 * 2 * len(paper_methods.METHODS)  # tasks, labels, seeds, methods
    assert {row["features"] for row in done if row["method"].endswith("16")} == {5, 16}
    assert "| civil_comments |  |  |  |  | no civil_comments.csv.gz" in report
    assert "the data set has too few rows for 400 labels" in report
    assert "| image | pixels | stream | 20 | 1 |" in report
    assert "tiny-decoder, 1 order(s)" in report
    assert len(pd.read_csv(tmp_path / "paper_cells.csv")) == 2 * 2 * len(paper_methods.METHODS)
    assert len(pd.read_csv(tmp_path / "paper_failures.csv")) == 3
    assert report.strip() in capsys.readouterr().out


def test_protocols_resuming_and_windows(run, tmp_path, monkeypatch):
    model = build_causal_lm(tmp_path / "tiny", "gpt_neo", positions=160)
    options = ["--datasets", "sst2", "--encoders", str(model), "--protocols", *paper.PROTOCOLS]
    options += ["--labels", "4", "12"]
    rows, report = run(*options, seeds=1)
    failed = [row for row in rows if "failed" in row]
    assert {(row["protocol"], row["labels"]) for row in failed} == {("vanilla", 12), ("loo", 12)}
    assert all("must fit the window of 160 tokens; the 12 examples take" in row["failed"] for row in failed)
    assert "/" not in report.split("## Without")[0].split("Machine")[1].split("\n", 1)[1]  # no paths

    def encode(*args):
        raise ValueError("tried again")

    monkeypatch.setattr(paper, "encode", encode)
    before = pd.read_csv(tmp_path / "paper_cells.csv")
    again, _ = run(*options, seeds=1)
    assert [row["failed"] for row in again[len(rows) :]] == ["tried again"] * len(failed)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "paper_cells.csv"), before)


def test_a_model_that_is_not_there_is_tried_once_a_task(run, monkeypatch):
    calls = []
    original = paper.encode
    monkeypatch.setattr(paper, "encode", lambda *args: [calls.append(args[0]), original(*args)][1])
    _, report = run("--datasets", "sst2", "--encoders", "gpt-neo-125m", "--labels", "4", "8")
    assert calls == ["gpt-neo-125m"]
    assert (
        "| sst2 | gpt-neo-125m | stream | 4, 8 | 0, 1 | the encoder 'EleutherAI/gpt-neo-125m' was not found"
        in report
    )


def test_a_run_without_any_task_reports_that(tmp_path, folder, decoder, capsys):
    options = ["--data", str(folder), "--decoder", str(decoder), "--out", str(tmp_path)]
    paper.main([*options, "--datasets", "youtube_spam"])
    assert "| youtube_spam |  |  |  |  | no youtube_spam.csv.gz" in capsys.readouterr().out


def test_a_broken_last_line_is_dropped(tmp_path):
    path = tmp_path / "paper.jsonl"
    cell = dict.fromkeys(KEYS, 0)
    results = Results(path)
    assert cell not in results
    results.add(cell | {"failed": "why"})
    assert cell not in results
    results.add(cell | {"accuracy": 1.0})
    path.write_text(path.read_text(encoding="utf-8") + '{"dataset": 1, "sou', encoding="utf-8")
    again = Results(path)
    assert cell in again
    assert again[cell]["accuracy"] == 1.0
    assert len(path.read_text(encoding="utf-8").splitlines()) == 2


def test_report_marks_losses_and_compares_two_reasoners_once():
    cell = {"dataset": "made", "modality": "text", "source": "folder", "encoder": "e", "protocol": "stream"}
    losses = {"gram, 16": 0.6, "gram": 0.4, "LogisticRegressionCV": 0.5}
    rows = [
        cell | {"labels": 8, "seed": seed, "method": method, "accuracy": 0.7, "log_loss": loss + seed / 100}
        for seed in range(3)
        for method, loss in losses.items()
    ]
    found = paper_report.summaries(pd.DataFrame(rows), {})
    assert "failures" not in found
    means = "| text | e | stream | 8 | 1 | 0.700, 0.610 | 0.700, 0.410 | 0.700, 0.510 |"
    assert paper_report.written(found["means"]).endswith(means)
    assert found["cells"]["log_loss_lost"].tolist() == [True, False, False]
    assert not found["cells"]["accuracy_lost"].any()
    tally = found["tally"].set_index(["score", "reasoner", "against"])
    assert tally.loc["log_loss", "gram, 16", "gram"].tolist() == [0, 0, 1]
    assert ("log_loss", "gram", "gram, 16") not in tally.index
