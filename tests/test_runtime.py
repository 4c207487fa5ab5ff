import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from programs import run_python

from sktart._runtime import (
    import_optional,
    one_torch_thread,
    resolve_device,
    resolve_dtype,
    torch_threads,
)
from sktart.exceptions import MissingExtraError


def test_import_optional_names_the_pip_line():
    with pytest.raises(MissingExtraError, match=r"'no_such_module' is not installed.*'sktart\[minilm\]'"):
        import_optional("no_such_module", "minilm")


def test_missing_extra_is_an_import_error():
    with pytest.raises(ImportError, match="not installed"):
        import_optional("no_such_module", "minilm")


def test_resolve_device_auto_is_a_present_device():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert resolve_device("auto") == torch.device(expected)


@pytest.mark.parametrize("device", ["tpu9", "", "cuda:99", "meta"])
def test_resolve_device_refuses(device):
    with pytest.raises(ValueError, match=f"device must be 'auto' or a device .* got '{device}'"):
        resolve_device(device)


def test_resolve_dtype():
    assert resolve_dtype("float32") is torch.float32
    assert resolve_dtype("float64") is torch.float64


def test_resolve_dtype_refuses():
    with pytest.raises(ValueError, match=r"dtype must be one of \['float32', 'float64'\]; got 'float16'"):
        resolve_dtype("float16")


def test_torch_threads_restores_after_an_error():
    before = torch.get_num_threads()

    def fail():
        with torch_threads(before + 1):
            assert torch.get_num_threads() == before + 1
            raise KeyError("inside")

    with pytest.raises(KeyError, match="inside"):
        fail()
    assert torch.get_num_threads() == before


def test_torch_threads_none_changes_nothing():
    before = torch.get_num_threads()
    with torch_threads(None):
        assert torch.get_num_threads() == before


def test_one_thread_leaves_the_number_of_each_thread_alone():
    inside, outside = threading.Barrier(3), []

    def compute():
        with one_torch_thread() as n_threads:
            inside.wait(60)
            assert torch.get_num_threads() == 1
            inside.wait(60)
        outside.append((n_threads, torch.get_num_threads()))

    # New threads begin with the number of torch at that time, which is 1 while another one is inside.
    with torch_threads(3), one_torch_thread(), ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(compute) for _ in range(3)]:
            done.result()
    assert outside == [(3, 3)] * 3


FORK = """
import multiprocessing, numpy, torch
from sktart import TartReasoner
torch.set_num_threads(2)
X = numpy.random.default_rng(0).normal(size=(400, 64))
model = TartReasoner().fit(X, numpy.arange(400) % 3)
expected = model.predict_proba(X)
with multiprocessing.get_context("fork").Pool(1) as pool:
    print(numpy.array_equal(pool.apply_async(model.predict_proba, (X,)).get(timeout=60), expected))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_answers_where_its_parent_used_two_threads(tmp_path):
    assert run_python(["-c", FORK], tmp_path) == "True\n"
