"""Odd names of checkpoints, encoders and revisions: one clear error each, and nothing reaches the client of the Hub."""

import shutil
from pathlib import Path

import huggingface_hub
import pytest

from sktart import TartReasoner, TartTransformer, load_checkpoint
from sktart.encoders._locate import HubModel, locate
from sktart.exceptions import CheckpointError, EncoderError
from sktart.hub._folder import HubFolder
from sktart.zoo import _registry as registry
from sktart.zoo._registry import PACKAGE, find_checkpoint


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch, tmp_path):
    def refuse(*arguments, **options):
        raise AssertionError(f"the client was asked for {arguments}, {options}")

    for name in ("try_to_load_from_cache", "hf_hub_download", "snapshot_download", "hf_hub_url", "HfApi"):
        monkeypatch.setattr(huggingface_hub, name, refuse)
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))


class BytesPath:
    def __fspath__(self):
        return b"no such folder"

    def __repr__(self):
        return "BytesPath()"  # without its address: parallel runs compare the names of tests


LONG = 300 * "x"
NAMES = [
    *("", " ", ".", "..", "~", "~/no such folder", "~no such user/x", "@", "@main", "gram-base@main", "GRAM"),
    *("a\0b", "\x07\x1b[31m", "a b", "a b/c d", "\ud800", "org/repo/p\n", "орг/репо", r"C:\zoo", "C:/zoo"),
    *(LONG, 100_000 * "x", f"./{LONG}", f"org/{LONG}", f"{LONG}/repo", "/", "https://hub.co/org/repo"),
    *("hf://", "hf://org", "hf://models/org", "hf://datasets/org/name", "datasets/org/name", "spaces/org"),
    *("hf://org/repo@v1@v2", "org/repo@v1/path@v2", "a/b/c//d", "org//name", "org/name@", "a/@main"),
    *("org/../name", "../name/x", "org/name.git", "org/a--b", "-a/b", "org/.x"),
]
NO_ENCODERS = ["org/a--b", "org/name.git", f"org/{LONG}", LONG, "a\0b", "орг/репо", "datasets/org"]
REVISIONS = ["main", "v1.0", "refs/pr/1", "refs/heads/x", "a-b_c", 40 * "0"]
NO_REVISIONS = [
    *(
        "..",
        "../../x",
        "/etc/passwd",
        "/",
        ".",
        ".git",
        "a/../b",
        "a/..",
        "a//b",
        "a/.b",
        "a b",
        "a\\b",
        "a\n",
    ),
    *("a\0b", "%2Fa", "a+b", LONG),
]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:30])
def test_a_name_that_is_no_checkpoint(name):
    message = r"checkpoint .*(neither a name|must be a name)|no complete"
    for use in (load_checkpoint, lambda name: TartReasoner(name).fit([[0.0], [1.0]], [0, 1])):
        with pytest.raises(CheckpointError, match=message) as caught:
            use(name)
        # All of it can be printed.
        assert str(caught.value).isprintable() or name == "\ud800"


@pytest.mark.parametrize(
    "name", [None, 5, b"gram-base", ["gram-base"], object], ids=lambda name: str(name)[:20]
)
def test_what_is_no_name_at_all(name):
    for use in (load_checkpoint, find_checkpoint):
        with pytest.raises(CheckpointError, match="checkpoint must be a name, 'auto' or a path; got"):
            use(name)
    with pytest.raises(ValueError, match="checkpoint must be a string or a path; got"):
        TartReasoner(name).fit([[0.0], [1.0]], [0, 1])


@pytest.mark.parametrize(
    "path", [Path(LONG), Path("a\0b"), Path("~/none"), Path("gram-base"), BytesPath()], ids=ascii
)
def test_a_path_that_is_no_folder(path):
    with pytest.raises(CheckpointError, match=r"no checkpoint folder at '.*'; it must hold"):
        load_checkpoint(path)


@pytest.mark.parametrize("name", ["~/mine", "~/mine/", Path("~/mine"), "with space é", "a@b", "hf:", "名前"])
def test_folders_of_any_name(name, tmp_path):
    folder = shutil.copytree(PACKAGE / "default", tmp_path / str(name).removeprefix("~/"))
    assert find_checkpoint(name).folder.resolve() == folder
    assert load_checkpoint(name).identity.name == str(folder)


@pytest.mark.parametrize(
    "zoo",
    ["~no such user/zoo", f"/{LONG}", LONG, "a b", "datasets/org", "org/a--b", "org/name@../x", "org/name/x"],
)
def test_odd_places_of_the_zoo(zoo, tmp_path, monkeypatch):
    rows = (PACKAGE / "registry.json").read_text(encoding="utf-8")
    (tmp_path / "registry.json").write_text(rows.replace('"embedded": "default"', '"embedded": null'))
    monkeypatch.setattr(registry, "PACKAGE", tmp_path)
    monkeypatch.setenv("SKTART_ZOO", zoo)
    with pytest.raises(CheckpointError, match=r"where SKTART_ZOO says|SKTART_ZOO must be"):
        load_checkpoint("gram-base")


@pytest.mark.parametrize("revision", REVISIONS)
def test_revisions(revision):
    for reference in (f"me/zoo/any/tiny@{revision}", f"hf://me/zoo@{revision}/any/tiny"):
        assert HubFolder.parse(reference) == HubFolder("me/zoo", "any/tiny", revision)
    if revision.count("/") != 1:
        assert HubFolder.parse(f"me/zoo@{revision}") == HubFolder("me/zoo", "", revision)


@pytest.mark.parametrize("revision", NO_REVISIONS, ids=ascii)
def test_revisions_that_would_lead_out_of_the_cache_are_none(revision):
    for form in ("me/zoo@{}", "me/zoo/any/tiny@{}", "hf://me/zoo@{}", "hf://me/zoo@{}/tiny"):
        assert HubFolder.parse(form.format(revision)) is None
    message = r"revision must be a branch, tag or commit: at most 200 letters, digits and '\._-', .*; got '"
    for name in ("all-MiniLM-L6-v2", "gpt-neo-125m", "org/name"):
        with pytest.raises(EncoderError, match=message):
            TartTransformer(name, revision=revision).fit(["good", "bad"])


@pytest.mark.parametrize("name", NO_ENCODERS, ids=ascii)
def test_odd_names_of_encoders(name):
    transformer = TartTransformer(name)
    repr(transformer), transformer.__sklearn_tags__()
    with pytest.raises(EncoderError, match="is neither a known short name nor a folder nor a Hub id"):
        transformer.fit(["good", "bad"])


def test_a_made_up_model_in_a_file_does_not_reach_the_client():
    message = r"a Hub id must be 'organisation/name' of a model; got '\.\./\.\./x'"
    with pytest.raises(EncoderError, match=message):
        locate(HubModel("../../x"))


def test_the_encoder_of_the_user(model_folder, tmp_path):
    (tmp_path / "mine").symlink_to(model_folder)
    transformer = TartTransformer("~/mine").fit(["good", "bad"])
    assert transformer.encoder_.source == tmp_path / "mine"
