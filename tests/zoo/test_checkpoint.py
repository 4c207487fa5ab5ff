"""The checkpoint folder: what is saved comes back to the bit, and nothing damaged is taken for a checkpoint."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import safetensors.torch
import torch

from sktart._files import write_atomically
from sktart.exceptions import CheckpointError
from sktart.reasoners._config import GramConfig
from sktart.reasoners._gram import GramReasoner
from sktart.zoo import _checkpoint as checkpoint
from sktart.zoo._checkpoint import load_folder, model_card, save_checkpoint, update_metrics

RECIPE = {
    "name": "tiny",
    "seed": 5,
    "prior": [{"family": "mlp"}, {"family": "linear", "context_rows": [8, 12]}, {"family": "mlp"}],
    "context_rows": [4, 9],
}
METRICS = {"training": {"steps": 77, "seconds": 3 * 60, "cores": 4, "device": "cuda"}}
BAYES = [{"rows": 16, "kl": 0.01234, "log_loss": 0.5, "bayes_log_loss": 0.48766, "lr_log_loss": 0.65}]


def tiny_reasoner(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return GramReasoner(GramConfig(width=8, n_layers=2, n_heads=2, mlp_ratio=1, message_width=2))


@pytest.fixture
def folder(tmp_path):
    save_checkpoint(tmp_path / "tiny", tiny_reasoner(), recipe=RECIPE, metrics=METRICS)
    return tmp_path / "tiny"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_round_trip_is_exact(folder):
    loaded = load_folder(folder, "name")
    expected = tiny_reasoner().state_dict()
    assert loaded.name == "name"
    assert load_folder(str(folder)).name == str(folder)
    assert loaded.reasoner.config == GramConfig(width=8, n_layers=2, n_heads=2, mlp_ratio=1, message_width=2)
    assert list(loaded.reasoner.state_dict()) == list(expected)
    assert all(torch.equal(value, expected[key]) for key, value in loaded.reasoner.state_dict().items())
    assert not loaded.reasoner.training
    assert not any(parameter.requires_grad for parameter in loaded.reasoner.parameters())


def test_folder_is_complete_and_saving_again_gives_the_same_bytes(folder):
    assert set(contents(folder)) == {
        "model.safetensors",
        "config.json",
        "recipe.json",
        "metrics.json",
        "README.md",
    }
    assert json.loads((folder / "recipe.json").read_text(encoding="utf-8")) == RECIPE
    assert json.loads((folder / "metrics.json").read_text(encoding="utf-8")) == METRICS
    before = contents(folder)
    save_checkpoint(folder, tiny_reasoner(), recipe=RECIPE, metrics=METRICS)
    assert contents(folder) == before


def test_missing_parents_are_made(tmp_path):
    save_checkpoint(tmp_path / "a" / "b", tiny_reasoner(), recipe=RECIPE, metrics=METRICS)
    assert load_folder(tmp_path / "a" / "b").reasoner.config.width == 8


def test_half_precision_weights_are_loaded_as_float32(folder):
    half = {key: value.half() for key, value in tiny_reasoner().state_dict().items()}
    (folder / "model.safetensors").write_bytes(safetensors.torch.save(half))
    state = load_folder(folder).reasoner.state_dict()
    assert all(torch.equal(value, half[key].float()) for key, value in state.items())
    assert {value.dtype for value in state.values()} == {torch.float32}


def test_saving_and_loading_draw_no_random_number(tmp_path):
    reasoner, before = tiny_reasoner(), torch.get_rng_state()
    save_checkpoint(tmp_path, reasoner, recipe=RECIPE, metrics=METRICS)
    load_folder(tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_no_folder(tmp_path):
    with pytest.raises(
        CheckpointError, match=r"no checkpoint folder at .*none'; it must hold model\.safetensors"
    ):
        load_folder(tmp_path / "none")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=f"is no complete checkpoint: {name} missing"):
        load_folder(folder)


def test_both_missing_files_are_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"model\.safetensors, config\.json missing"):
        load_folder(tmp_path)


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_truncated_weights(folder, kept):
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:kept])
    with pytest.raises(
        CheckpointError, match=r"model\.safetensors is damaged \(.*\); remove the folder and fetch it again"
    ):
        load_folder(folder)


@pytest.mark.parametrize("content", [b"{", b"", b"\xff\x00"], ids=str)
def test_damaged_config(folder, content):
    (folder / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError, match="is damaged"):
        load_folder(folder)


@pytest.mark.parametrize("content", ["[1, 2]", "3", "null", '"gram"'])
def test_config_that_is_no_object(folder, content):
    (folder / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"config\.json must hold a JSON object; it holds"):
        load_folder(folder)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"family": "recurrent"}, "unknown reasoner family 'recurrent'"),
        ({"depth": 2}, r"unknown \['depth'\]"),
        ({"width": 16}, r"weights in .* do not fit its config\.json: .*size mismatch"),
        ({"n_layers": 1}, "do not fit .*Unexpected key"),
        ({"n_layers": 3}, "do not fit .*Missing key"),
    ],
    ids=str,
)
def test_config_that_does_not_fit(folder, change, message):
    values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(values | change), encoding="utf-8")
    with pytest.raises(CheckpointError, match=f"(?s){message}"):
        load_folder(folder)


@pytest.mark.parametrize(
    "change, message",
    [
        (
            {"format": 2, "needs_sktart": "0.9.0"},
            r"format 2, which needs sktart 0\.9\.0; this is sktart .* format 1",
        ),
        ({"format": 7}, "format 7, which needs sktart of a later version; .*pip install --upgrade sktart"),
        ({"format": "new"}, "format 'new', which needs"),
    ],
    ids=str,
)
def test_a_format_of_the_future_names_the_version_it_needs(folder, change, message):
    values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(values | {"depth": 3} | change), encoding="utf-8")
    with pytest.raises(CheckpointError, match=message):
        load_folder(folder)


def test_the_first_format_may_be_said_or_left_out(folder):
    values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert "format" not in values
    (folder / "config.json").write_text(json.dumps(values | {"format": 1}), encoding="utf-8")
    assert load_folder(folder).reasoner.config.width == 8


def test_missing_key_of_the_config_is_named(folder):
    (folder / "config.json").write_text('{"family": "gram", "width": 8}', encoding="utf-8")
    with pytest.raises(
        CheckpointError,
        match=r"missing \['message_width', 'mlp_ratio', 'n_heads', 'n_layers'\], unknown \[\]",
    ):
        load_folder(folder)


@pytest.mark.parametrize("victim", ["config.json", "metrics.json", "README.md", "model.safetensors"])
def test_a_write_that_fails_leaves_the_former_files(folder, monkeypatch, victim):
    before = contents(folder)
    write = Path.write_bytes

    def full_disk(path, content):
        if victim in path.name:
            write(path, content[: len(content) // 2])
            raise OSError("No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    other = tiny_reasoner(1)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(folder, other, recipe=RECIPE, metrics=METRICS)
    assert contents(folder) == before
    monkeypatch.undo()
    save_checkpoint(folder, other, recipe=RECIPE, metrics=METRICS)
    assert set(contents(folder)) == set(before)


def test_weights_are_not_there_before_all_the_rest_is(tmp_path, monkeypatch):
    order = []

    def record(path, content):
        order.append(path.name)
        write_atomically(path, content)

    monkeypatch.setattr(checkpoint, "write_atomically", record)
    save_checkpoint(tmp_path, tiny_reasoner(), recipe=RECIPE, metrics=METRICS)
    assert order[-1] == "model.safetensors"
    assert len(order) == 5


def test_write_atomically_replaces(tmp_path):
    for content in (b"first", b"second and longer", b"3"):
        write_atomically(tmp_path / "file", content)
        assert contents(tmp_path) == {"file": content}


def test_two_writers_of_a_file_do_not_meet(tmp_path):
    path = tmp_path / "file"
    (tmp_path / "file.tmp").write_bytes(b"of somebody else")
    versions = [letter * 3_000_000 for letter in (b"a", b"b", b"c")]
    write_atomically(path, versions[0])
    with ThreadPoolExecutor() as pool:
        writes = [pool.submit(write_atomically, path, version) for version in versions * 10]
        while not all(write.done() for write in writes):
            assert path.read_bytes() in versions
        for write in writes:
            write.result()
    assert set(contents(tmp_path)) == {"file", "file.tmp"}
    assert (tmp_path / "file.tmp").read_bytes() == b"of somebody else"


def test_a_file_that_is_written_whole_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "other").touch()
    write_atomically(tmp_path / "file", b"")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_model_card_tells_what_it_is(folder):
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlibrary_name: sktart\nlicense: bsd-3-clause\n")
    assert card.count("---\n") == 2
    assert "# tiny" in card
    assert "synthetic tasks only (linear, mlp), 77 steps, seed 5" in card
    assert "contexts of 4 to 12 rows" in card
    assert "`sktart pretrain recipe.json` in 3 minutes on cuda (4 cores)" in card
    assert "KL" not in card


def test_model_card_names_the_cells_that_are_lost(folder):
    group = {
        "split": "validation",
        "modality": "text",
        "encoder": "minilm",
        "shares": "balanced",
        "noise": 0.1,
    }
    measured = {"cells": 12, "log_loss_ratio": 0.9512, "accuracy_points": 1.25}
    lost = {"lost": {"sst2": [8, 16], "imdb": [64]}}
    update_metrics(
        folder, few_shot=[group | measured | lost, group | measured | {"shares": "natural", "lost": {}}]
    )
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert (
        "| validation | text, minilm | balanced | 10% | 12 | 0.951 | +1.25 | sst2 8, 16; imdb 64 |\n" in card
    )
    assert "| natural | 10% | 12 | 0.951 | +1.25 | none |\n" in card


def test_metrics_are_added_to_file_and_card(folder):
    before = contents(folder)
    update_metrics(folder, bayes=BAYES)
    assert json.loads((folder / "metrics.json").read_text(encoding="utf-8")) == METRICS | {"bayes": BAYES}
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert card == model_card(RECIPE, METRICS | {"bayes": BAYES})
    assert "| 16 | 0.0123 | 0.5000 | 0.4877 | 0.6500 |" in card
    after = contents(folder)
    assert all(after[name] == before[name] for name in ("model.safetensors", "config.json", "recipe.json"))


@pytest.mark.parametrize("name", ["metrics.json", "recipe.json"])
def test_metrics_need_a_complete_folder(folder, name):
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=f"is no complete checkpoint: {name} missing"):
        update_metrics(folder, bayes=BAYES)


def test_damaged_metrics_are_said_to_be(folder):
    (folder / "metrics.json").write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match="is damaged"):
        update_metrics(folder, bayes=BAYES)
