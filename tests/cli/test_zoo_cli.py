"""``sktart zoo``: what is printed, what is published and how it comes back, what is removed."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import huggingface_hub
import pytest
from hub_client import Client, environment_of
from hub_server import Hub, status
from huggingface_hub import constants

from sktart.cli import main
from sktart.hub._tidy import ABANDONED_S
from sktart.zoo import _registry as registry
from sktart.zoo._golden import check_golden
from sktart.zoo._info import PARTS
from sktart.zoo._registry import PACKAGE, find_checkpoint, load_checkpoint, read_registry

ROWS = read_registry()
EMBEDDED = [row for row in ROWS.values() if row.embedded]


def run_json(capsys, *arguments):
    assert main(["zoo", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def run_text(capsys, *arguments):
    assert main(["zoo", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def assert_fails(capsys, message, *arguments):
    assert main(["zoo", *map(str, arguments)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("sktart zoo: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1


@pytest.fixture
def package(tmp_path, monkeypatch):
    copy = shutil.copytree(PACKAGE, tmp_path / "package")
    monkeypatch.setattr(registry, "PACKAGE", copy)
    return copy


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """Return a server that the client of this process talks to."""
    with Hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.endpoint)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("HF_TOKEN", "hf_test")
        yield server


def test_list(capsys):
    assert [row["name"] for row in run_json(capsys, "list")] == list(ROWS)
    assert run_json(capsys, "list", "--dim", 17, "--cached")[0] == ROWS["gram-base"].to_dict()
    assert [row["name"] for row in run_json(capsys, "list", "--remote")] == [
        name for name, row in ROWS.items() if not row.embedded
    ]
    lines = run_text(capsys, "list", "--family", "decoder").splitlines()
    assert [line.split()[0] for line in lines] == [
        "name",
        "tart-decoder-d16",
        "tart-decoder-d32",
        "tart-decoder-d8",
    ]


def test_show(capsys):
    row = ROWS["tart-decoder-d16"]
    assert run_json(capsys, "show", row.name) == row.to_dict()
    printed = run_text(capsys, "show", row.name)
    assert row.sha256 in printed
    assert "features: 16" in printed
    assert run_json(capsys, "show", "auto") == ROWS["gram-base"].to_dict()
    assert_fails(capsys, "'nope' is neither a name of the registry nor a folder; known are", "show", "nope")


def test_show_makes_the_row_of_what_is_not_in_the_registry(capsys):
    folder = PACKAGE / "default"
    row = ROWS["gram-base"].to_dict() | {"embedded": None}
    assert run_json(capsys, "show", folder) == row | {"path": str(folder)}


def test_pull_of_what_is_embedded_needs_no_network(capsys):
    places = run_json(capsys, "pull", "--all", "--modality", "text")
    assert places[0] == {"name": "gram-base", "place": "embedded", "folder": str(PACKAGE / "default")}
    assert run_json(capsys, "pull", "auto")[0]["name"] == "gram-base"
    assert_fails(capsys, "pull needs names, or --all", "pull")
    for choice in (["--all"], ["--modality", "audio"], ["--dim", "3"], ["--family", "gram"]):
        assert_fails(
            capsys, "so they go without names; got auto, gram-base", "pull", "auto", "gram-base", *choice
        )


def test_where(capsys):
    assert run_json(capsys, "where")["cache"] == constants.HF_HUB_CACHE
    assert "sktart/zoo" in run_text(capsys, "where")
    assert run_json(capsys, "where", "gram-base")[0]["folder"] == str(PACKAGE / "default")
    assert_fails(capsys, "is not in the Hub cache, where it belongs at", "where", "org/zoo/mine")


def test_bad_zoo_is_no_matter_of_what_is_embedded(capsys, monkeypatch):
    monkeypatch.setenv("SKTART_ZOO", "junk")
    embedded = [row.name for row in EMBEDDED]
    assert [row["name"] for row in run_json(capsys, "list")] == list(ROWS)
    assert [row["name"] for row in run_json(capsys, "list", "--cached")] == embedded
    assert [result["name"] for result in run_json(capsys, "verify")] == embedded
    assert run_json(capsys, "where", "auto")[0]["place"] == "embedded"
    for command in (["where"], ["prune"], ["pull", "--all"], ["pull", "gram-large"]):
        assert_fails(capsys, "SKTART_ZOO must be 'organisation/name'", *command)


@pytest.mark.parametrize("command", ["where", "prune", "list"])
def test_environment_that_the_client_cannot_read(capsys, monkeypatch, tmp_path, command):
    environment = environment_of(
        "http://127.0.0.1:9", tmp_path, HF_HUB_ETAG_TIMEOUT="abc", SKTART_ZOO="me/zoo"
    )
    done = subprocess.run(
        [sys.executable, "-m", "sktart", "zoo", command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert re.fullmatch(
        r"sktart zoo: huggingface_hub .*environment .*HF_HUB_ETAG_TIMEOUT='abc'.*\n", done.stderr
    )


def test_verify(capsys, package):
    results = run_json(capsys, "verify")
    assert [result["name"] for result in results] == [row.name for row in EMBEDDED]
    assert all(result["ok"] and result["difference"] < 1e-9 for result in results)
    path = package / "default" / "metrics.json"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(SystemExit, match="1"):
        main(["zoo", "verify"])
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("gram-base") and "BAD" in line for line in lines)
    assert any(line.startswith("tart-decoder-d16") and "ok" in line for line in lines)


def test_pull_of_all_leaves_out_what_is_not_published(capsys, package):
    file = package / "registry.json"
    secret = ROWS["gram-base"].to_dict() | {"name": "secret", "embedded": None, "commit": None}
    file.write_text(json.dumps([secret, ROWS["gram-base"].to_dict()]), encoding="utf-8")
    assert main(["zoo", "pull", "--all", "--json"]) == 0
    printed = capsys.readouterr()
    assert [place["name"] for place in json.loads(printed.out)] == ["gram-base"]
    assert printed.err == "not published yet, left out: secret\n"


def test_verify_goes_on_after_each_fault_and_names_the_file(capsys, tmp_path):
    faults = {
        "metrics.json": {
            None: "metrics.json cannot be read (No such file or directory); copy the folder again",
            "[]": "metrics.json must hold a JSON object; it holds a list",
            "{": "metrics.json is damaged (Expecting property name",
            '{"golden": "x"}': "must be numbers",
            '{"golden": [1]}': "must have shape (6, 3); got (1,)",
        },
        "config.json": {"3": "config.json must hold"},
        "model.safetensors": {None: "model.safetensors cannot be read"},
    }
    folders, messages = [], []
    for part, contents in faults.items():
        for content, message in contents.items():
            folder = shutil.copytree(PACKAGE / "default", tmp_path / str(len(folders)))
            (folder / part).unlink() if content is None else (folder / part).write_text(content)
            folders.append(str(folder))
            messages.append(message)
    with pytest.raises(SystemExit, match="1"):
        main(["zoo", "verify", "--json", *folders, "nope", "gram-base"])
    results = json.loads(capsys.readouterr().out)
    assert [result["name"] for result in results] == [*folders, "nope", "gram-base"]
    assert [result["ok"] for result in results] == [False] * (len(folders) + 1) + [True]
    for result, message in zip(results, messages, strict=False):
        assert message in result["error"]
        assert "\n" not in result["error"]


def test_verify_on_no_device(capsys):
    assert_fails(
        capsys, "a device that torch finds here, such as 'cpu'; got 'foo'", "verify", "--device", "foo"
    )


def test_verify_on_a_device_is_in_float32():
    found = find_checkpoint()
    assert 0 < check_golden(found, load_checkpoint().reasoner) < 1e-4


def test_row(capsys, package):
    row = ROWS["gram-base"].to_dict()
    assert run_json(capsys, "row", PACKAGE / "default") == row | {"embedded": None}
    file = package / "registry.json"
    run_json(capsys, "row", PACKAGE / "default", "--commit", 40 * "a", "--modality", "text", "--into", file)
    assert read_registry()["gram-base"].to_dict() == row | {
        "commit": 40 * "a",
        "modality": "text",
        "path": "any/text/gram-base",
    }


@pytest.mark.parametrize(
    "part, content, message",
    [
        ("recipe.json", "{}", "recipe.json must hold a name; it holds nothing"),
        ("recipe.json", "[]", "recipe.json must hold a JSON object; it holds a list"),
        ("metrics.json", "{", "metrics.json is damaged"),
    ],
)
def test_row_of_a_damaged_folder(capsys, tmp_path, part, content, message):
    folder = shutil.copytree(PACKAGE / "default", tmp_path / "mine")
    (folder / part).write_text(content, encoding="utf-8")
    assert_fails(capsys, message, "row", folder)


# What the client itself warns of when it sends a large file by plain HTTP.
sends_large_files = pytest.mark.filterwarnings("ignore:Use 'content=<:DeprecationWarning")


@sends_large_files
def test_a_single_checkpoint_comes_to_the_root(hub, capsys):
    rows = run_json(capsys, "push", PACKAGE / "default", "--repo", "me/single", "--private")
    commit = hub.branches["me/single", "main"]
    assert rows == [ROWS["gram-base"].to_dict() | {"embedded": None, "path": "", "commit": commit}]
    files = hub.commits["me/single", commit]
    assert set(files) == {*PARTS, "README.md"}
    assert all(files[part] == (PACKAGE / "default" / part).read_bytes() for part in PARTS)
    assert b"library_name: sktart\nlicense: bsd-3-clause\n" in files["README.md"]
    assert b"datasets: [synthetic]" in files["README.md"]


@sends_large_files
def test_a_whole_zoo_is_published_by_one_command_and_comes_back(hub, capsys, package, tmp_path):
    for row in EMBEDDED:
        shutil.copytree(PACKAGE / row.embedded, tmp_path / "zoo" / row.path)
    file = package / "registry.json"
    rows = run_json(capsys, "push", tmp_path / "zoo", "--repo", "me/zoo", "--into", file)
    commit = hub.branches["me/zoo", "main"]
    assert {row["name"] for row in rows} == {row.name for row in EMBEDDED}
    assert {read_registry()[row.name].commit for row in EMBEDDED} == {commit}
    assert {row.embedded for row in read_registry().values()} == {row.embedded for row in ROWS.values()}
    files = hub.commits["me/zoo", commit]
    card = files["README.md"].decode()
    assert card.startswith(
        "---\nlibrary_name: sktart\nlicense: bsd-3-clause\npipeline_tag: tabular-classification\n"
    )
    for row in EMBEDDED:
        assert f"| {row.name} | `{row.path}` |" in card
        assert hashlib.sha256(files[f"{row.path}/{PARTS[-1]}"]).hexdigest() == row.sha256
    # Now as rows of a registry whose checkpoints are not in the package, on another machine.
    remote = [row.to_dict() | {"embedded": None} for row in read_registry().values()]
    file.write_text(json.dumps(remote), encoding="utf-8")
    with Client(hub.endpoint, tmp_path / "home", package, SKTART_ZOO=f"me/zoo@{commit}") as client:
        for row in EMBEDDED:
            assert "folder" in client.ask(row.name)
    published = (
        tmp_path / "home" / "hub" / "models--me--zoo" / "snapshots" / commit / "any" / "any" / "gram-base"
    )
    assert find_checkpoint(published).load().identity.sha256 == ROWS["gram-base"].sha256


def test_push_refuses_what_is_not_what_it_was(hub, capsys, tmp_path):
    folder = shutil.copytree(PACKAGE / "default", tmp_path / "mine")
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    metrics["golden"][0][0] += 0.01
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    assert_fails(capsys, "answers otherwise", "push", folder, "--repo", "me/mine")
    assert_fails(capsys, "no checkpoint folder at", "push", tmp_path / "none", "--repo", "me/mine")
    assert hub.requests == []


def test_push_refuses_two_of_one_name(hub, capsys, tmp_path):
    first, second = (shutil.copytree(PACKAGE / "default", tmp_path / "zoo" / name) for name in "ab")
    assert_fails(
        capsys,
        f"{first} and {second} would both be any/any/gram-base in me/mine",
        *("push", tmp_path / "zoo", "--repo", "me/mine"),
    )
    assert hub.requests == []


def test_push_without_permission(hub, capsys):
    hub.fault = status(403)
    assert_fails(
        capsys,
        "me/mine could not be written: access is refused",
        "push",
        PACKAGE / "default",
        "--repo",
        "me/mine",
    )


def test_pull_as_a_program_follows_a_branch(hub, tmp_path):
    hub.add_folder("me/mine", "", PACKAGE / "default")
    environment = environment_of(hub.endpoint, tmp_path)

    def run(*arguments, **changes):
        command = [sys.executable, "-m", "sktart", "zoo", *arguments, "--json"]
        done = subprocess.run(command, env=environment | changes, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    first = run("pull", "me/mine")
    assert first[0]["place"] == "cache"
    shown = run("show", "me/mine", HF_HUB_OFFLINE="1")
    assert shown == ROWS["gram-base"].to_dict() | {"embedded": None, "path": first[0]["name"]}
    second_commit = hub.commit("me/mine", {"config.json": b"{}"})
    assert run("pull", "me/mine@main")[0]["name"] == f"me/mine@{second_commit}"
    assert run("where", "me/mine", HF_HUB_OFFLINE="1")[0]["name"] == f"me/mine@{second_commit}"


def test_prune(hub, capsys, package, monkeypatch, tmp_path):
    row = ROWS["gram-base"].to_dict()
    (package / "registry.json").write_text(
        json.dumps([row | {"embedded": None, "commit": 40 * "a"}]), encoding="utf-8"
    )
    assert run_json(capsys, "prune") == {"removed": [], "bytes": 0, "dry_run": False}
    for repo in ("sktart--zoo", "other--model"):
        store = tmp_path / "cache" / f"models--{repo}"
        (store / "blobs").mkdir(parents=True)
        for commit in (40 * "a", 40 * "b"):
            snapshot = store / "snapshots" / commit
            snapshot.mkdir(parents=True)
            (store / "blobs" / commit).write_bytes(b"1234")
            (snapshot / "config.json").symlink_to(store / "blobs" / commit)
    old, new = (
        tmp_path / "cache" / "models--sktart--zoo" / "blobs" / f"{age}.incomplete" for age in ("old", "new")
    )
    for file in (old, new):
        file.write_bytes(b"12345")
    os.utime(old, (time.time() - 2 * ABANDONED_S,) * 2)
    expected = {"removed": [f"sktart/zoo@{40 * 'b'}", str(old)], "bytes": 9}
    assert run_json(capsys, "prune", "--dry-run") == {**expected, "dry_run": True}
    assert old.exists()
    assert "freed 0.0 MB" in run_text(capsys, "prune")
    assert not old.exists()
    assert new.exists()
    assert [path.name for path in (tmp_path / "cache" / "models--sktart--zoo" / "snapshots").iterdir()] == [
        40 * "a"
    ]
    assert len(list((tmp_path / "cache" / "models--other--model" / "snapshots").iterdir())) == 2
    assert run_json(capsys, "prune")["removed"] == []


def test_prune_that_may_not_remove(hub, capsys, monkeypatch, tmp_path):
    file = tmp_path / "cache" / "models--sktart--zoo" / "blobs" / "old.incomplete"
    file.parent.mkdir(parents=True)
    file.touch()
    os.utime(file, (0, 0))

    def refuse(path, missing_ok=False):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    assert_fails(capsys, "old.incomplete cannot be removed: Permission denied", "prune")


def test_help_and_wrong_usage(capsys):
    assert "verify" in run_text(capsys, "--help")
    with pytest.raises(SystemExit, match="2"):
        main(["zoo", "fetch"])
    assert "No such command 'fetch'" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "zoo" in capsys.readouterr().out


def test_the_hook_of_exceptions_is_left_alone(capsys):
    before = sys.excepthook
    run_text(capsys, "list")
    assert sys.excepthook is before


@pytest.fixture
def no_work(monkeypatch):
    """Let nothing be read, hashed or sent."""
    for name in ("read_bytes", "rglob"):
        monkeypatch.setattr(Path, name, lambda *arguments: pytest.fail("work was done"))
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda **options: pytest.fail("the Hub was asked"))


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    "content, message",
    [
        (None, "registry.json cannot be read (No such file or directory); a new one holds []"),
        ("", "registry.json is damaged (Expecting value"),
        ("{}", "registry.json must hold a list of rows with names"),
        ('[{"name": 3}]', "registry.json must hold a list of rows with names"),
        ("[3]", "registry.json must hold a list of rows with names"),
    ],
)
@pytest.mark.parametrize("command", [("row",), ("push", "--repo", "me/mine")], ids=["row", "push"])
def test_a_registry_that_cannot_be_written_is_found_before_the_work(
    capsys, tmp_path, command, content, message
):
    file = tmp_path / "registry.json"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    assert_fails(capsys, message, *command, PACKAGE / "default", "--into", file)
    assert_fails(capsys, "cannot be read", *command, PACKAGE / "default", "--into", tmp_path)
    assert not file.exists() or file.read_text(encoding="utf-8") == content


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("place", ["registry.json", ""], ids=["file", "folder"])
def test_a_registry_that_is_read_only_is_found_before_the_work(capsys, package, monkeypatch, place):
    locked = package / place
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK or path != locked)
    for command in (("row",), ("push", "--repo", "me/mine")):
        assert_fails(
            capsys,
            f"registry.json cannot be written, as {locked} is read-only for you",
            *(*command, PACKAGE / "default", "--into", package / "registry.json"),
        )


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("repo", ["", "mine", "me/mine/deep", "me/mine@v1", "datasets/mine", "a b/c", "../x"])
def test_push_to_no_repository_is_refused_before_the_work(capsys, repo):
    assert_fails(
        capsys,
        f"a repository of the Hub is named 'organisation/name'; got {repo!r}",
        *("push", PACKAGE / "default", "--repo", repo),
    )


def test_an_empty_registry_takes_the_first_row(capsys, tmp_path):
    file = tmp_path / "registry.json"
    file.write_text("[]", encoding="utf-8")
    row = run_json(capsys, "row", PACKAGE / "default", "--into", file)
    assert json.loads(file.read_text(encoding="utf-8")) == [row]


@sends_large_files
def test_push_reads_each_file_once(hub, capsys, tmp_path, monkeypatch):
    folder = shutil.copytree(PACKAGE / "default", tmp_path / "mine")
    opened, read = [], Path.read_bytes

    def count(path):
        opened.append(path.name)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", count)
    run_json(capsys, "push", folder, "--repo", "me/mine")
    assert sorted(opened) == sorted(PARTS)
