"""Checkpoints of the Hub: the installed client against a server over loopback, and all that can go wrong."""

import hashlib
import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
from hub_client import ROOT, Client, ask
from hub_server import Hub, cut, silence, status, use_hub
from huggingface_hub import constants

from sktart.exceptions import CheckpointError, CheckpointIntegrityError
from sktart.zoo import _registry as registry
from sktart.zoo._info import PARTS
from sktart.zoo._registry import PACKAGE, find_checkpoint, read_registry
from sktart.zoo._resolve import FoundCheckpoint

FOLDER = PACKAGE / "default"
WEIGHTS = (FOLDER / PARTS[-1]).read_bytes()
PATH = "any/any/gram-base"


@pytest.fixture(scope="module")
def server():
    with Hub() as hub:
        yield hub


@pytest.fixture
def hub(server):
    server.heal()
    yield server
    server.heal()


@pytest.fixture(scope="module")
def commit(server):
    return server.add_folder("sktart/zoo", PATH, FOLDER)


@pytest.fixture(scope="module")
def package(tmp_path_factory, commit):
    """Return the folder of a registry: the default is in it, "remote" is the same on the Hub, "secret" is nowhere."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(FOLDER, folder / "default")
    default = read_registry()["gram-base"].to_dict()
    remote = default | {"name": "remote", "embedded": None, "commit": commit}
    secret = remote | {"name": "secret", "path": "any/text/secret", "commit": None}
    (folder / "registry.json").write_text(json.dumps([remote, secret, default]), encoding="utf-8")
    return folder


@pytest.fixture
def client(hub, package, monkeypatch, tmp_path):
    """Return what asks in this process, and its cache, which is empty."""
    use_hub(monkeypatch, hub.endpoint, tmp_path / "cache")
    monkeypatch.setattr(registry, "PACKAGE", package)
    return SimpleNamespace(ask=ask, cache=tmp_path / "cache")


def assert_fails(failed, message):
    assert re.search(message, failed["error"]), failed["error"]
    assert "\n" not in failed["error"]
    assert failed["seconds"] < 10


def test_first_download_and_then_no_request(hub, client, commit):
    first = client.ask("remote")
    assert first["name"] == first["source"] == "remote"
    assert commit in first["folder"]
    assert len(hub.downloads()) == len(PARTS)
    for part in PARTS:
        assert (Path(first["folder"]) / part).read_bytes() == (FOLDER / part).read_bytes()
    hub.requests.clear()
    before = sorted((path, path.lstat().st_mtime_ns) for path in client.cache.rglob("*"))
    assert client.ask("remote")["folder"] == first["folder"]
    assert hub.requests == []
    # So a cache that only others may write to will do.
    assert sorted((path, path.lstat().st_mtime_ns) for path in client.cache.rglob("*")) == before


def test_page_about_the_zoo_names_each_fault():
    page = (ROOT / "docs" / "zoo.md").read_text(encoding="utf-8")
    assert [fault for fault in (*FAULTS, *ENVIRONMENTS) if f"| {fault}" not in page] == []


def test_a_private_copy_of_the_zoo_has_the_same_hashes(hub, client, monkeypatch):
    monkeypatch.setenv("SKTART_ZOO", "me/copy")
    own = hub.add_folder("me/copy", PATH, FOLDER)
    for _ in range(2):
        assert own in client.ask("remote")["folder"]
    assert len(hub.downloads()) == len(PARTS)
    hub.commit("me/copy", {f"{PATH}/model.safetensors": b"other weights"})
    shutil.rmtree(client.cache)
    assert client.ask("remote")["kind"] == "CheckpointIntegrityError"


@pytest.mark.parametrize(
    "reference, path",
    [
        ("me/mine/deep/tiny@{}", "deep/tiny"),
        ("hf://me/mine@{}/deep/tiny", "deep/tiny"),
        ("hf://models/me/mine/deep/tiny@{}", "deep/tiny"),
        ("me/root@{}", ""),
    ],
)
def test_free_references_are_pinned(hub, client, reference, path):
    repo = "me/mine" if path else "me/root"
    commit = hub.add_folder(repo, path, FOLDER)
    for revision in (commit, "main"):
        found = client.ask(reference.format(revision))
        assert found["name"] == found["source"] == f"{repo}/{path}".rstrip("/") + f"@{commit}"
    hub.requests.clear()
    assert client.ask(reference.format("main"))["source"] == found["source"]
    assert hub.requests == []


# Fault -> what the message must hold.
FAULTS = {
    "401": (status(401), "the token is not accepted, or .* `hf auth login`.*HTTP 401 from 127.0.0.1"),
    "403": (status(403), "access is refused: ask for access.*HTTP 403"),
    "404": (
        status(404, headers={"X-Error-Code": "RevisionNotFound"}),
        "no such file, revision or repository",
    ),
    "429": (status(429, headers={"Retry-After": "3600"}), "too many requests: wait some minutes.*HTTP 429"),
    "5xx": (status(503), "the server is out of order: try again later .*HTTP 503.*sktart zoo pull"),
    "silence": (silence(5), r"the connection failed \(TimeoutError: timed out\): check the network"),
    "no Hub": (status(200), "does not seem to be served by a Hugging Face Hub endpoint"),
    "500 for the content": (status(500, on=("large",)), "model.safetensors.*HTTP 500 from localhost"),
    "403 for the content": (status(403, on=("large",)), "model.safetensors.*access is refused"),
    "429 for the content": (
        status(429, on=("large",), headers={"Retry-After": "3600"}),
        "model.safetensors.*too many requests",
    ),
    "content breaks off each time": (cut(0), "model.safetensors.*the connection failed .*peer closed"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_ends_in_one_message_and_the_next_call_works(hub, client, fault):
    hub.fault, message = FAULTS[fault]
    failed = client.ask("remote")
    assert_fails(failed, message)
    assert str(client.cache) in failed["error"]
    hub.heal()
    assert "folder" in client.ask("remote")


def test_host_of_the_content_that_cannot_be_reached(hub, client, monkeypatch):
    with monkeypatch.context() as wrong:
        wrong.setattr(hub, "elsewhere", "http://127.0.0.1:9")
        assert_fails(client.ask("remote"), "model.safetensors.*: the connection failed .*Connection refused")
    assert "folder" in client.ask("remote")


@pytest.mark.parametrize("times", [1, None], ids=["once", "each time"])
def test_content_that_stalls(hub, client, monkeypatch, times):
    hub.fault = cut(0.5, seconds=2, times=times)
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
    answer = client.ask("remote")
    if times is None:
        assert_fails(answer, r"model.safetensors.*: the connection failed \(TimeoutError")
    else:
        assert (Path(answer["folder"]) / PARTS[-1]).read_bytes() == WEIGHTS


@pytest.mark.parametrize("name", ["remote", f"sktart/zoo/{PATH}@main"], ids=["registered", "free"])
@pytest.mark.parametrize("part", ["model.safetensors", "config.json"])
def test_tampered_content_of_the_same_size_is_removed(hub, client, name, part):
    content = (FOLDER / part).read_bytes()
    hub.spoil = lambda sent: bytes([sent[0] ^ 1]) + sent[1:] if sent == content else sent
    failed = client.ask(name)
    assert failed["kind"] == "CheckpointIntegrityError"
    assert_fails(failed, rf"{part} is not the file .*: sha\w+ \w{{40,64}} instead of \w{{40,64}}; delete /.*")
    if name == "remote":
        assert hashlib.sha256(content).hexdigest() in failed["error"]
    hub.heal()
    assert "folder" in client.ask(name)


def test_wrong_etag(hub, client):
    """It only names the file in the cache: the hash of the registry counts, where there is one."""
    hub.etag = 64 * "0"
    assert "folder" in client.ask("remote")
    shutil.rmtree(client.cache)
    assert_fails(client.ask(f"sktart/zoo/{PATH}"), f"instead of {64 * '0'}; delete")


@pytest.mark.parametrize("damage", [lambda file: file.write_bytes(b"\0" + WEIGHTS[1:]), Path.unlink])
def test_damage_in_the_cache_is_mended(hub, client, damage):
    path = Path(client.ask("remote")["folder"]) / PARTS[-1]
    damage(path.resolve())
    hub.requests.clear()
    if path.exists():
        assert_fails(client.ask("remote"), "and load it again")
        assert hub.requests == []
    assert "folder" in client.ask("remote")
    assert path.read_bytes() == WEIGHTS
    assert len(hub.downloads()) == 1


def test_bad_file_that_cannot_be_removed_or_read(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    file = tmp_path / "config.json"
    file.write_bytes(b"{}")
    found = FoundCheckpoint("x", "x", tmp_path, ((file.name, 64 * "0"),), "cache")
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(CheckpointIntegrityError, match=f"delete {file} if it is still there, and load it"):
        found.read(file.name)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(CheckpointError, match=rf"{file} cannot be read \(Permission denied\); delete {file}"):
        found.read(file.name)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", refuse)
    with pytest.raises(CheckpointError, match="no folder here, and it is not in the Hub cache, where"):
        find_checkpoint("me/zoo", download=False)


def test_names_that_the_hub_does_not_have(client, commit):
    assert_fails(client.ask("me/unknown/tiny"), "'me/unknown/tiny' is no folder here, and .* does not exist")
    assert_fails(client.ask(f"sktart/zoo/any/none@{commit}"), "any/none/config.json .*no such file, revision")
    assert_fails(client.ask(f"sktart/zoo/{PATH}@v9"), "at v9 could not be fetched: there is no such")


def test_unpublished_checkpoint_says_so_without_a_request(hub, client):
    failed = client.ask("secret")
    assert_fails(failed, "'secret' is not published yet: .* Set SKTART_ZOO .*any/text/secret")
    assert hub.requests == []


# Fault -> the environment, and what the message must hold.
ENVIRONMENTS = {
    "connection refused": (
        {"HF_ENDPOINT": "http://127.0.0.1:9"},
        r"the connection failed \(ConnectionRefused",
    ),
    "unknown host": ({"HF_ENDPOINT": "http://no-such-host.invalid"}, "the connection failed .*HF_ENDPOINT"),
    "`HF_ENDPOINT` is no address": ({"HF_ENDPOINT": "no address"}, "missing an 'http://'"),
    "proxy that is not there": ({"HTTP_PROXY": "http://127.0.0.1:9"}, "the connection failed .*HTTPS_PROXY"),
    "`HF_HUB_OFFLINE`": ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set: unset it"),
    "`HF_TOKEN` with other": ({"HF_TOKEN": "h\u00e9"}, "can't encode character .*HF_TOKEN"),
    "settings that": (
        {"HF_HUB_DOWNLOAD_TIMEOUT": "abc", "HF_TOKEN": "secret"},
        r"from the environment \(.*'abc'\): correct .*HF_HUB_DOWNLOAD_TIMEOUT='abc', .* HF_TOKEN(,|$)",
    ),
    "`SKTART_ZOO` is no zoo": ({"SKTART_ZOO": "zoo"}, "SKTART_ZOO must be 'organisation/name'.* got 'zoo'"),
}


@pytest.mark.parametrize("fault", ENVIRONMENTS)
def test_environment_at_fault(hub, tmp_path, package, client, fault):
    environment, message = ENVIRONMENTS[fault]
    environment = {"HF_HUB_CACHE": str(client.cache), **environment}
    with Client(hub.endpoint, tmp_path, package, **environment) as lost:
        assert_fails(lost.ask("remote"), message)
        assert "folder" in lost.ask("auto")
        assert hub.requests == []
        client.ask("remote")
        assert ("folder" in lost.ask("remote")) is (
            "the environment" not in message and "SKTART" not in message
        )


def test_cache_that_cannot_be_written(client, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    with monkeypatch.context() as wrong:
        wrong.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "file" / "hub"))
        message = r"the Hub cache cannot be used \(.*Not a directory.*set HF_HUB_CACHE"
        assert_fails(client.ask("remote"), message)
    assert "folder" in client.ask("remote")


def test_full_disk(hub, tmp_path, package):
    with Client(hub.endpoint, tmp_path, package) as client:
        client.call("limit", len(WEIGHTS) // 2)
        assert_fails(client.ask("remote"), "model.safetensors .*the Hub cache cannot be used .*make room")
        client.call("limit", 2**30)
        assert "folder" in client.ask("remote")


def test_folder_of_the_zoo_instead_of_the_hub(hub, client, monkeypatch, tmp_path):
    monkeypatch.setenv("SKTART_ZOO", str(tmp_path))
    assert_fails(client.ask("remote"), f"'remote' is not at {tmp_path}/{PATH}, where SKTART_ZOO says")
    shutil.copytree(FOLDER, tmp_path / PATH)
    assert client.ask("remote")["folder"] == str(tmp_path / PATH)
    assert hub.requests == []


def test_process_killed_in_the_middle_of_a_download(hub, tmp_path, package, client):
    hub.fault = cut(0.5, seconds=2)
    with Client(hub.endpoint, tmp_path, package, HF_HUB_CACHE=str(client.cache)) as victim:
        victim.send("ask", "remote")
        while not any(path.startswith("/large/") for path in hub.downloads()):
            pass
        victim.process.kill()
        victim.process.wait()
    hub.heal()
    assert "folder" in client.ask("remote")


def test_sixteen_processes_at_once_download_one_copy_and_predict_the_same(hub, tmp_path, package):
    with Client(hub.endpoint, tmp_path, package) as fresh:
        answers = fresh.call("swarm", "remote", 16)
    assert len(answers) == 16
    assert len({answer["folder"] for answer in answers}) == 1
    assert len({json.dumps(answer["proba"]) for answer in answers}) == 1
    assert len(hub.downloads()) == len(PARTS)


def test_the_default_and_what_was_pulled_answer_while_the_hub_is_out_of_reach(hub, tmp_path, package, client):
    expected = client.ask("remote")["folder"]
    hub.requests.clear()
    environment = {"HF_HUB_CACHE": str(client.cache), "HTTP_PROXY": "http://127.0.0.1:9"}
    with Client("http://127.0.0.1:9", tmp_path, package, **environment) as lost:
        default, pulled = (lost.call("predict", name) for name in ("auto", "remote"))
    assert default["proba"] == pulled["proba"]
    assert pulled["folder"] == expected
    assert hub.requests == []
