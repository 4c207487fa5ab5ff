"""``sktart zoo``: what is printed, what is published, and how it comes back."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest
from command_line import assert_fails, run, run_json
from hub_client import Client, environment_of
from hub_server import Hub, status
from huggingface_hub import constants

from sktart.cli import main
from sktart.zoo import _registry as registry
from sktart.zoo._info import PARTS
from sktart.zoo._registry import PACKAGE, find_checkpoint, read_registry

ROWS = read_registry()
EMBEDDED = [name for name, row in ROWS.items() if row.embedded]
GRAM = ROWS["gram-base"].to_dict()
FOLDER = PACKAGE / "default"
PUSH = "zoo push --repo me/mine"
# What the client itself warns of when it sends a large file by plain HTTP.
sends_large_files = pytest.mark.filterwarnings("ignore:Use 'content=<:DeprecationWarning")


@pytest.fixture
def package(tmp_path, monkeypatch):
    copy = shutil.copytree(PACKAGE, tmp_path / "package")
    monkeypatch.setattr(registry, "PACKAGE", copy)
    return copy


@pytest.fixture
def mine(tmp_path):
    return shutil.copytree(FOLDER, tmp_path / "mine")


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


@pytest.fixture
def no_work(monkeypatch):
    """Let nothing be read, hashed or sent."""
    for name in ("read_bytes", "rglob"):
        monkeypatch.setattr(Path, name, lambda *arguments: pytest.fail("work was done"))
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda **options: pytest.fail("the Hub was asked"))


def names(rows):
    return [row["name"] for row in rows]


def as_program(environment, *arguments):
    command = [sys.executable, "-m", "sktart", "zoo", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def test_list(capsys):
    assert names(run_json(capsys, "zoo list")) == list(ROWS)
    assert run_json(capsys, "zoo list --dim 17 --cached")[0] == GRAM
    remote = [name for name, row in ROWS.items() if not row.embedded]
    assert names(run_json(capsys, "zoo list --remote")) == remote
    lines = run(capsys, "zoo list --family decoder").splitlines()
    decoders = [name for name, row in ROWS.items() if row.family == "decoder"]
    assert [line.split()[0] for line in lines] == ["name", *decoders]


def test_show(capsys):
    row = ROWS["tart-decoder-d16"]
    assert run_json(capsys, "zoo show", row.name) == row.to_dict()
    printed = run(capsys, "zoo show", row.name)
    assert row.sha256 in printed
    assert "features: 16" in printed
    assert run_json(capsys, "zoo show auto") == GRAM
    assert run_json(capsys, "zoo show", FOLDER) == GRAM | {"embedded": None, "path": str(FOLDER)}


def test_where(capsys):
    assert run_json(capsys, "zoo where")["cache"] == constants.HF_HUB_CACHE
    assert "sktart/zoo" in run(capsys, "zoo where")
    assert run_json(capsys, "zoo where gram-base")[0]["folder"] == str(FOLDER)


@pytest.mark.parametrize(
    "command, message",
    [
        ("show nope", "'nope' is neither a name of the registry nor a folder; known are"),
        ("where org/zoo/mine", "is not in the Hub cache, where it belongs at"),
        ("verify --device foo", "a device that torch finds here, such as 'cpu'; got 'foo'"),
        ("where", "SKTART_ZOO must be 'organisation/name'"),
        ("pull --all", "SKTART_ZOO must be 'organisation/name'"),
        ("pull gram-tabular", "SKTART_ZOO must be 'organisation/name'"),
    ],
)
def test_an_error_ends_in_one_line(monkeypatch, capsys, command, message):
    if "SKTART_ZOO" in message:
        monkeypatch.setenv("SKTART_ZOO", "junk")
    assert_fails(capsys, message, f"zoo {command}")


def test_environment_that_the_client_cannot_read(tmp_path):
    done = as_program(environment_of("http://127.0.0.1:9", tmp_path, HF_HUB_ETAG_TIMEOUT="abc"), "where")
    message = r"sktart zoo where: huggingface_hub .*environment .*HF_HUB_ETAG_TIMEOUT='abc'.*\n"
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(message, done.stderr)


def test_bad_zoo_is_no_matter_of_what_is_embedded(monkeypatch, capsys):
    monkeypatch.setenv("SKTART_ZOO", "junk")
    assert names(run_json(capsys, "zoo list")) == list(ROWS)
    for command in ("list --cached", "verify"):
        assert names(run_json(capsys, f"zoo {command}")) == EMBEDDED
    assert run_json(capsys, "zoo where auto")[0]["place"] == "embedded"


def test_pull_of_what_is_embedded_needs_no_network_and_leaves_out_what_is_not_published(package, capsys):
    place = {"name": "gram-base", "place": "embedded", "folder": str(package / "default")}
    assert run_json(capsys, "zoo pull auto") == [place]
    secret = GRAM | {"name": "secret", "modality": "image", "embedded": None, "commit": None}
    (package / "registry.json").write_text(json.dumps([secret, GRAM]), encoding="utf-8")
    assert run_json(capsys, "zoo pull --all --modality text") == [place]
    assert main(["zoo", "pull", "--all", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == [place]
    assert printed.err == "not published yet, left out: secret\n"


def test_verify(package, capsys):
    results = run_json(capsys, "zoo verify")
    assert names(results) == EMBEDDED
    assert all(result["ok"] and result["difference"] < 1e-9 for result in results)
    path = package / "default" / "metrics.json"
    path.write_bytes(path.read_bytes() + b" ")
    lines = run(capsys, "zoo verify", code=1).splitlines()
    assert any(line.startswith("gram-base") and "BAD" in line for line in lines)
    assert any(line.startswith("tart-decoder-d16") and "ok" in line for line in lines)


def test_verify_goes_on_after_each_fault_and_names_the_file(tmp_path, capsys):
    faults = [
        ("metrics.json", None, "cannot be read (No such file or directory); copy the folder again"),
        ("metrics.json", "[]", "metrics.json must hold a JSON object; it holds a list"),
        ("metrics.json", "{", "metrics.json is damaged (Expecting property name"),
        ("metrics.json", '{"golden": "x"}', "must be numbers"),
        ("metrics.json", '{"golden": [1]}', "must have shape (12, 3); got (1,)"),
        ("config.json", "3", "config.json"),
        ("model.safetensors", None, "model.safetensors cannot be read"),
    ]
    folders = [shutil.copytree(FOLDER, tmp_path / str(number)) for number in range(len(faults))]
    for folder, (part, content, _) in zip(folders, faults, strict=True):
        (folder / part).unlink() if content is None else (folder / part).write_text(content)
    *results, nope, good = run_json(capsys, "zoo verify", *folders, "nope", "gram-base", code=1)
    assert (nope["ok"], good["ok"]) == (False, True)
    for folder, result, (_, _, message) in zip(folders, results, faults, strict=True):
        assert (result["name"], result["ok"]) == (str(folder), False)
        assert message in result["error"]
        assert "\n" not in result["error"]


def test_row(package, capsys):
    row = run_json(capsys, "zoo row", FOLDER)
    assert row == GRAM | {"embedded": None}
    file = package / "registry.json"
    run_json(capsys, f"zoo row --commit {40 * 'a'} --modality text", FOLDER, "--into", file)
    changed = GRAM | {"commit": 40 * "a", "modality": "text", "path": "any/text/gram-base"}
    assert read_registry()["gram-base"].to_dict() == changed
    file.write_text("[]", encoding="utf-8")
    run_json(capsys, "zoo row", FOLDER, "--into", file)
    assert json.loads(file.read_text(encoding="utf-8")) == [row]


def test_row_needs_a_recipe_with_a_name(mine, capsys):
    (mine / "recipe.json").write_text("{}", encoding="utf-8")
    assert_fails(capsys, "recipe.json must hold a name; it holds nothing", "zoo row", mine)


@sends_large_files
def test_a_single_checkpoint_comes_to_the_root_and_each_file_is_read_once(hub, mine, monkeypatch, capsys):
    opened, read = [], Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: opened.append(path.name) or read(path))
    rows = run_json(capsys, "zoo push --repo me/single --private", mine)
    assert sorted(opened) == sorted(PARTS)
    commit = hub.branches["me/single", "main"]
    assert rows == [GRAM | {"embedded": None, "path": "", "commit": commit}]
    files = hub.commits["me/single", commit]
    assert set(files) == {*PARTS, "README.md"}
    assert all(files[part] == (FOLDER / part).read_bytes() for part in PARTS)
    assert b"library_name: sktart\nlicense: bsd-3-clause\n" in files["README.md"]
    assert b"datasets: [synthetic]" in files["README.md"]


@sends_large_files
def test_a_whole_zoo_is_published_by_one_command_and_comes_back(hub, package, tmp_path, capsys):
    embedded = [ROWS[name] for name in EMBEDDED]
    for row in embedded:
        shutil.copytree(PACKAGE / row.embedded, tmp_path / "zoo" / row.path)
    file = package / "registry.json"
    rows = run_json(capsys, "zoo push --repo me/zoo", tmp_path / "zoo", "--into", file)
    commit = hub.branches["me/zoo", "main"]
    assert sorted(names(rows)) == sorted(EMBEDDED)
    written = read_registry()
    assert {written[name].commit for name in EMBEDDED} == {commit}
    assert {row.embedded for row in written.values()} == {row.embedded for row in ROWS.values()}
    files = hub.commits["me/zoo", commit]
    card = files["README.md"].decode()
    head = "---\nlibrary_name: sktart\nlicense: bsd-3-clause\npipeline_tag: tabular-classification\n"
    assert card.startswith(head)
    for row in embedded:
        assert f"| {row.name} | `{row.path}` |" in card
        assert hashlib.sha256(files[f"{row.path}/{PARTS[-1]}"]).hexdigest() == row.sha256
    # Now as rows of a registry whose checkpoints are not in the package, on another machine.
    remote = [row.to_dict() | {"embedded": None} for row in written.values()]
    file.write_text(json.dumps(remote), encoding="utf-8")
    with Client(hub.endpoint, tmp_path / "home", package, SKTART_ZOO=f"me/zoo@{commit}") as client:
        assert all("folder" in client.ask(name) for name in EMBEDDED)
    published = tmp_path / "home" / "hub" / "models--me--zoo" / "snapshots" / commit / GRAM["path"]
    assert find_checkpoint(published).load().identity.sha256 == ROWS["gram-base"].sha256


def test_push_refuses_what_is_not_right_without_a_request(hub, mine, tmp_path, capsys):
    first, second = (shutil.copytree(FOLDER, tmp_path / "zoo" / name) for name in "ab")
    metrics = json.loads((mine / "metrics.json").read_text(encoding="utf-8"))
    metrics["golden"][0][0] += 0.01
    (mine / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    for folder, message in {
        mine: "answers otherwise",
        tmp_path / "none": "no checkpoint folder at",
        tmp_path / "zoo": f"{first} and {second} would both be any/any/gram-base in me/mine",
    }.items():
        assert_fails(capsys, message, PUSH, folder)
    assert hub.requests == []


def test_a_dry_run_of_push_makes_the_rows_and_no_request(hub, tmp_path, capsys):
    file = tmp_path / "registry.json"
    file.write_text("[]")
    rows = run_json(capsys, PUSH, "--dry-run", FOLDER, "--into", file)
    assert rows == [GRAM | {"embedded": None, "path": "", "commit": None}]
    assert file.read_text() == "[]"
    assert hub.requests == []


def test_push_without_permission(hub, capsys):
    hub.fault = status(403)
    assert_fails(capsys, "me/mine could not be written: access is refused", PUSH, FOLDER)


def test_pull_as_a_program_follows_a_branch(hub, tmp_path):
    hub.add_folder("me/mine", "", FOLDER)
    online = environment_of(hub.endpoint, tmp_path)
    offline = online | {"HF_HUB_OFFLINE": "1"}

    def run(environment, *arguments):
        done = as_program(environment, *arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    first = run(online, "pull", "me/mine")
    assert first[0]["place"] == "cache"
    assert run(offline, "show", "me/mine") == GRAM | {"embedded": None, "path": first[0]["name"]}
    second_commit = hub.commit("me/mine", {"config.json": b"{}"})
    for environment, *command in ((online, "pull", "me/mine@main"), (offline, "where", "me/mine")):
        assert run(environment, *command)[0]["name"] == f"me/mine@{second_commit}"


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    "content, message",
    [
        (None, "cannot be read (No such file or directory); a new one holds []"),
        ("", "is damaged (Expecting value"),
        *((content, "must hold a list of rows with names") for content in ("{}", '[{"name": 3}]', "[3]")),
    ],
)
@pytest.mark.parametrize("command", ["zoo row", PUSH])
def test_a_registry_file_at_fault_is_found_before_the_work(tmp_path, capsys, command, content, message):
    file = tmp_path / "registry.json"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    assert_fails(capsys, f"the registry file {file} {message}", command, FOLDER, "--into", file)
    assert not file.exists() or file.read_text(encoding="utf-8") == content


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("repo", ["", "mine", "me/mine/deep", "me/mine@v1", "datasets/mine", "a b/c", "../x"])
def test_push_to_no_repository_is_refused_before_the_work(repo, capsys):
    message = f"a repository of the Hub is named 'organisation/name'; got {repo!r}"
    assert_fails(capsys, message, "zoo push", FOLDER, "--repo", repo)
