"""The cache of built networks: one build each, whoever asks."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from shutil import copytree
from threading import Barrier

import numpy as np
import pytest
import torch
from programs import run_python
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from tiny_decoder import TINY_DECODER, write_decoder

from sktart import TartReasoner, TartTransformer, load, load_checkpoint, save
from sktart.exceptions import CheckpointError
from sktart.reasoners._families import build_reasoner
from sktart.zoo import _golden as golden
from sktart.zoo._checkpoint import Checkpoint
from sktart.zoo._info import CheckpointIdentity
from sktart.zoo._networks import NETWORKS, NetworkCache, NetworkKey, load_shared
from sktart.zoo._registry import PACKAGE, find_checkpoint, share_checkpoint

KEYS = [NetworkKey(str(number), "", "cpu", "torch.float32") for number in range(4)]

pytestmark = pytest.mark.usefixtures("no_networks")


def tiny():
    with torch.random.fork_rng(devices=[]):
        return Checkpoint("tiny", build_reasoner(TINY_DECODER), CheckpointIdentity("tiny", "0"))


def test_sixteen_threads_that_load_at_once_build_one_network():
    barrier = Barrier(16)

    def load(_):
        barrier.wait()
        return share_checkpoint()

    with ThreadPoolExecutor(16) as pool:
        loaded = list(pool.map(load, range(16)))
    assert len({id(checkpoint.reasoner) for checkpoint in loaded}) == 1
    assert NETWORKS.n_built == 1


def test_the_networks_used_last_are_kept():
    cache = NetworkCache(2)
    first = [cache.get(key, tiny) for key in KEYS[:2]]
    cache.get(KEYS[0], tiny)
    cache.get(KEYS[2], tiny)
    assert cache.get(KEYS[0], tiny) is first[0]
    assert cache.get(KEYS[1], tiny) is not first[1]
    assert cache.n_built == 4


def test_a_failure_is_raised_to_each_who_asks_and_not_remembered():
    cache = NetworkCache(2)
    failures = iter(range(3))

    def build():
        if next(failures, None) is not None:
            raise OSError("no disk")
        return tiny()

    for _ in range(3):
        with pytest.raises(OSError, match="no disk"):
            cache.get(KEYS[0], build)
    assert cache.get(KEYS[0], build) is cache.get(KEYS[0], build)


def test_locks_that_threads_of_the_parent_held_do_not_hold_up_a_fork():
    cache = NetworkCache(2)
    held = cache.get(KEYS[0], tiny)
    with ThreadPoolExecutor() as pool:
        pool.submit(cache._lock.acquire).result()
    cache.renew_lock()
    assert cache.get(KEYS[0], tiny) is held


FORK = """
import os
from sktart.zoo._networks import NETWORKS
from sktart.zoo._registry import share_checkpoint
mine = share_checkpoint()
with NETWORKS._lock:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if share_checkpoint().reasoner is mine.reasoner and NETWORKS.n_built == 1 else 2
        finally:
            os._exit(status)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_inherits_the_networks(tmp_path):
    assert run_python(["-W", "ignore", "-c", FORK], tmp_path) == "0\n"


def test_device_and_dtype_are_parts_of_the_key():
    assert share_checkpoint().reasoner is share_checkpoint(device=torch.device("cpu")).reasoner
    assert share_checkpoint().reasoner is share_checkpoint(dtype=torch.float32).reasoner
    assert share_checkpoint().reasoner is not share_checkpoint(dtype=torch.float64).reasoner
    assert NETWORKS.n_built == 2


def test_equal_weights_under_two_names_are_one_network(tmp_path):
    folder = copytree(PACKAGE / "default", tmp_path / "mine")
    mine, default = share_checkpoint(folder), share_checkpoint()
    assert mine.reasoner is default.reasoner
    assert (mine.name, default.name) == (str(folder), "gram-base")
    assert mine.identity == replace(default.identity, name=str(folder))


def test_equal_weights_with_another_config_are_two_networks(tmp_path):
    two, four = (share_checkpoint(write_decoder(tmp_path / str(n), n_heads=n)) for n in (2, 4))
    assert two.identity.sha256 == four.identity.sha256
    assert (two.reasoner.config.n_heads, four.reasoner.config.n_heads) == (2, 4)
    for checkpoint in (two, four):
        sought = checkpoint.identity.sha256, checkpoint.reasoner.config.to_dict()
        assert NETWORKS.find(*sought, "cpu", torch.float32).reasoner is checkpoint.reasoner


def test_a_network_of_known_hash_needs_its_files_once(tmp_path):
    folder = copytree(PACKAGE / "default", tmp_path / "mine")
    found = replace(find_checkpoint(), folder=folder)
    first = load_shared(found, "cpu", None)
    (folder / "model.safetensors").unlink()
    assert load_shared(found, "cpu", None) is first


def test_a_found_network_moves_to_another_dtype_without_its_file():
    loaded = share_checkpoint()
    sought = loaded.identity.sha256, loaded.reasoner.config.to_dict()
    double = NETWORKS.find(*sought, "cpu", torch.float64).reasoner
    assert {parameter.dtype for parameter in double.parameters()} == {torch.float64}
    assert double is share_checkpoint(dtype=torch.float64).reasoner
    NETWORKS.clear()
    direct = share_checkpoint(dtype=torch.float64).reasoner
    assert all(torch.equal(a, b) for a, b in zip(double.parameters(), direct.parameters(), strict=True))
    assert NETWORKS.find("unknown", sought[1], "cpu", torch.float32) is None


def test_a_change_by_the_user_reaches_no_estimator():
    X, y = load_iris(return_X_y=True)
    fitted = TartReasoner().fit(X, y)
    expected = fitted.predict_proba(X)
    mine = load_checkpoint()
    mine.reasoner.double()
    for parameter in load_checkpoint().reasoner.parameters():
        parameter.zero_()
    assert mine.reasoner is not load_checkpoint().reasoner
    assert (fitted.predict_proba(X) == expected).all()
    assert (TartReasoner().fit(X, y).predict_proba(X) == expected).all()
    assert {parameter.dtype for parameter in load_checkpoint().reasoner.parameters()} == {torch.float32}
    assert NETWORKS.n_built == 1


@pytest.mark.parametrize("part", ["model.safetensors", "config.json"])
def test_a_file_that_changes_under_its_size_and_time_stamp_is_read(tmp_path, part):
    """As by a copy that keeps time stamps, or an edit within one tick of the clock of the file system."""
    folder = write_decoder(tmp_path / "mine")
    other = (write_decoder(tmp_path / "other", seed=1, n_heads=4) / part).read_bytes()
    state = (folder / part).stat()
    first = share_checkpoint(folder)
    with (folder / part).open("r+b") as file:
        file.write(other)
    os.utime(folder / part, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert (folder / part).stat().st_size == state.st_size
    second = share_checkpoint(folder)
    if part == "config.json":
        assert (first.reasoner.config.n_heads, second.reasoner.config.n_heads) == (2, 4)
        assert first.identity == second.identity
    else:
        assert second.identity.sha256 == hashlib.sha256(other).hexdigest()
        assert second.identity.sha256 != first.identity.sha256
        assert not torch.equal(*(next(one.reasoner.parameters()) for one in (first, second)))


def test_a_folder_that_is_replaced_while_it_is_read_does_not_pass_for_another(tmp_path, monkeypatch):
    """The bytes that were hashed are those of which the network is built."""
    folder = write_decoder(tmp_path / "mine")
    old = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    get = NETWORKS.get

    def replaced(key, build):
        write_decoder(folder, seed=1)
        return get(key, build)

    monkeypatch.setattr(NETWORKS, "get", replaced)
    assert share_checkpoint(folder).identity.sha256 == old


@pytest.fixture
def checks(monkeypatch):
    """Return a list of the names of the checkpoints that were checked, on a CPU that counts as unknown."""
    compare, names = golden.compare, []

    def count(expected, reasoner, name):
        names.append(name)
        return compare(expected, reasoner, name)

    monkeypatch.setattr(golden, "compare", count)
    monkeypatch.setattr(golden, "TRUSTED", ("cuda",))
    return names


def test_an_unknown_device_is_checked_once_a_network(checks):
    for _ in range(3):
        load_checkpoint()
        TartReasoner(device="cpu").fit([[0.0], [1.0]], [0, 1])
    assert checks == ["gram-base"]
    load_checkpoint(dtype=torch.float64)
    assert checks == ["gram-base"] * 2


def test_an_unknown_device_is_checked_for_networks_that_come_from_no_folder(checks, tmp_path):
    loaded = share_checkpoint()
    checks.clear()
    NETWORKS.find(loaded.identity.sha256, loaded.reasoner.config.to_dict(), "cpu", torch.float64)
    assert checks == ["gram-base"]
    model = TartReasoner(device="cpu").fit([[0.0], [1.0]], [0, 1])
    save(model, tmp_path / "model", weights=True)
    checks.clear()
    load(tmp_path / "model").predict([[0.0]])
    load(tmp_path / "model").predict([[0.0]])
    assert checks == ["gram-base"]


@pytest.mark.usefixtures("checks")
def test_an_unknown_device_that_computes_otherwise_is_refused(monkeypatch):
    loaded = share_checkpoint()
    monkeypatch.setattr(golden, "golden_predictions", lambda reasoner: [[0.5, 0.25, 0.25]] * 12)
    sought = loaded.identity.sha256, loaded.reasoner.config.to_dict(), "cpu", torch.float64
    for _ in range(2):
        with pytest.raises(CheckpointError, match="'gram-base' answers otherwise on 'cpu' than when it was"):
            NETWORKS.find(*sought)


def test_cross_validation_and_clones_load_once():
    X, y = load_iris(return_X_y=True)
    assert cross_val_score(TartReasoner(), X, y, cv=5).mean() > 0.8
    assert NETWORKS.n_built == 1


def loads(estimator, X, y):
    """Score that tells of the process it was computed in."""
    estimator.predict(X)
    return {"process": os.getpid(), "loads": NETWORKS.n_built}


def test_each_process_of_a_grid_search_loads_once():
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(TartTransformer(), TartReasoner())
    grid = {"tarttransformer__n_components": [1, 2, 3], "tartreasoner__temperature": [1.0, 2.0]}
    found = GridSearchCV(model, grid, cv=2, n_jobs=2, scoring=loads, refit=False).fit(X, y).cv_results_
    # A worker that was here before may have loaded in another test.
    process, count = (
        np.concatenate([found[f"split{split}_test_{what}"] for split in (0, 1)])
        for what in ("process", "loads")
    )
    assert len(set(zip(process, count, strict=True))) == len(set(process))
