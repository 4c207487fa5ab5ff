"""Checkpoints of the Hub: the installed client against a server over loopback, and all that can go wrong."""

import hashlib
import json
import logging
import os
import re
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import httpx2
import huggingface_hub
import pytest
import torch
from hub_client import ROOT, Client
from hub_server import Hub, cut, silence, status
from huggingface_hub import constants
from tiny_gram import TINY_GRAM

from sktart import TartReasoner
from sktart.exceptions import CheckpointError, CheckpointIntegrityError
from sktart.hub._folder import HubFolder
from sktart.hub._patience import impatient, probe
from sktart.hub._unreachable import explain
from sktart.reasoners._gram import GramReasoner
from sktart.zoo._checkpoint import save_checkpoint
from sktart.zoo._golden import golden_predictions
from sktart.zoo._info import PARTS
from sktart.zoo._registry import DEFAULT, PACKAGE, find_checkpoint, read_registry
from sktart.zoo._registry_rows import describe_folder
from sktart.zoo._resolve import FoundCheckpoint

QUICK_S = 5.0


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory):
    """Return a complete checkpoint folder. Do not write to it."""
    folder = tmp_path_factory.mktemp("zoo") / "any" / "text" / "tiny"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        reasoner = GramReasoner(TINY_GRAM)
    metrics = {"training": {"steps": 4, "seconds": 1, "cores": 1, "device": "cpu"}}
    recipe = {"name": "tiny", "seed": 0, "prior": [{"family": "mlp"}], "context_rows": [4, 9]}
    save_checkpoint(
        folder, reasoner, recipe=recipe, metrics=metrics | {"golden": golden_predictions(reasoner)}
    )
    return folder


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
def commit(server, tiny_checkpoint):
    return server.add_folder("sktart/zoo", "any/text/tiny", tiny_checkpoint)


@pytest.fixture(scope="module")
def package(tmp_path_factory, tiny_checkpoint, commit):
    """Return the folder of a registry whose checkpoint "tiny" is on the Hub, "secret" nowhere; the default is in it."""
    row = describe_folder(tiny_checkpoint, modality="text", commit=commit).to_dict()
    secret = row | {"name": "secret", "path": "any/text/secret", "commit": None}
    default = read_registry()[DEFAULT]
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(PACKAGE / default.embedded, folder / default.embedded)
    rows = [row, secret, default.to_dict()]
    (folder / "registry.json").write_text(json.dumps(rows), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def shared_client(server, tmp_path_factory, package):
    with Client(server.endpoint, tmp_path_factory.mktemp("home"), package) as client:
        yield client


@pytest.fixture
def client(shared_client):
    """Return a client with an empty cache."""
    shutil.rmtree(shared_client.cache, ignore_errors=True)
    return shared_client


def weights(folder):
    return (folder / PARTS[-1]).read_bytes()


def test_first_download_and_then_no_request(hub, client, tiny_checkpoint, commit):
    first = client.ask("tiny")
    assert first["name"] == first["source"] == "tiny"
    assert commit in first["folder"]
    assert len(hub.downloads()) == len(PARTS)
    for part in PARTS:
        assert (client.cache.parent / first["folder"] / part).read_bytes() == (
            tiny_checkpoint / part
        ).read_bytes()
    hub.requests.clear()
    before = sorted((path, path.lstat().st_mtime_ns) for path in client.cache.rglob("*"))
    assert client.ask("tiny")["folder"] == first["folder"]
    assert hub.requests == []
    # So a cache that only others may write to will do.
    assert sorted((path, path.lstat().st_mtime_ns) for path in client.cache.rglob("*")) == before
    assert not first["torch"]


def test_what_was_pulled_works_without_a_network(hub, client, commit, monkeypatch, tiny_checkpoint):
    """In this process, where HF_HUB_OFFLINE is set."""
    client.ask("tiny")
    hub.requests.clear()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(client.cache))
    name = f"sktart/zoo/any/text/tiny@{commit}"
    X, y = [[0.0, 1.0], [1.0, 0.0], [0.2, 0.9]], ["a", "b", "a"]
    pulled = TartReasoner(name).fit(X, y)
    assert pulled.checkpoint_ == name
    assert (
        pulled.predict_proba(X).tolist() == TartReasoner(tiny_checkpoint).fit(X, y).predict_proba(X).tolist()
    )
    assert hub.requests == []


def test_page_about_the_zoo_names_each_fault():
    page = (ROOT / "docs" / "zoo.md").read_text(encoding="utf-8")
    assert [fault for fault in FAULTS if f"| {fault}" not in page] == []


def test_a_private_copy_of_the_zoo_has_the_same_hashes(hub, tmp_path, package, tiny_checkpoint):
    own = hub.add_folder("me/copy", "any/text/secret", tiny_checkpoint)
    with Client(hub.endpoint, tmp_path, package, SKTART_ZOO="me/copy") as client:
        assert own in client.ask("secret")["folder"]
        hub.requests.clear()
        assert own in client.ask("secret")["folder"]
        assert hub.requests == []
    hub.commit("me/copy", {"any/text/secret/model.safetensors": b"other weights"})
    with Client(hub.endpoint, tmp_path / "new", package, SKTART_ZOO="me/copy") as client:
        assert client.ask("secret")["kind"] == "CheckpointIntegrityError"


@pytest.mark.parametrize(
    "reference", ["me/mine/deep/tiny@{}", "hf://me/mine@{}/deep/tiny", "hf://models/me/mine/deep/tiny@{}"]
)
def test_free_references_are_pinned(hub, client, tiny_checkpoint, reference):
    commit = hub.add_folder("me/mine", "deep/tiny", tiny_checkpoint)
    for revision in (commit, "main"):
        found = client.ask(reference.format(revision))
        assert found["name"] == found["source"] == f"me/mine/deep/tiny@{commit}"
    hub.requests.clear()
    assert client.ask(reference.format("main"))["source"] == f"me/mine/deep/tiny@{commit}"
    assert hub.requests == []


def test_checkpoint_at_the_root_of_a_repository(hub, client, tiny_checkpoint):
    commit = hub.add_folder("me/single", "", tiny_checkpoint)
    assert client.ask("me/single")["source"] == f"me/single@{commit}"


# Fault -> what the message must hold. Each has to come quickly, and the next call has to work.
FAULTS = {
    "401": (status(401), "tiny.*does not accept the token.*hf auth login.*HTTP 401"),
    "expired token": (
        status(401, headers={"X-Error-Message": "Invalid credentials in Authorization header"}),
        "does not accept the token.*log in again by `hf auth login`",
    ),
    "403": (status(403), "access is refused: ask for access.*HTTP 403"),
    "404": (
        status(404, headers={"X-Error-Code": "RevisionNotFound"}),
        "no such file, revision or repository",
    ),
    "429": (status(429, headers={"Retry-After": "60"}), "too many requests: wait some minutes.*HTTP 429"),
    "500": (status(500), "the Hub is out of order.*HTTP 500.*sktart zoo pull"),
    "503": (status(503), "the Hub is out of order.*HTTP 503.*sktart zoo pull"),
    "time-out": (silence(6), r"the Hub did not answer in time.*no answer within 3 s"),
    "no Hub": (status(200), "is answered by something that is no Hub: check the name and HF_ENDPOINT"),
    "500 for the content": (
        status(500, on=("large",)),
        r"model.safetensors.*localhost:\d+, where the Hub keeps the content, is out of order",
    ),
    "403 for the content": (status(403, on=("large",)), "model.safetensors.*access is refused"),
    "429 for the content": (
        status(429, on=("large",), headers={"Retry-After": "3600"}),
        r"model.safetensors.*too many requests.*\(HTTP 429 from localhost:\d+, where the Hub keeps the content\)",
    ),
    "429 in the middle": (
        status(429, on=("large",), headers={"RateLimit": '"resolvers";r=0;t=250'}, probes=False),
        r"model.safetensors.*too many requests.*\(HTTP 429 from localhost:\d+, where the Hub keeps the content\)",
    ),
    "503 with a time to wait": (
        status(503, headers={"Retry-After": "3600"}, probes=False),
        "config.json.*the Hub is out of order",
    ),
    "time-out of the content": (
        silence(6, on=("large",)),
        r"model.safetensors.*localhost:\d+, where the Hub keeps the content, did not answer in time",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_ends_in_one_message_and_the_next_call_works(hub, client, fault):
    hub.fault, message = FAULTS[fault]
    failed = client.ask("tiny")
    assert failed["seconds"] < QUICK_S
    assert_explains(failed, message)
    assert str(client.cache) in failed["error"]
    hub.heal()
    assert "folder" in client.ask("tiny")


def assert_explains(failed, message):
    """One line, without the pages that the client writes, and with the reason."""
    assert re.search(message, failed["error"]), failed["error"]
    assert "\n" not in failed["error"]


def test_truncated_content_is_asked_for_again_and_given_up(hub, client):
    hub.fault = cut(0)
    failed = client.ask("tiny")
    assert_explains(failed, "model.safetensors of sktart/zoo .*: the connection broke off .*: load it again")
    assert failed["seconds"] < 10
    hub.heal()
    assert "folder" in client.ask("tiny")


@pytest.mark.parametrize("host", ["127.0.0.1:9", "no-such-host.invalid"])
def test_host_of_the_content_that_cannot_be_reached_is_named(hub, client, monkeypatch, host):
    monkeypatch.setattr(hub, "elsewhere", f"http://{host}")
    failed = client.ask("tiny")
    assert failed["seconds"] < QUICK_S
    assert_explains(
        failed, f"model.safetensors.*: {host}, where the Hub keeps the content, could not be reached"
    )
    assert not any(path.startswith("/large/") for _, path in hub.requests)
    monkeypatch.undo()
    assert "folder" in client.ask("tiny")


def test_download_that_stalls_is_given_up_at_the_first_time_out(hub, tmp_path, package, capfd):
    hub.fault = lambda handler, kind: kind == "large" and not handler.is_probe and halt(handler, 8)
    with Client(hub.endpoint, tmp_path, package, HF_HUB_DOWNLOAD_TIMEOUT="1") as client:
        failed = client.ask("tiny")
        assert failed["seconds"] < QUICK_S
        assert_explains(failed, "model.safetensors.*localhost.*, did not answer in time ")
        hub.heal()
        assert "folder" in client.ask("tiny")
    assert capfd.readouterr().err == ""


def test_impatience_is_for_one_thread_and_passes(caplog):
    log = logging.getLogger("huggingface_hub.utils._http")
    message = "HTTP Error 429 thrown while requesting GET http://host/file"
    with impatient():
        with pytest.raises(ConnectionError, match="HTTP 429 from http://host/file"):
            log.warning(message)
        other = threading.Thread(target=log.warning, args=("Retrying in 1s [Retry 1/5].",))
        other.start()
        other.join()
        log.warning("Retrying in 2s [Retry 2/5].")
        log.warning("a word of the Hub")
    assert log.filters == []
    log.warning(message)
    assert [record.getMessage() for record in caplog.records] == [
        "Retrying in 1s [Retry 1/5].",
        "a word of the Hub",
        message,
    ]


def test_download_that_breaks_off_goes_on_where_it_was(hub, client, tiny_checkpoint):
    breaks = [cut(0.5), cut(0)]  # the first byte, and the middle
    hub.fault = lambda handler, kind: kind == "large" and bool(breaks) and breaks.pop()(handler, kind)
    found = client.ask("tiny")
    assert (client.cache.parent / found["folder"] / PARTS[-1]).read_bytes() == weights(tiny_checkpoint)
    assert len([path for path in hub.downloads() if path.startswith("/large/")]) == 2


@pytest.mark.parametrize("name", ["tiny", "sktart/zoo/any/text/tiny@main"], ids=["registered", "free"])
@pytest.mark.parametrize("part", ["model.safetensors", "config.json"])
def test_tampered_content_of_the_same_size_is_removed(hub, client, tiny_checkpoint, name, part):
    content = (tiny_checkpoint / part).read_bytes()
    hub.spoil = lambda sent: bytes([sent[0] ^ 1]) + sent[1:] if sent == content else sent
    failed = client.ask(name)
    assert failed["kind"] == "CheckpointIntegrityError"
    assert_explains(
        failed, rf"{part} is not the file .*: sha\w+ \w{{40,64}} instead of \w{{40,64}}; it was removed"
    )
    if name == "tiny":
        assert hashlib.sha256(content).hexdigest() in failed["error"]
    hub.heal()
    assert "folder" in client.ask(name)


def test_bit_that_flips_in_the_cache_is_found_and_mended(hub, client, tiny_checkpoint):
    path = client.cache.parent / client.ask("tiny")["folder"] / PARTS[-1]
    path.write_bytes(b"\0" + weights(tiny_checkpoint)[1:])
    hub.requests.clear()
    failed = client.ask("tiny")
    assert_explains(failed, "removed from the cache, so load it again")
    assert hub.requests == []
    assert "folder" in client.ask("tiny")


def test_bad_file_that_cannot_be_removed(tmp_path, monkeypatch):
    def refuse(path, missing_ok=False):
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "config.json").write_bytes(b"{}")
    found = FoundCheckpoint("x", "x", tmp_path, (("config.json", 64 * "0"),), "cache")
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(
        CheckpointIntegrityError, match=r"could not be removed \(Permission denied\), so remove it and"
    ):
        found.read("config.json")


def test_cache_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    """As one that another user filled."""

    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied", "somewhere")

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", refuse)
    with pytest.raises(
        CheckpointError, match="'me/zoo' is no folder here, and it is not in the Hub cache, where"
    ):
        find_checkpoint("me/zoo", download=False)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    found = FoundCheckpoint("x", "x", tmp_path, (("config.json", 64 * "0"),), "cache")
    for part in ("config.json", "model.safetensors"):
        with pytest.raises(
            CheckpointError, match=rf"{part} cannot be read \(Permission denied\); make it readable"
        ):
            found.read(part)


def test_wrong_etag(hub, client):
    """It only names the file in the cache: the hash of the registry counts, where there is one."""
    hub.etag = 64 * "0"
    assert "folder" in client.ask("tiny")
    shutil.rmtree(client.cache)
    failed = client.ask("sktart/zoo/any/text/tiny")
    assert_explains(failed, f"instead of {64 * '0'}; it was removed")
    hub.heal()
    assert "folder" in client.ask("sktart/zoo/any/text/tiny")


def test_names_that_the_hub_does_not_have(hub, client, commit):
    failed = client.ask("me/unknown/tiny")
    assert_explains(
        failed, "'me/unknown/tiny' is no folder here, and config.json of me/unknown|does not exist"
    )
    assert_explains(client.ask(f"sktart/zoo/any/none@{commit}"), "no such file, revision or repository")
    assert_explains(client.ask("sktart/zoo/any/text/tiny@v9"), "at v9 could not be fetched: there is no such")
    assert_explains(client.ask("../up@main"), "neither a name of the registry nor a folder")


@pytest.mark.parametrize("revision", ["refs/pr/1", "refs/heads/x", "v1.0"])
def test_revisions_at_the_root_and_before_a_path(revision):
    assert HubFolder.parse(f"me/zoo@{revision}") == HubFolder("me/zoo", "", revision)
    assert HubFolder.parse(f"hf://me/zoo@{revision}/any/tiny") == HubFolder("me/zoo", "any/tiny", revision)


@pytest.mark.parametrize("revision", ["v1.0", "refs/pr/1", "a-b_c", 40 * "0"])
def test_revisions(revision):
    assert HubFolder.parse(f"me/zoo/any/tiny@{revision}") == HubFolder("me/zoo", "any/tiny", revision)


@pytest.mark.parametrize(
    "revision",
    [
        "/etc/passwd",
        "/",
        ".",
        "..",
        ".git",
        "a/../b",
        "a/..",
        "a//b",
        "a/",
        "a/.b",
        "a b",
        "a\\b",
        "a\n",
        "%2Fa",
        "a+b",
    ],
)
@pytest.mark.parametrize("form", ["me/zoo@{}", "me/zoo/any/tiny@{}", "hf://me/zoo@{}", "hf://me/zoo@{}/tiny"])
def test_revisions_that_would_lead_out_of_the_cache_are_none(revision, form):
    found = HubFolder.parse(form.format(revision))
    # A slash at the end is none of the revision, and in a URI the path comes after it.
    assert found is None or found.revision == "a"


def test_unpublished_checkpoint_says_so_without_a_request(hub, client):
    failed = client.ask("secret")
    assert_explains(failed, "'secret' is not published yet: .* Set SKTART_ZOO .*any/text/secret")
    assert hub.requests == []


def test_connection_refused(tmp_path, package, client, hub):
    hub_that_went = Hub()
    hub_that_went.close()
    with Client(hub_that_went.endpoint, tmp_path, package, HF_HUB_CACHE=str(client.cache)) as lost:
        failed = lost.ask("tiny")
        assert failed["seconds"] < QUICK_S
        assert_explains(
            failed, "could not be reached .*HF_ENDPOINT.* Or run `sktart zoo pull` .*checkpoint='auto'"
        )
        client.ask("tiny")
        assert "folder" in lost.ask("tiny")


@pytest.mark.parametrize(
    "environment, message",
    [
        ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set: unset it"),
        ({"HTTP_PROXY": "http://127.0.0.1:9"}, "could not be reached .*, the proxy in HTTP_PROXY and"),
        ({"HF_HUB_OFFLINE": "", "TRANSFORMERS_OFFLINE": "1"}, ": TRANSFORMERS_OFFLINE is set: unset it"),
        ({"HF_TOKEN": "h\u00e9"}, "the token has characters .*: check HF_TOKEN"),
        ({"HF_HUB_ETAG_TIMEOUT": "-1"}, "HF_HUB_ETAG_TIMEOUT must be from 1 to 3600 seconds; got -1. It"),
        ({"HF_HUB_ETAG_TIMEOUT": "2.5"}, r"from the environment \(.*'2.5'\).*HF_HUB_ETAG_TIMEOUT='2.5'"),
        (
            {"HF_HUB_DOWNLOAD_TIMEOUT": "", "HF_TOKEN": "secret"},
            r"from the environment \(.*''\): correct .*HF_HUB_DOWNLOAD_TIMEOUT='', .* HF_TOKEN(,|$)",
        ),
        ({"SKTART_ZOO": "/no/such/zoo"}, "not at /no/such/zoo/any/text/tiny, where SKTART_ZOO says"),
        ({"SKTART_ZOO": "zoo"}, "SKTART_ZOO must be 'organisation/name'.* got 'zoo'"),
    ],
    ids=["offline", "proxy", "also offline", "token", "negative", "fraction", "empty", "folder", "name"],
)
def test_environment_that_forbids_it(hub, tmp_path, package, client, environment, message):
    with Client(hub.endpoint, tmp_path, package, HF_HUB_CACHE=str(client.cache), **environment) as bound:
        failed = bound.ask("tiny")
        assert failed["seconds"] < QUICK_S
        assert_explains(failed, message)
        assert hub.requests == []
        if "SKTART_ZOO" not in environment and "from the environment" not in message:
            client.ask("tiny")
            assert "folder" in bound.ask("tiny")


def test_expired_token_is_refused_and_a_new_one_works(hub, tmp_path, package):
    hub.fault = lambda handler, kind: (
        handler.headers.get("Authorization") == "Bearer old" and status(401)(handler, kind)
    )
    with Client(hub.endpoint, tmp_path, package, HF_TOKEN="old") as client:
        assert_explains(client.ask("tiny"), "does not accept the token")
    with Client(hub.endpoint, tmp_path, package, HF_TOKEN="new") as client:
        assert "folder" in client.ask("tiny")


def test_cache_that_cannot_be_written(hub, tmp_path, package):
    (tmp_path / "file").touch()
    with Client(hub.endpoint, tmp_path, package, HF_HUB_CACHE=str(tmp_path / "file" / "hub")) as client:
        assert_explains(client.ask("tiny"), "the Hub cache cannot be written .*set HF_HUB_CACHE")
        (tmp_path / "file").unlink()
        assert "folder" in client.ask("tiny")


def test_full_disk(hub, tmp_path, package, tiny_checkpoint):
    with Client(hub.endpoint, tmp_path, package) as client:
        client.send(limit=len(weights(tiny_checkpoint)) // 2)
        assert_explains(client.receive(), r"model.safetensors .*the Hub cache cannot be written .*make room")
        client.send(limit=2**30)
        assert "folder" in client.receive()


def test_folder_of_the_zoo_instead_of_the_hub(hub, tmp_path, package, tiny_checkpoint):
    root = tiny_checkpoint.parents[2]
    with Client(hub.endpoint, tmp_path, package, SKTART_ZOO=str(root)) as client:
        assert client.ask("tiny")["folder"] == str(tiny_checkpoint)
        assert hub.requests == []


def test_process_killed_in_the_middle_of_a_download(hub, tmp_path, package, client, tiny_checkpoint):
    hub.fault = lambda handler, kind: kind == "large" and halt(handler)
    with Client(hub.endpoint, tmp_path, package, HF_HUB_CACHE=str(client.cache)) as victim:
        victim.send(ask="tiny")
        while not any(path.startswith("/large/") for path in hub.downloads()):
            pass
        victim.process.kill()
        victim.process.wait()
    hub.heal()
    assert "folder" in client.ask("tiny")


def halt(handler, seconds=2):
    """Send half of the content and keep the line open."""
    content = handler.hub.large[handler.path.removeprefix("/large/")]
    handler.send_part(content, len(content) // 2)
    return silence(seconds)(handler, "large")


def test_sixteen_processes_at_once_download_one_copy_and_predict_the_same(hub, tmp_path, package):
    with Client(hub.endpoint, tmp_path, package) as fresh:
        fresh.send(swarm="tiny", n=16)
        answers = fresh.receive()
    assert len(answers) == 16
    assert [answer for answer in answers if "error" in answer] == []
    assert len({answer["folder"] for answer in answers}) == 1
    assert len({json.dumps(answer["proba"]) for answer in answers}) == 1
    assert len(hub.downloads()) == len(PARTS)


def test_the_default_and_what_was_pulled_answer_while_the_hub_is_out_of_reach(hub, tmp_path, package, client):
    """From the start of the process, and without HF_HUB_OFFLINE, which would say so."""
    expected = client.ask("tiny")["folder"]
    hub.requests.clear()
    environment = {"HF_HUB_CACHE": str(client.cache), "HTTP_PROXY": "http://127.0.0.1:9"}
    with Client("http://127.0.0.1:9", tmp_path, package, **environment) as lost:
        default, pulled = (lost.receive_of(predict=name) for name in ("auto", "tiny"))
    assert "proba" in default
    assert "proba" in pulled
    assert pulled["folder"] == expected
    assert hub.requests == []


def test_the_clock_of_the_first_request_does_not_run_while_certificates_are_read(monkeypatch):
    """Sixteen processes on one core need longer for these than a Hub may for its answer."""

    class Session(httpx2.Client):
        def send(self, request, **options):
            time.sleep(0 if request.url.path == "/quick" else 1)
            return httpx2.Response(206, request=request, headers={"X-Repo-Commit": "abc"})

    session = Session()

    def slow():
        time.sleep(0.3)
        return session

    monkeypatch.setattr(huggingface_hub, "get_session", slow)
    assert probe("http://hub/quick", 0.2) == "abc"
    with pytest.raises(TimeoutError, match=r"no answer within 0\.2 s"):
        probe("http://hub/slow", 0.2)


@pytest.mark.parametrize("endpoint", ["http://no-such-host.invalid", "no address", "ftp://127.0.0.1"])
def test_endpoint_that_is_none(hub, tmp_path, package, client, endpoint):
    with Client(endpoint, tmp_path, package, HF_HUB_CACHE=str(client.cache)) as lost:
        failed = lost.ask("tiny")
        assert failed["seconds"] < QUICK_S
        assert_explains(failed, "could not be reached .*: check the network and HF_ENDPOINT")
        client.ask("tiny")
        assert "folder" in lost.ask("tiny")


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:99999", "http://[::1"])
def test_endpoint_that_the_client_cannot_read(tmp_path, package, endpoint):
    with Client(endpoint, tmp_path, package) as lost:
        failed = lost.ask("tiny")
        assert_explains(failed, r"cannot be set up from the environment \(.*HF_ENDPOINT='http://")
        assert "folder" in lost.ask("auto")


def test_file_that_another_process_removes_between_finding_and_reading(tmp_path):
    found = FoundCheckpoint("x", "x", tmp_path, (("config.json", 64 * "0"),), "cache")
    with pytest.raises(CheckpointIntegrityError, match=r"another process removed it, .*: load it again"):
        found.read("config.json")
    with pytest.raises(
        CheckpointIntegrityError, match=f"no such file instead of {64 * '0'}; copy the folder again"
    ):
        replace(found, place="folder").read("config.json")


def test_cache_of_another_user(tmp_path, monkeypatch):
    """Root may read all, so what the system says is put into its mouth."""
    closed = tmp_path / "closed"
    (closed / "refs").mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) == str(closed) and mode == os.F_OK)
    error = PermissionError(13, "Permission denied", str(closed / "refs" / "main"))
    assert re.match(rf"the Hub cache cannot be read \(Permission denied: {closed}\): make it", explain(error))
    monkeypatch.setattr(os, "access", lambda path, mode: True)
    assert explain(error).startswith("the Hub cache cannot be written (Permission denied): make room")


def test_content_that_somebody_removed_from_the_cache_is_fetched_again(hub, client, tiny_checkpoint):
    path = client.cache.parent / client.ask("tiny")["folder"] / PARTS[-1]
    path.resolve().unlink()
    hub.requests.clear()
    assert "folder" in client.ask("tiny")
    assert path.read_bytes() == weights(tiny_checkpoint)
    assert len(hub.downloads()) == 1
