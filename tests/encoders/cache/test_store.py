import hashlib
import pickle
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sktart.encoders.cache._store import VectorStore
from sktart.exceptions import EncoderError

WIDTH = 20
KEYS = [hashlib.sha256(b"%d" % number).digest() for number in range(300)]
VECTORS = dict(zip(KEYS, np.random.default_rng(0).normal(size=(300, WIDTH)).astype(np.float32), strict=True))

# Writes blocks of entries, with overlap, and tells when the first is written.
WRITER = """
import hashlib, sys
from pathlib import Path
import numpy as np
from sktart.encoders.cache._store import VectorStore

folder, first, last = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
store = VectorStore(folder)
for start in range(first, last, 20):
    numbers = range(start, start + 20)
    store.write({hashlib.sha256(b"%d" % n).digest(): np.full(2000, n, dtype=np.float32) for n in numbers})
    if start == first:
        print("writing", flush=True)
"""


def fill(folder):
    store = VectorStore(folder)
    store.write(VECTORS)
    return store


def check(found):
    for key, vector in found.items():
        assert_array_equal(vector, VECTORS[key])
    return found


def test_read_returns_what_was_written(tmp_path):
    store = fill(tmp_path / "a" / "b")
    found = check(pickle.loads(pickle.dumps(store)).read([*KEYS, b"unknown"]))
    assert set(found) == set(KEYS)
    assert {vector.dtype for vector in found.values()} == {np.dtype(np.float32)}


def test_only_its_own_file_can_be_deleted(tmp_path):
    """A saved model sets the state of a store: the name of the file must be no part of it."""
    assert vars(VectorStore(tmp_path)) == {"folder": tmp_path}


def test_a_message_that_is_no_text_is_an_error_like_any_other(tmp_path, monkeypatch):
    store = fill(tmp_path)
    monkeypatch.setattr(store, "_work", lambda work: b"\xff".decode())
    with pytest.raises(EncoderError, match=r"failed with UnicodeDecodeError: .*delete 'vectors\.sqlite3'"):
        store.read(KEYS)


def test_reading_makes_no_file(tmp_path):
    assert VectorStore(tmp_path / "missing").read(KEYS) == {}
    assert list(tmp_path.iterdir()) == []


def test_later_vectors_replace_former_ones(tmp_path):
    store = fill(tmp_path)
    store.write({KEYS[0]: np.zeros(3, dtype=np.float32)})
    assert_array_equal(store.read(KEYS[:1])[KEYS[0]], [0, 0, 0])


def test_garbage_and_cut_files_are_replaced(tmp_path):
    store = fill(tmp_path)
    sound = store.path.read_bytes()
    for damaged in (b"garbage" * 1000, sound[:5000], sound[: len(sound) // 2], sound[:4096] + b"\0" * 70000):
        store.path.write_bytes(damaged)
        with pytest.warns(UserWarning, match=r"the cache of encodings .* is damaged \(.*; it is deleted"):
            assert store.read(KEYS) == {}
        store.write(VECTORS)
        assert len(store.read(KEYS)) == len(KEYS)
    store.path.write_bytes(b"")  # of a file without anything there is nothing to warn of
    assert store.read(KEYS) == {}


@pytest.mark.parametrize(
    "change",
    [
        "vector = 3",
        "vector = 'text'",
        "vector = NULL",
        "vector = zeroblob(80)",
        "checksum = zeroblob(32)",
        "(vector, checksum) = (SELECT vector, checksum FROM vectors WHERE key = :last)",
    ],
)
def test_damaged_entries_are_absent_and_can_be_written_again(tmp_path, change):
    store = fill(tmp_path)
    with closing(sqlite3.connect(store.path)) as connection, connection:
        for key in KEYS[:3]:
            values = {"key": key, "last": KEYS[-1]}
            connection.execute(f"UPDATE vectors SET {change} WHERE key = :key", values)
    with pytest.warns(UserWarning, match="holds 3 damaged entries; these rows are encoded again"):
        assert set(store.read(KEYS)) == set(KEYS[3:])
    store.write({key: VECTORS[key] for key in KEYS[:3]})
    assert len(check(store.read(KEYS))) == len(KEYS)


@pytest.mark.filterwarnings("ignore:the cache of encodings")
def test_no_damage_gives_wrong_numbers(tmp_path):
    rng = np.random.default_rng(0)
    store = fill(tmp_path)
    sound = store.path.read_bytes()
    for _ in range(40):
        size = int(rng.integers(1, 2000))
        at = int(rng.integers(len(sound) - size))
        store.path.write_bytes(sound[:at] + rng.bytes(size) + sound[at + size :])
        try:
            check(store.read(KEYS))
        except EncoderError as error:
            assert "delete 'vectors.sqlite3' there if it is damaged" in str(error)  # noqa: PT017


@pytest.mark.parametrize("folder", ["file", "file/cache"])
@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.write(VECTORS),
        lambda store: store.write({}),
        lambda store: store.reserve("work").__enter__(),
    ],
)
def test_a_folder_that_cannot_be_made_is_refused(tmp_path, folder, call):
    (tmp_path / "file").write_text("")
    with pytest.raises(EncoderError, match=r"memory must be a folder .* failed with .*Pass another folder"):
        call(VectorStore(tmp_path / folder))


def test_a_file_that_cannot_be_written_is_refused_before_the_work(tmp_path, monkeypatch):
    store = fill(tmp_path)
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda path, **options: connect(f"file:{path}?mode=ro", uri=True, **options)
    )
    check(store.read(KEYS))
    with pytest.raises(EncoderError, match="with OperationalError: attempt to write a readonly database"):
        store.write({})


def test_a_lock_that_cannot_be_had_is_refused(tmp_path):
    (tmp_path / "work.lock").mkdir()
    with pytest.raises(EncoderError, match=r"memory must be a folder that can be .* Is a directory"):
        VectorStore(tmp_path).reserve("work").__enter__()


def test_only_one_holds_a_reservation(tmp_path):
    store, order = VectorStore(tmp_path), []

    def work(number):
        with store.reserve("same"):
            order.append(number)
            time.sleep(0.05)
            order.append(number)

    with ThreadPoolExecutor(3) as pool:
        works = pool.map(work, range(3))
        with store.reserve("other"):
            pass
    list(works)  # raises what a thread raised
    assert order[::2] == order[1::2]
    assert sorted(order[::2]) == [0, 1, 2]


def start_writer(folder, first, last):
    command = [sys.executable, "-c", WRITER, str(folder), str(first), str(last)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def check_writers_entries(folder, numbers):
    keys = {hashlib.sha256(b"%d" % number).digest(): number for number in numbers}
    found = VectorStore(folder).read(list(keys))
    for key, vector in found.items():
        assert_array_equal(vector, np.full(2000, keys[key]))
    return len(found)


def test_two_writers_lose_nothing(tmp_path):
    with start_writer(tmp_path, 0, 600) as first, start_writer(tmp_path, 300, 900) as second:
        assert [writer.wait(timeout=120) for writer in (first, second)] == [0, 0]
    assert check_writers_entries(tmp_path, range(900)) == 900


@pytest.mark.parametrize("delay", [0, 0.02, 0.04])
def test_a_killed_writer_leaves_nothing_half_written(tmp_path, delay):
    with start_writer(tmp_path, 0, 4000) as writer:
        assert writer.stdout.readline() == "writing\n"
        time.sleep(delay)
        writer.kill()
    # Whole transactions, and the next writer goes on.
    count = check_writers_entries(tmp_path, range(4000))
    assert count >= 20
    assert count % 20 == 0
    VectorStore(tmp_path).write(VECTORS)
