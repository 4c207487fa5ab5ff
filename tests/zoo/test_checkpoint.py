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
from sktart.zoo._info import PARTS

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


def save(folder, seed=0):
    save_checkpoint(folder, tiny_reasoner(seed), recipe=RECIPE, metrics=METRICS)
    return folder


@pytest.fixture
def folder(tmp_path):
    return save(tmp_path / "no" / "parents" / "tiny")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def read_json(folder, name):
    return json.loads((folder / name).read_bytes())


def change_config(folder, change):
    values = read_json(folder, "config.json") | change
    (folder / "config.json").write_text(json.dumps(values), encoding="utf-8")


def test_round_trip_is_exact(folder):
    loaded = load_folder(folder, "name")
    expected = tiny_reasoner().state_dict()
    assert loaded.name == "name"
    assert load_folder(str(folder)).name == str(folder)
    assert loaded.reasoner.config == tiny_reasoner().config
    assert list(loaded.reasoner.state_dict()) == list(expected)
    assert all(torch.equal(value, expected[key]) for key, value in loaded.reasoner.state_dict().items())
    assert not loaded.reasoner.training
    assert not any(parameter.requires_grad for parameter in loaded.reasoner.parameters())


def test_folder_is_complete_and_saving_again_gives_the_same_bytes(folder):
    assert set(contents(folder)) == {*PARTS, "README.md"}
    assert read_json(folder, "recipe.json") == RECIPE
    assert read_json(folder, "metrics.json") == METRICS
    before = contents(folder)
    assert contents(save(folder)) == before


def test_half_precision_weights_are_loaded_as_float32(folder):
    half = {key: value.half() for key, value in tiny_reasoner().state_dict().items()}
    (folder / "model.safetensors").write_bytes(safetensors.torch.save(half))
    state = load_folder(folder).reasoner.state_dict()
    assert all(torch.equal(value, half[key].float()) for key, value in state.items())
    assert {value.dtype for value in state.values()} == {torch.float32}


def test_saving_and_loading_draw_no_random_number(tmp_path):
    before = torch.get_rng_state()
    load_folder(save(tmp_path))
    assert torch.equal(torch.get_rng_state(), before)


def test_no_folder(tmp_path):
    message = r"no checkpoint folder at .*none'; it must hold model\.safetensors and config\.json"
    with pytest.raises(CheckpointError, match=message):
        load_folder(tmp_path / "none")


@pytest.mark.parametrize(
    "name, read",
    [
        *(("model.safetensors", load_folder), ("config.json", load_folder)),
        *(("metrics.json", update_metrics), ("recipe.json", update_metrics)),
    ],
)
def test_missing_file_is_named(folder, name, read):
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=f"is no complete checkpoint: {name} missing; fetch it again"):
        read(folder)


DAMAGED = r"is damaged \(.*\); remove the folder and fetch it again"
NO_OBJECT = "must hold a JSON object; it holds a"


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_truncated_weights(folder, kept):
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:kept])
    with pytest.raises(CheckpointError, match=rf"model\.safetensors {DAMAGED}"):
        load_folder(folder)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"{", DAMAGED),
        (b"", DAMAGED),
        (b"\xff\x00", DAMAGED),
        (b"[1, 2]", f"{NO_OBJECT} list"),
        (b"3", f"{NO_OBJECT} int"),
        (b"null", f"{NO_OBJECT} NoneType"),
        (b'"gram"', f"{NO_OBJECT} str"),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "name, read",
    [("config.json", load_folder), ("metrics.json", update_metrics), ("recipe.json", update_metrics)],
)
def test_what_is_no_json_object(folder, name, read, content, message):
    (folder / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=f"{name} {message}"):
        read(folder)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"family": "recurrent"}, "unknown reasoner family 'recurrent'"),
        ({"depth": 2}, r"missing \[\], unknown \['depth'\]"),
        ({"width": 16}, r"weights in .* do not fit its config\.json: .*size mismatch"),
        ({"n_layers": 1}, "do not fit .*Unexpected key"),
        ({"n_layers": 3}, "do not fit .*Missing key"),
        (
            {"format": 2, "needs_sktart": "0.9.0", "depth": 3},
            r"format 2, which needs sktart 0\.9\.0; this is sktart .* format 1",
        ),
        ({"format": 7}, "format 7, which needs sktart of a later version; .*pip install --upgrade sktart"),
        ({"format": "new"}, "format 'new', which needs"),
    ],
    ids=str,
)
def test_config_that_does_not_fit(folder, change, message):
    change_config(folder, change)
    with pytest.raises(CheckpointError, match=f"(?s){message}"):
        load_folder(folder)


def test_missing_keys_of_the_config_are_named(folder):
    (folder / "config.json").write_text('{"family": "gram", "width": 8, "n_heads": 2}', encoding="utf-8")
    message = r"missing \['message_width', 'mlp_ratio', 'n_layers'\], unknown \[\]"
    with pytest.raises(CheckpointError, match=message):
        load_folder(folder)


def test_the_first_format_may_be_said_or_left_out(folder):
    assert "format" not in read_json(folder, "config.json")
    change_config(folder, {"format": 1})
    assert load_folder(folder).reasoner.config.width == 8


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
    with pytest.raises(OSError, match="No space left"):
        save(folder, seed=1)
    assert contents(folder) == before


def test_weights_are_not_there_before_all_the_rest_is(tmp_path, monkeypatch):
    order = []

    def record(path, content):
        order.append(path.name)
        write_atomically(path, content)

    monkeypatch.setattr(checkpoint, "write_atomically", record)
    assert sorted(contents(save(tmp_path))) == sorted(order)
    assert order[-1] == "model.safetensors"


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
    group = {"split": "validation", "modality": "text", "encoder": "minilm", "shares": "balanced"}
    group |= {"noise": 0.1, "cells": 12, "log_loss_ratio": 0.9512, "accuracy_points": 1.25}
    lost = {"lost": {"sst2": [8, 16], "imdb": [64]}}
    update_metrics(folder, few_shot=[group | lost, group | {"shares": "natural", "lost": {}}])
    card = (folder / "README.md").read_text(encoding="utf-8")
    first = "| validation | text, minilm | balanced | 10% | 12 | 0.951 | +1.25 | sst2 8, 16; imdb 64 |\n"
    assert first in card
    assert "| natural | 10% | 12 | 0.951 | +1.25 | none |\n" in card


def test_metrics_are_added_to_file_and_card(folder):
    before = contents(folder)
    update_metrics(folder, bayes=BAYES)
    assert read_json(folder, "metrics.json") == METRICS | {"bayes": BAYES}
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert card == model_card(RECIPE, METRICS | {"bayes": BAYES})
    assert "| 16 | 0.0123 | 0.5000 | 0.4877 | 0.6500 |" in card
    after = contents(folder)
    assert all(after[name] == before[name] for name in ("model.safetensors", "config.json", "recipe.json"))
