"""Hashes of files follow their content, and folders are found by what a user wrote."""

import hashlib
import os
import time
from pathlib import Path

from sktart._files import at_home, hash_file, is_folder
from sktart.encoders.models._loading import last_written


def test_a_change_under_size_and_time_stamp_is_seen(tmp_path):
    file = tmp_path / "weights"
    file.write_bytes(b"first")
    state = file.stat()
    assert hash_file(file) == hashlib.sha256(b"first").hexdigest()
    before = last_written(tmp_path)
    time.sleep(0.05)  # some ticks of the clock of the file system
    file.write_bytes(b"other")
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert hash_file(file) == hashlib.sha256(b"other").hexdigest()
    assert last_written(tmp_path) > before


def test_an_unchanged_file_is_read_once(tmp_path, monkeypatch):
    file = tmp_path / "weights"
    file.write_bytes(b"first")
    first = hash_file(file)
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert hash_file(file) == first


def test_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert at_home("~/a") == tmp_path / "a"
    assert at_home("./~/a") == Path("~/a")
    assert is_folder(tmp_path)
    assert not any(is_folder(tmp_path / name) for name in ("none", 300 * "x", "a\0b"))
