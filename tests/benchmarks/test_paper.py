"""The paper's table: tasks from made files, protocols on a tiny model, resuming, report; no data set is needed."""

import io
import json
from argparse import Namespace

import numpy as np
import polars as pl
import pytest
import soundfile
import torch
from made_data import write_clips, write_images, write_texts
from made_rows import row, table
from PIL import Image
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


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "data"
    folder.mkdir()
    words = ["good film", "bad plot", "fine cast", "very bad"]
    for name, n_classes in (("sst2", 2), ("ag_news", 4)):
        y, number = np.repeat(np.arange(n_classes), 40), np.tile(np.arange(40), n_classes)
        texts = [f"{words[c]} {i}" for c, i in zip(y, number, strict=True)]
        write_texts(folder / f"{name}.csv.gz", texts, y, number >= 30)
    y = np.arange(80) % 4
    images = np.uint8(rng.integers(0, 60, (80, 6, 6)) + 60 * y[:, None, None])
    write_images(folder / "mnist.npz", images, y, np.arange(80) >= 60)
    y = np.arange(40) % 2
    clips = [rng.integers(-900, 900, rng.integers(600, 900)).astype(np.int16) * (1 + 9 * c) for c in y]
    write_clips(folder / "fsdd_digits.npz", clips, y, np.arange(40) >= 28)
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


def test_one_class_against_the_rest(folder):
    (data, source), (again, _) = (paper_tasks.load_task("ag_news_2", folder, queries=10) for _ in range(2))
    assert source == "folder"
    assert [text.startswith("fine cast") for text in data.X] == (data.y == 1).tolist()
    assert np.bincount(data.y[data.is_test]).tolist() == [5, 5]
    assert np.bincount(data.y[~data.is_test]).tolist() == [90, 30]
    assert again.X.tolist() == data.X.tolist()


def test_a_pair_of_classes_leaves_out_the_others(folder):
    data, _ = paper_tasks.load_task("mnist_0_1", folder, queries=100)
    assert len(data.y) == 40
    assert [image.mean() > 60 for image in data.X] == (data.y == 1).tolist()


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
    """Return a function that writes a file of the branch, and the list of what is asked for."""
    asked, folder = [], tmp_path / "hub"

    def snapshot_download(repo, **options):
        asked.append((repo, options["local_files_only"], options["allow_patterns"]))
        return str(folder)

    def write(name, columns):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(columns).write_parquet(folder / name)

    monkeypatch.setattr(paper_hub, "snapshot_download", snapshot_download)
    return write, asked


def test_hub_rows_of_both_splits(hub):
    write, asked = hub
    write("default/train/0000.parquet", {"text": ["a", "b", None], "label": [0, 1, 1], "other": [1, 2, 3]})
    write("default/train/0001.parquet", {"text": ["c"], "label": [1], "other": [1]})
    write("default/partial-test/0000.parquet", {"text": ["d"], "label": [0], "other": [1]})
    rows, y, is_test = paper_hub.read_hub(paper_hub.Hub("some/set"))
    expected = [("a", 0, False), ("b", 1, False), ("c", 1, False), ("d", 0, True)]
    assert list(zip(rows, y, is_test, strict=True)) == expected
    repo, local_only, patterns = asked[0]
    assert (repo, local_only) == ("some/set", True)  # tests are offline: only the cache is asked
    assert "default/partial-test/*.parquet" in patterns


def test_hub_scores_become_classes_and_large_sets_are_thinned_evenly(hub, monkeypatch):
    monkeypatch.setattr(paper_hub, "PER_LABEL", 5)
    write, _ = hub
    write("c/train/0.parquet", {"t": list(map(str, range(100))), "s": [0.0, 0.4, 0.5, 0.9] * 25})
    rows, y, is_test = paper_hub.read_hub(paper_hub.Hub("a/b", "c", row="t", label="s", test=None))
    assert is_test is None
    assert np.bincount(y).tolist() == [5, 5]
    assert np.diff(np.sort(rows.astype(int)[y == 1])).min() >= 15


@pytest.mark.parametrize(
    "file, message",
    [
        ("c/other/0.parquet", "no Parquet files of c/train"),
        ("c/train/0.parquet", "no columns text and label in train"),
    ],
)
def test_hub_sets_of_another_shape_are_missing(hub, file, message):
    write, _ = hub
    write(file, {"x": [1]})
    with pytest.raises(paper_hub.MissingData, match=message):
        paper_hub.read_hub(paper_hub.Hub("a/b", "c", test=None))


def test_hub_images_and_clips_are_decoded():
    file, pixels = io.BytesIO(), np.arange(12, dtype=np.uint8).reshape(3, 4)
    Image.fromarray(pixels).save(file, "PNG")
    np.testing.assert_array_equal(paper_hub.decode_image({"bytes": file.getvalue()}), pixels)

    file, samples = io.BytesIO(), np.linspace(-0.5, 0.5, 100, dtype=np.float32)
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


def test_handcrafted_features_and_what_is_missing(run, capsys):
    tasks = "mnist_0_1", "fsdd_digits_0_1", "civil_comments"
    rows, report = run("--datasets", *tasks, "--labels", "6", "20", "400")
    done = [row for row in rows if "failed" not in row]
    assert len(done) == 2 * 2 * 2 * len(paper_methods.METHODS)  # tasks, labels, seeds, methods
    assert {row["features"] for row in done if row["method"].endswith("16")} == {5, 16}
    assert "| civil_comments |  |  |  |  | no civil_comments.csv.gz" in report
    assert "the data set has too few rows for 400 labels" in report
    assert "| mnist_0_1 | pixels | stream | 20 |" in report
    assert "tiny-decoder, 1 order(s)" in report
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
    again, later = run(*options, seeds=1)
    assert [row["failed"] for row in again[len(rows) :]] == ["tried again"] * len(failed)
    table = "## Every cell"
    assert later.split(table)[1].split("## Without")[0] == report.split(table)[1].split("## Without")[0]


def test_a_model_that_is_not_there_is_tried_once_a_task(run, monkeypatch):
    calls, encode = [], paper.encode
    monkeypatch.setattr(paper, "encode", lambda *args: [calls.append(args[0]), encode(*args)][1])
    _, report = run("--datasets", "sst2", "--encoders", "gpt-neo-125m", "--labels", "4", "8")
    assert calls == ["gpt-neo-125m"]
    assert "| sst2 | gpt-neo-125m | stream | 4, 8 | 0, 1 | the encoder 'EleutherAI/gpt-neo" in report


def test_a_run_without_any_task_reports_that(tmp_path, folder, decoder, capsys):
    options = ["--data", str(folder), "--decoder", str(decoder), "--out", str(tmp_path)]
    paper.main([*options, "--datasets", "youtube_spam"])
    assert "| youtube_spam |  |  |  |  | no youtube_spam.csv.gz" in capsys.readouterr().out


def test_a_broken_last_line_is_dropped(tmp_path):
    path = tmp_path / "paper.jsonl"
    cell, results = dict.fromkeys(KEYS, 0), Results(path)
    assert cell not in results
    results.add(cell | {"failed": "why"})
    assert cell not in results
    results.add(cell | {"accuracy": 1.0})
    with path.open("a", encoding="utf-8") as file:
        file.write('{"dataset": 1, "sou')
    again = Results(path)
    assert cell in again
    assert again[cell]["accuracy"] == 1.0
    assert len(path.read_text(encoding="utf-8").splitlines()) == 2


def test_report_marks_losses_and_compares_two_reasoners_once():
    rows = table(
        *(
            row(name, loss + seed / 100, 0.7, seed=seed, source="folder", protocol="stream")
            for seed in range(3)
            for name, loss in (("gram, 16", 0.6), ("gram", 0.4), ("LogisticRegressionCV", 0.5))
        )
    )
    args = Namespace(seeds=3, queries=9, max_chars=0, decoder="d", permutations=1)
    report = paper_report.summarise(rows, {}, args)
    assert "| one | minilm | stream | 8 | 0.700, **0.610** | 0.700, 0.410 | 0.700, 0.510 |" in report
    assert "| log_loss | gram, 16 | gram | 0 | 0 | 1 |" in report
    assert "| log_loss | gram | gram, 16 |" not in report
    assert "Nothing: every task was there" in report
