"""Names of checkpoints, the embedded default, and what happens when its files are not the registry's."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch

from sktart import list_checkpoints, load_checkpoint
from sktart.exceptions import CheckpointError
from sktart.zoo import registry
from sktart.zoo.golden import golden_predictions, golden_task
from sktart.zoo.registry import DEFAULT, PACKAGE, CheckpointInfo

ZOO = Path(__file__).parents[1] / "zoo"
PARTS = {"model.safetensors", "config.json", "recipe.json", "metrics.json", "README.md"}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a copy of the package's zoo that may be damaged, in use instead of the true one."""
    copy = tmp_path / "package"
    shutil.copytree(PACKAGE, copy)
    monkeypatch.setattr(registry, "PACKAGE", copy)
    return copy


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(PACKAGE / "default", tmp_path / "mine")


@pytest.mark.parametrize("info", list_checkpoints(), ids=lambda info: info.name)
def test_rows_agree_with_the_files(info):
    weights = (PACKAGE / info.folder / "model.safetensors").read_bytes()
    assert hashlib.sha256(weights).hexdigest() == info.sha256
    assert len(weights) == info.bytes < 8_000_000
    config = json.loads((PACKAGE / info.folder / "config.json").read_text(encoding="utf-8"))
    assert config["family"] == info.family
    assert info.path == f"{info.dimension}/{info.modality}/{info.name}"
    assert info.licence == "BSD-3-Clause"
    assert load_checkpoint(info.name).name == info.name


def test_names_are_unique_and_the_default_is_one_of_them():
    names = [info.name for info in list_checkpoints()]
    assert len(set(names)) == len(names)
    assert DEFAULT in names
    assert "auto" not in names


@pytest.mark.skipif(not ZOO.is_dir(), reason="needs a checkout of the repository")
@pytest.mark.parametrize("info", list_checkpoints(), ids=lambda info: info.name)
def test_embedded_files_are_those_of_the_zoo(info):
    embedded, hub = PACKAGE / info.folder, ZOO / info.path
    assert {path.name for path in embedded.iterdir()} == PARTS
    assert {path.name for path in hub.iterdir()} == PARTS
    for name in PARTS:
        assert (embedded / name).read_bytes() == (hub / name).read_bytes(), name


def test_auto_is_the_default_and_loading_again_gives_the_same_object():
    assert load_checkpoint() is load_checkpoint("auto") is load_checkpoint(DEFAULT)
    assert load_checkpoint().name == DEFAULT


def test_loading_changes_no_random_state_and_no_grad_mode():
    registry._load.cache_clear()
    before = torch.get_rng_state()
    loaded = load_checkpoint()
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.is_grad_enabled()
    assert not any(parameter.requires_grad for parameter in loaded.reasoner.parameters())


def test_dtype_and_device_are_those_asked_for():
    double = load_checkpoint(dtype=torch.float64)
    assert {parameter.dtype for parameter in double.reasoner.parameters()} == {torch.float64}
    assert {parameter.dtype for parameter in load_checkpoint().reasoner.parameters()} == {torch.float32}
    assert double is load_checkpoint(dtype=torch.float64, device=torch.device("cpu"))


@pytest.mark.parametrize("as_type", [str, Path])
def test_folder_is_loaded_by_its_path(folder, as_type):
    loaded = load_checkpoint(as_type(folder))
    assert loaded.name == str(folder)
    assert loaded is load_checkpoint(as_type(folder))
    expected = load_checkpoint().reasoner.state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in loaded.reasoner.state_dict().items())


def test_new_weights_in_a_folder_are_seen(folder):
    first = load_checkpoint(folder)
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    again = load_checkpoint(folder)
    assert not all(
        torch.equal(a, b)
        for a, b in zip(first.reasoner.parameters(), again.reasoner.parameters(), strict=True)
    )


def test_a_new_config_in_a_folder_is_seen(folder):
    load_checkpoint(folder)
    (folder / "config.json").write_text('{"family": "recurrent"}', encoding="utf-8")
    with pytest.raises(CheckpointError, match="unknown reasoner family 'recurrent'"):
        load_checkpoint(folder)


def test_name_of_the_registry_wins_over_a_folder_and_a_path_does_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / DEFAULT).mkdir()
    assert load_checkpoint(DEFAULT) is load_checkpoint()
    with pytest.raises(CheckpointError, match=r"model\.safetensors, config\.json missing"):
        load_checkpoint(f"./{DEFAULT}")
    with pytest.raises(CheckpointError, match=r"model\.safetensors, config\.json missing"):
        load_checkpoint(Path(DEFAULT))


@pytest.mark.parametrize(
    "name, hint",
    [
        ("gram_base", "did you mean 'gram-base'"),
        ("atuo", "did you mean 'auto'"),
        ("Gram-Base", "did you mean 'gram-base'"),
        ("zzz", "known are 'auto', 'gram-base', 'tart-decoder-d16'"),
        ("/no/such/folder", "known are 'auto'"),
    ],
)
def test_unknown_name_offers_the_nearest(name, hint):
    with pytest.raises(CheckpointError, match=f"checkpoint '{name}' is neither .* nor a folder; {hint}"):
        load_checkpoint(name)


def test_flipped_bit_of_the_embedded_weights_is_found(package):
    path = package / "default" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        CheckpointError, match=r"(?s)not the file that the registry .* sha256 \w{64} instead of \w{64}"
    ):
        load_checkpoint()


def test_missing_embedded_weights_are_said_to_be(package):
    (package / "default" / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"sha256 no such file instead of .*; install sktart again"):
        load_checkpoint()


def test_a_failure_is_not_remembered(package):
    path = package / "default" / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="not the file that the registry describes"):
        load_checkpoint()
    path.write_bytes(content)
    assert load_checkpoint().name == DEFAULT


def test_row_of_the_registry_is_strict():
    row = json.loads((PACKAGE / "registry.json").read_text(encoding="utf-8"))[0]
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        CheckpointInfo(**row, colour="red")


@pytest.mark.parametrize("info", list_checkpoints(), ids=lambda info: info.name)
def test_golden_predictions_are_those_of_the_release(info):
    metrics = json.loads((PACKAGE / info.folder / "metrics.json").read_text(encoding="utf-8"))
    found = torch.tensor(golden_predictions(load_checkpoint(info.name).reasoner), dtype=torch.float64)
    expected = torch.tensor(metrics["golden"], dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
    assert found.shape == (6, 3)
    assert found.std(0).min() > 0.01  # it does look at the queries


def test_golden_predictions_leave_the_reasoner_in_its_dtype():
    reasoner = load_checkpoint().reasoner
    golden_predictions(reasoner)
    assert {parameter.dtype for parameter in reasoner.parameters()} == {torch.float32}
    assert golden_task()[0].dtype == torch.float64


@pytest.mark.parametrize("info", list_checkpoints(), ids=lambda info: info.name)
def test_model_card_of_the_release_agrees_with_its_files(info):
    folder = PACKAGE / info.folder
    card = (folder / "README.md").read_text(encoding="utf-8")
    recipe, metrics = (
        json.loads((folder / name).read_text(encoding="utf-8")) for name in ("recipe.json", "metrics.json")
    )
    assert f"# {info.name}\n" in card
    assert f"{metrics['training']['steps']} steps, seed {recipe['seed']}" in card
    assert "license: bsd-3-clause" in card
    for row in metrics.get("bayes", []):
        assert f"| {row['rows']} | {row['kl']:.4f} |" in card
