"""Names of checkpoints, the embedded default, and what happens when its files are not the registry's."""

import hashlib
import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sktart import list_checkpoints, load_checkpoint
from sktart.exceptions import CheckpointError
from sktart.pretrain._recipe import read_recipe
from sktart.zoo import _golden as golden
from sktart.zoo import _registry as registry
from sktart.zoo._golden import golden_predictions
from sktart.zoo._info import PARTS, CheckpointInfo
from sktart.zoo._networks import NETWORKS
from sktart.zoo._registry import PACKAGE, read_registry, share_checkpoint
from sktart.zoo._registry_rows import complete_folders, describe_folder, write_registry_file
from sktart.zoo._resolve import choose

DEFAULT = "gram-base"
ZOO = Path(__file__).parents[2] / "zoo"
TRUE_ROWS = read_registry()
EMBEDDED = [info for info in TRUE_ROWS.values() if info.embedded]
of_the_zoo = pytest.mark.skipif(not ZOO.is_dir(), reason="needs a checkout of the repository")

# Of a network that is there, no file is read.
pytestmark = pytest.mark.usefixtures("no_networks")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a copy of the package's zoo that may be damaged, in use instead of the true one."""
    copy = shutil.copytree(PACKAGE, tmp_path / "package")
    monkeypatch.setattr(registry, "PACKAGE", copy)
    return copy


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(PACKAGE / "default", tmp_path / "mine")


@of_the_zoo
@pytest.mark.parametrize("info", list_checkpoints(), ids=lambda info: info.name)
def test_rows_agree_with_the_files(info):
    assert set(info.files) == set(PARTS)
    for part, file in info.files.items():
        content = (ZOO / info.path / part).read_bytes()
        assert file == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}, part
    assert describe_folder(ZOO / info.path, embedded=info.embedded, commit=info.commit) == info
    assert read_recipe(ZOO / info.path / "recipe.json").fingerprint() == info.recipe
    assert info.licence == "BSD-3-Clause"


@of_the_zoo
def test_every_checkpoint_of_the_zoo_has_a_row():
    folders = {str(path.relative_to(ZOO)) for path in complete_folders(ZOO)}
    assert folders == {info.path for info in list_checkpoints()}


def test_names_are_unique_and_the_default_is_one_of_them():
    rows = json.loads((PACKAGE / "registry.json").read_text(encoding="utf-8"))
    names = [row["name"] for row in rows]
    assert len(set(names)) == len(names)
    assert DEFAULT in names
    assert "auto" not in names
    assert not any("/" in name for name in names)


@of_the_zoo
@pytest.mark.parametrize("info", EMBEDDED, ids=lambda info: info.name)
def test_embedded_files_are_those_of_the_zoo(info):
    embedded, hub = (
        {path.name: path.read_bytes() for path in folder.iterdir()}
        for folder in (PACKAGE / info.embedded, ZOO / info.path)
    )
    assert embedded.keys() == {*PARTS, "README.md"}
    assert embedded == hub
    assert info.bytes < 8_000_000


def test_auto_is_the_default_and_loading_again_gives_the_same_object():
    assert share_checkpoint() is share_checkpoint("auto") is share_checkpoint(DEFAULT)
    assert load_checkpoint().name == DEFAULT


def test_name_of_the_registry_wins_over_a_folder_and_a_path_does_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / DEFAULT).mkdir()
    assert share_checkpoint(DEFAULT) is share_checkpoint()
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
        ("/no/such/folder", "there is no folder at '/no/such/folder'"),
        ("org/repo@a..b", "a folder of a repository of models is 'org/repo/path@revision' .* a branch, tag"),
    ],
)
def test_unknown_name_offers_the_nearest(name, hint):
    with pytest.raises(CheckpointError, match=f"checkpoint '{name}' is neither .* nor a folder; {hint}"):
        load_checkpoint(name)


OTHER = r"not the file that the registry .* sha256 \w{64} instead of \w{64}"


@pytest.mark.parametrize(
    "damage, found",
    [
        (lambda path, content: path.write_bytes(content[:-1] + bytes([content[-1] ^ 1])), OTHER),
        (lambda path, content: path.write_bytes(b""), OTHER),
        (lambda path, content: path.unlink(), r"cannot be read \(No such file .*\)"),
    ],
    ids=["flipped bit", "empty", "missing"],
)
def test_embedded_weights_that_differ_are_refused_and_the_failure_is_not_remembered(package, damage, found):
    path = package / "default" / "model.safetensors"
    content = path.read_bytes()
    damage(path, content)
    with pytest.raises(CheckpointError, match=f"(?s){found}.*; install sktart again"):
        load_checkpoint()
    path.write_bytes(content)
    assert load_checkpoint().name == DEFAULT


@pytest.mark.parametrize("info", EMBEDDED, ids=lambda info: info.name)
def test_golden_predictions_are_those_of_the_release(info):
    metrics = json.loads((PACKAGE / info.embedded / "metrics.json").read_text(encoding="utf-8"))
    found = torch.tensor(golden_predictions(load_checkpoint(info.name).reasoner), dtype=torch.float64)
    expected = torch.tensor(metrics["golden"], dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
    assert found.shape == (12 if load_checkpoint(info.name).reasoner.reads_pool else 6, 3)
    assert found.std(0).min() > 0.01  # it does look at the queries


@pytest.mark.parametrize("info", EMBEDDED, ids=lambda info: info.name)
def test_model_card_of_the_release_agrees_with_its_files(info):
    folder = PACKAGE / info.embedded
    card = (folder / "README.md").read_text(encoding="utf-8")
    recipe, metrics = (json.loads((folder / f"{name}.json").read_bytes()) for name in ("recipe", "metrics"))
    assert f"# {info.name}\n" in card
    assert f"{metrics['training']['steps']} steps, seed {recipe['seed']}" in card
    assert "license: bsd-3-clause" in card
    for row in metrics.get("bayes", []):
        assert f"| {row['rows']} | {row['kl']:.4f} |" in card


def made_up(name, **changes):
    return CheckpointInfo(**TRUE_ROWS[DEFAULT].to_dict() | {"name": name, **changes})


@pytest.fixture
def rows(package):
    """Put three rows into the registry in use, the last two of them not in the package."""
    limits = {"rows": 9, "features": 16, "classes": None}
    known = [
        read_registry()[DEFAULT],
        made_up("text-16", embedded=None, modality="text", limits=limits),
        made_up("<other>", embedded=None, family="decoder", metrics={"kl_64": 0.5}),
    ]
    (package / "registry.json").write_text("[]", encoding="utf-8")
    write_registry_file(package / "registry.json", known)
    return known


@pytest.mark.parametrize(
    "options, names",
    [
        ({}, ["gram-base", "text-16", "<other>"]),
        ({"dim": 16}, ["gram-base", "text-16", "<other>"]),
        ({"dim": 17}, ["gram-base", "<other>"]),
        ({"modality": "text"}, ["gram-base", "text-16", "<other>"]),
        ({"modality": "audio"}, ["gram-base", "<other>"]),
        ({"family": "decoder"}, ["<other>"]),
        ({"cached": True}, ["gram-base"]),
        ({"cached": False}, ["text-16", "<other>"]),
        ({"family": "none"}, []),
    ],
    ids=str,
)
@pytest.mark.usefixtures("rows")
def test_list_keeps_what_is_asked_for(options, names):
    assert [info.name for info in list_checkpoints(**options)] == names


def test_an_unknown_modality_is_refused():
    with pytest.raises(ValueError, match=r"modality must be None or one of 'any', 'text', .*; got 'txt'"):
        list_checkpoints(modality="txt")


def test_list_is_a_sequence_and_a_table(rows):
    table = list_checkpoints()
    assert list(table) == rows
    assert table[1:] == rows[1:]
    header, first, second, _ = repr(table).splitlines()
    assert header.split() == "name family dim modality rows features MB licence here".split()
    assert first.split() == "gram-base gram any any any any 2.7 BSD-3-Clause yes".split()
    assert second.split()[4:6] == ["9", "16"]
    assert second.endswith("no")
    html = table._repr_html_()
    assert html.count("<tr>") == 4
    assert "<td>&lt;other&gt;</td>" in html
    frame = table.to_frame()
    assert frame["name"].tolist() == ["gram-base", "text-16", "<other>"]
    assert frame["kl_64"].tolist()[2] == 0.5
    assert frame["sha256"].tolist() == [info.sha256 for info in rows]


def test_auto_is_the_first_embedded_row_that_fits():
    small = made_up("small", modality="text", limits={"rows": None, "features": 8, "classes": None})
    remote = made_up("remote", embedded=None, modality="text")
    rows = {row.name: row for row in (remote, small, made_up("large"))}
    assert choose(rows, 8, "text").name == "small"
    assert choose(rows, 9, "text").name == "large"
    assert choose(rows, 8, "audio").name == "large"
    assert choose(rows).name == "small"
    with pytest.raises(
        CheckpointError, match=r"no embedded checkpoint reads 4 features of modality 'text'; .*'remote'"
    ):
        choose({"remote": remote}, 4, "text")


def test_auto_is_the_same_for_any_data_today():
    asked = itertools.product((1, 16, 4096), (None, "text", "audio"))
    assert {choose(read_registry(), *data).name for data in asked} == {DEFAULT}


def test_rows_are_written_in_place(rows, package):
    published = made_up("text-16", embedded=None, commit=40 * "a")
    write_registry_file(
        package / "registry.json", [published, made_up(DEFAULT, embedded=None), made_up("new")]
    )
    known = read_registry()
    assert list(known) == ["gram-base", "text-16", "<other>", "new"]
    assert known["text-16"].commit == 40 * "a"
    assert known[DEFAULT].embedded == "default"
    assert known["<other>"] == rows[2]


def test_row_of_a_folder_takes_the_modality_from_its_place(folder, tmp_path):
    assert describe_folder(folder).path == "any/any/gram-base"
    placed = shutil.copytree(folder, tmp_path / "any" / "text" / "gram-base")
    assert describe_folder(placed).path == "any/text/gram-base"
    assert describe_folder(placed, modality="audio").modality == "audio"


def test_row_needs_a_complete_folder(folder, tmp_path):
    (folder / "metrics.json").unlink()
    with pytest.raises(CheckpointError, match=r"mine is no complete checkpoint: metrics\.json missing"):
        describe_folder(folder)
    with pytest.raises(
        CheckpointError, match=r"no checkpoint folder at .*none or below it; one holds config\.json"
    ):
        complete_folders(tmp_path / "none")


def test_auto_does_not_depend_on_the_hub(package, monkeypatch):
    monkeypatch.setenv("SKTART_ZOO", "no/such")
    assert load_checkpoint().name == DEFAULT


def test_identity_can_be_loaded_again(folder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    loaded = load_checkpoint("./mine")
    assert loaded.name == "./mine"
    assert loaded.identity.name == str(tmp_path / "mine")
    assert loaded.identity.sha256 == read_registry()[DEFAULT].sha256
    assert load_checkpoint().identity.name == DEFAULT


def test_devices_on_which_no_release_was_tested_are_checked(folder, monkeypatch):
    monkeypatch.setattr(golden, "TRUSTED", ("cuda",))
    assert load_checkpoint(folder).reasoner is not None
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    NETWORKS.clear()
    metrics["golden"][2][1] += 0.002
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    with pytest.raises(
        CheckpointError, match=r"answers otherwise on 'cpu' than when it was made: .* by 0\.002, more"
    ):
        load_checkpoint(folder)
    del metrics["golden"]
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    with pytest.warns(UserWarning, match="holds no golden predictions"):
        load_checkpoint(folder)


QUIET = """
import sys
touched = []
def watch(event, arguments):
    name = str(arguments[0]) if arguments else ""
    if event == "open" and "safetensors" in name and not name.endswith((".py", ".pyc")):
        touched.append(name)
    if event in ("socket.connect", "socket.getaddrinfo"):
        touched.append(event)
sys.addaudithook(watch)
from sklearn.base import clone
import sktart
from sktart import TartReasoner, TartTransformer, list_checkpoints
repr(list_checkpoints())
assert "torch" not in sys.modules
for one in (TartReasoner(), TartReasoner("org/zoo/mine@main"), TartTransformer("all-MiniLM-L6-v2")):
    clone(one), repr(one), dir(one), one._repr_html_(), one.get_params()
assert touched == [], touched
TartReasoner().fit([[0.0], [1.0]], [0, 1])
assert touched and not any("socket" in name for name in touched), touched
"""


def test_nothing_is_read_or_asked_before_fit():
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", QUIET], cwd=root, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
