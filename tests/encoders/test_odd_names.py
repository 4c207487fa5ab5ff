"""Odd names of checkpoints, encoders and revisions: one clear error each, and nothing reaches the client of the Hub."""

import os
import shutil
from pathlib import Path

import huggingface_hub
import pytest

from sktart import TartReasoner, TartTransformer, load_checkpoint
from sktart.cli import main
from sktart.encoders._locate import HubModel, locate
from sktart.exceptions import CheckpointError, EncoderError
from sktart.hub._folder import HubFolder
from sktart.zoo import _registry as registry
from sktart.zoo._registry import PACKAGE, find_checkpoint


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError(f"the client was asked for {arguments}, {options}")

    for name in ("try_to_load_from_cache", "hf_hub_download", "snapshot_download", "hf_hub_url"):
        monkeypatch.setattr(huggingface_hub, name, refuse)


class BytesPath:
    def __fspath__(self):
        return b"no such folder"

    def __repr__(self):
        return "BytesPath()"  # without its address: parallel runs compare the names of tests


LONG = 300 * "x"
NAMES = [
    *(
        "",
        " ",
        ".",
        "..",
        "~",
        "~/no such folder",
        "~no such user/x",
        "@",
        "@main",
        "gram-base@main",
        "GRAM",
        "auto ",
    ),
    *(
        "a\0b",
        "\x07\x1b[31m",
        "a b",
        "a b/c d",
        "\ud800",
        "org/repo/p\n",
        "орг/репо",
        r"C:\zoo",
        "C:/zoo",
        r"org\repo",
    ),
    *(
        LONG,
        100_000 * "x",
        f"./{LONG}",
        f"org/{LONG}",
        f"{LONG}/repo",
        "//server/share",
        "/",
        "https://hub.co/org/repo",
    ),
    *("hf://", "hf:///", "hf://org", "hf://datasets/org/name", "hf://spaces/org/name", "datasets/org/name"),
    *(
        "hf://models/org",
        "hf://org/repo@v1@v2",
        "org/repo@v1/path@v2",
        "a/b/c//d",
        "org//name",
        "org/name@",
        "a/@main",
    ),
    *(
        "org/name@../../x",
        "org/name@/etc/x",
        "org/../name",
        "../name/x",
        "org/name.git",
        "org/a--b",
        "-a/b",
        "org/.x",
    ),
]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:30])
def test_a_name_that_is_none(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for use in (load_checkpoint, lambda name: TartReasoner(name).fit([[0.0], [1.0]], [0, 1])):
        with pytest.raises(
            CheckpointError, match=r"checkpoint .*(neither a name|must be a name)|no complete"
        ) as caught:
            use(name)
        # All of it can be printed.
        assert str(caught.value).isprintable() or name == "\ud800"
    for command in ("show", "pull", "where"):
        assert main(["zoo", command, "--", name]) == 1 or (
            command == "where" and Path(name).expanduser().is_dir()
        )
        printed = capsys.readouterr()
        assert printed.err.startswith("sktart zoo: ") == (printed.out == "")


@pytest.mark.parametrize(
    "name",
    [None, 5, True, 3.5, b"gram-base", ["gram-base"], ("a", "b"), object],
    ids=lambda name: str(name)[:20],
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
def test_a_path_that_is_no_folder(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"no checkpoint folder at '.*'; it must hold"):
        load_checkpoint(path)


@pytest.mark.parametrize("kind", [str, Path])
def test_the_folder_of_the_user(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    shutil.copytree(PACKAGE / "default", tmp_path / "mine")
    for name in ("~/mine", "~/mine/"):
        found = find_checkpoint(kind(name))
        assert found.folder == tmp_path / "mine"
        assert found.source == str(tmp_path / "mine")
        assert load_checkpoint(kind(name)).name == str(kind(name))


@pytest.mark.parametrize("name", ["with space é", "-dash", "a@b", "hf:", "100%", "名前"])
def test_folders_of_any_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(PACKAGE / "default", tmp_path / name)
    assert load_checkpoint(name).identity.name == str(tmp_path / name)


@pytest.mark.parametrize(
    "zoo",
    ["~no such user/zoo", f"/{LONG}", LONG, "a b", "datasets/org", "org/a--b", "org/name@../x", "org/name/x"],
)
def test_odd_places_of_the_zoo(zoo, tmp_path, monkeypatch):
    package = shutil.copytree(PACKAGE, tmp_path / "package")
    rows = (package / "registry.json").read_text(encoding="utf-8")
    (package / "registry.json").write_text(
        rows.replace('"embedded": "default"', '"embedded": null'), encoding="utf-8"
    )
    monkeypatch.setattr(registry, "PACKAGE", package)
    monkeypatch.setenv("SKTART_ZOO", zoo)
    with pytest.raises(CheckpointError, match=r"where SKTART_ZOO says|SKTART_ZOO must be"):
        load_checkpoint("gram-base")


REVISIONS = [
    "../../x",
    "..",
    "/etc/x",
    "",
    ".git",
    "a//b",
    "a/../b",
    "a b",
    "a\0b",
    "a\n",
    "%2Fa",
    LONG,
]


@pytest.mark.parametrize("revision", REVISIONS, ids=ascii)
def test_revisions_of_encoders_follow_the_rule_of_checkpoints(revision):
    assert HubFolder.parse(f"org/name@{revision}") is None
    for name in ("all-MiniLM-L6-v2", "gpt-neo-125m", "org/name"):
        with pytest.raises(
            EncoderError,
            match=r"revision must be a branch, tag or commit: at most 200 letters, digits and '\._-', .*; got '",
        ):
            TartTransformer(name, revision=revision).fit(["good", "bad"])


@pytest.mark.parametrize(
    "name", ["org/a--b", "org/name.git", f"org/{LONG}", LONG, "a\0b", "орг/репо", "datasets/org"]
)
def test_odd_names_of_encoders(name):
    transformer = TartTransformer(name)
    repr(transformer), transformer.__sklearn_tags__()
    with pytest.raises(EncoderError, match="is neither a known short name nor a folder nor a Hub id"):
        transformer.fit(["good", "bad"])


def test_a_made_up_model_in_a_file_does_not_reach_the_client():
    with pytest.raises(
        EncoderError, match=r"a Hub id must be 'organisation/name' of a model; got '\.\./\.\./x'"
    ):
        locate(HubModel("../../x"))


def test_the_encoder_of_the_user(model_folder, monkeypatch):
    monkeypatch.setenv("HOME", str(model_folder.parent))
    monkeypatch.setenv("USERPROFILE", str(model_folder.parent))
    transformer = TartTransformer(os.path.join("~", model_folder.name)).fit(["good", "bad"])  # noqa: PTH118
    assert transformer.encoder_.source == model_folder
