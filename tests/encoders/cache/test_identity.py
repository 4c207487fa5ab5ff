"""The key of an encoder: the same in each process, another one with whatever changes its encodings."""

import dataclasses
import functools
import re
import subprocess
import sys
import threading
import types
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
import tiny_models
import torch

from sktart.encoders.cache._identity import identify
from sktart.exceptions import EncoderError

SCALE = 3


def scaled(rows):
    return rows * SCALE


@functools.lru_cache
def endless(row):
    return endless(row - 1) if row else scaled(row)


@dataclasses.dataclass
class Encoder:
    """Has whatever may be hard to hash."""

    factor: int = 1
    words: frozenset = frozenset({"a", "b", "c"})
    double = property(lambda self: 2 * self.factor)

    @staticmethod
    def check(row):
        return row in {"x", "y", "zz"}

    def __call__(self, rows):
        return [super().__hash__() and self.double for row in rows if self.check(row)]


def network(bias=0.0):
    layer = torch.nn.Linear(3, 3)
    torch.nn.init.constant_(layer.weight, 0.5)
    torch.nn.init.constant_(layer.bias, bias)
    return torch.nn.Sequential(layer, torch.nn.BatchNorm1d(3))


VALUES = [
    *(scaled, endless, functools.partial(scaled, 1), lambda row: row in {"a", "b", "dd"}),
    *(Encoder, Encoder(), Encoder().__call__, network(), re.compile("a+"), {"a", "b", ("c", 1)}),
    *(np, np.tanh, len, ", ".join, np.float32(2), np.array([1, "a", None], dtype=object)),
    *(np.arange(6.0).reshape(2, 3).T, torch.ones(3, dtype=torch.bfloat16), {"a": [1, 2.0, None], "b": {}}),
]


def hashes(values=VALUES):
    return [identify(value, "mine") for value in values]


def test_each_value_has_a_hash_of_its_own_and_the_same_in_each_process():
    expected = hashes()
    assert len(set(expected)) == len(VALUES)
    folders = [str(Path(__file__).parent), str(Path(tiny_models.__file__).parent)]
    code = f"""
import pickle, sys
sys.path += {folders!r}
sent = pickle.load(sys.stdin.buffer)
import test_identity
print(test_identity.hashes(), test_identity.hashes(sent))
"""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # as what is made in a notebook
    sent = cloudpickle.dumps(VALUES)
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    found = subprocess.run(
        [sys.executable, "-c", code], input=sent, stdout=subprocess.PIPE, timeout=120, check=True
    )
    assert found.stdout.decode().strip() == f"{expected} {expected}"


def made_from(source, scale):
    """Return the function `encode` of a script with this source and a global `scale`."""
    module = types.ModuleType("__main__")
    module.scale = scale
    exec(compile(source, "mine.py", "exec"), vars(module))
    return module.encode


CLASS = (
    "class A:\n b = {}\nclass Encode(A):\n c = {}\n def __call__(self, rows): return {}\nencode = Encode()"
)
SOURCES = [
    "def encode(rows, power=2): return rows ** power",
    "def encode(rows, power=3): return rows ** power",
    "def encode(rows, *, power=2): return rows ** power",
    "def encode(rows, power=2): return rows ** power + 1",
    "def encode(rows, power=2): return rows * power",
    "def help(row): return row + 1\ndef encode(rows): return help(rows)",
    "def help(row): return row + 2\ndef encode(rows): return help(rows)",
    *(CLASS.format(*parts) for parts in [(1, 1, "rows"), (2, 1, "rows"), (1, 2, "rows"), (1, 1, "[]")]),
    "def encode(rows): return rows.scale",  # an attribute, no global
]
SCALED = ["def encode(rows): return rows * scale", "def encode(rows): return [row * scale for row in rows]"]


def test_changed_code_changes_the_hash(monkeypatch):
    # A worker of joblib starts from a file of joblib.
    monkeypatch.setattr(sys.modules["__main__"], "__file__", np.__file__, raising=False)
    made, moved, scaled = (
        hashes(made_from(start + source, scale) for source in SOURCES + SCALED)
        for start, scale in [("", 1), ("\n\n# a comment\n", 1), ("", 2)]
    )
    assert moved == made
    assert scaled[:-2] == made[:-2]
    assert len({*made, *scaled}) == len(SOURCES) + 2 * len(SCALED)


@pytest.mark.parametrize(
    "make, first, second",
    [
        (lambda held: lambda rows: rows * held, np.ones(2), np.array([1, 2.0])),
        (Encoder, 1, 2),
        (functools.cached_property, scaled, endless),
        (network, 0.0, 1e-6),
        (network().train, True, False),
        (lambda same: same, (1, 2), [1, 2]),
        (list, ("ab", "c"), ("a", "bc")),
        (list, [1], [1.0]),
        (list, [True], [1]),
        (list, [[]], [[[]]]),
        (lambda dtype: np.zeros(2, dtype), "f8", "f4"),
        (np.zeros, (1, 2), (2, 1)),
        (lambda dtype: torch.zeros(2, dtype=dtype), torch.float32, torch.int32),
    ],
)
def test_what_it_holds_counts(make, first, second):
    key = identify(make(first), "mine")
    assert key == identify(make(first), "mine") != identify(make(second), "mine")


def test_what_contains_itself_can_be_hashed():
    values = [[1], [1]]
    for value in values:
        value.append(value)
    assert len(set(hashes(values))) == 1


def test_a_tokenizer_counts_by_its_limits_but_not_by_its_last_call():
    tokenizer = tiny_models.build_tokenizer("bert")
    before = identify(tokenizer, "mine")
    tokenizer(["a good film", "bad"], padding=True, truncation=True, max_length=3)
    assert identify(tokenizer, "mine") == before
    tokenizer.model_max_length = 7
    assert identify(tokenizer, "mine") != before


def test_a_module_of_ones_own_counts_by_its_source(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "helper_of_mine.py"
    file.write_text("SCALE = 1\n")
    import helper_of_mine

    before = identify(helper_of_mine, "mine")
    file.write_text("SCALE = 20\n")
    assert identify(helper_of_mine, "mine") != before


class Locked:
    def __init__(self, **attributes):
        vars(self).update(attributes, lock=threading.Lock())


@pytest.mark.parametrize("value", [Locked(), (row for row in []), types.ModuleType("mine")])
def test_what_cannot_be_taken_apart_is_refused(value):
    with pytest.raises(EncoderError, match=r"encoder mine has .*Error: .* cache_key, .* memory=None"):
        identify(value, "mine")


def test_an_encoder_can_say_what_counts():
    assert len(set(hashes([Locked(cache_key=key) for key in ("v1", "v1", "v2")]))) == 2
    assert identify(Locked(cache_key="v1"), "mine") != identify(Locked(cache_key="v1"), "other")


def test_a_module_of_ones_own_may_have_a_name_of_the_library_and_be_empty(tmp_path, monkeypatch):
    module = types.ModuleType("trace")
    module.__file__ = str(tmp_path / "trace.py")
    monkeypatch.setitem(sys.modules, "trace", module)
    found = set()
    for source in ("", "def encode(rows):\n    return rows\n", "def encode(rows):\n    return 2 * rows\n"):
        (tmp_path / "trace.py").write_text(source)
        exec(source, vars(module))
        found |= {identify(module, "mine"), identify(getattr(module, "encode", None), "mine")}
    assert len(found) == 6
