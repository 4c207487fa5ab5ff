import dataclasses
import functools
import pickle
import re
import subprocess
import sys
import threading
import types
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
import torch

from sktart.encoders.cache._identity import identify
from sktart.exceptions import EncoderError

SCALE = 3


def scaled(rows):
    return rows * SCALE


@functools.lru_cache
def remembered(row):
    return row + 1


def endless(row):
    return endless(row - 1) if row else scaled(row)


@dataclasses.dataclass
class Encoder:
    """Has whatever may be hard to hash."""

    factor: int = 1
    words: frozenset = frozenset({"a", "b", "c"})

    @property
    def double(self):
        return 2 * self.factor

    @staticmethod
    def check(row):
        return row in {"x", "y", "zz"}

    def __call__(self, rows):
        return [super().__hash__() and self.double for row in rows if self.check(row)]


class Network(torch.nn.Module):
    def __init__(self, seed=0):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layer = torch.nn.Linear(3, 3)

    def forward(self, rows):
        return self.layer(rows)


VALUES = {
    "function": scaled,
    "cached": remembered,
    "recursive": endless,
    "instance": Encoder(),
    "class": Encoder,
    "bound": Encoder().__call__,
    "partial": functools.partial(scaled, 1),
    "network": Network(),
    "half": torch.ones(3, dtype=torch.bfloat16),
    "array": np.arange(6.0).reshape(2, 3).T,
    "objects": np.array([1, "a", None], dtype=object),
    "number": np.float32(2),
    "ufunc": np.tanh,
    "builtin": len,
    "pattern": re.compile("a+"),
    "join": ", ".join,
    "lambda": lambda row: row in {"a", "b", "dd"},
    "module": np,
    "set": {"a", "b", ("c", 1)},
    "dict": {"a": [1, 2.0, None], "b": {}},
}


def hashes():
    return {name: identify(value, name) for name, value in VALUES.items()}


def test_different_values_have_different_hashes():
    assert len(set(hashes().values())) == len(VALUES)


@pytest.mark.parametrize("name", VALUES)
def test_a_copy_from_another_process_has_the_same_hash(name):
    sent = cloudpickle.loads(cloudpickle.dumps(VALUES[name]))
    assert identify(sent, name) == identify(VALUES[name], name)


def test_each_session_has_the_same_hashes():
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_identity
print(test_identity.hashes())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == repr(hashes())


# What changes a hash


def made_from(source, **names):
    """Return the function `encode` of a module with this source."""
    module = types.ModuleType("mine")
    vars(module).update(names)
    exec(compile(source, "mine.py", "exec"), vars(module))
    return module.encode


PLAIN = "def encode(rows, power=2):\n    return rows ** power\n"


@pytest.mark.parametrize(
    "source, names",
    [
        ("def encode(rows, power=3):\n    return rows ** power\n", {}),
        ("def encode(rows, *, power=2):\n    return rows ** power\n", {}),
        ("def encode(rows, power=2):\n    return rows ** power + 1\n", {}),
        ("def encode(rows, power=2):\n    return rows * power\n", {}),
        ("def encode(rows, power=2):\n    return rows ** scale\n", {"scale": 2}),
        ("def encode(rows, power=2):\n    return rows ** scale\n", {"scale": 3}),
        ("def encode(rows, power=2):\n    return (lambda row: row ** scale)(rows)\n", {"scale": 3}),
        ("def encode(rows, power=2):\n    return (lambda row: row ** scale)(rows)\n", {"scale": 4}),
        ("def help(row):\n    return row + 1\ndef encode(rows):\n    return help(rows)\n", {}),
        ("def help(row):\n    return row + 2\ndef encode(rows):\n    return help(rows)\n", {}),
        ("class Encode:\n    def __call__(self, rows):\n        return rows\nencode = Encode()\n", {}),
        ("class Encode:\n    def __call__(self, rows):\n        return rows + 1\nencode = Encode()\n", {}),
        ("class A:\n    b = 1\nclass Encode(A):\n    pass\nencode = Encode()\n", {}),
        ("class A:\n    b = 2\nclass Encode(A):\n    pass\nencode = Encode()\n", {}),
    ],
)
def test_changed_code_changes_the_hash(source, names):
    others = test_changed_code_changes_the_hash.pytestmark[0].args[1]
    made = identify(made_from(source, **names), "mine")
    assert made == identify(made_from("\n\n# a comment\n" + source, **names), "mine")
    rest = [identify(made_from(*other[:1], **other[1]), "mine") for other in [*others, (PLAIN, {})]]
    assert rest.count(made) == 1


def test_what_a_closure_holds_counts():
    def make(held):
        return lambda rows: rows * held

    assert identify(make(np.ones(2)), "mine") == identify(make(np.ones(2)), "mine")
    assert identify(make(np.ones(2)), "mine") != identify(make(np.array([1, 2.0])), "mine")


def test_an_empty_closure_can_be_hashed():
    def encode(rows):
        return later(rows)

    before = identify(encode, "mine")
    later = len
    assert identify(encode, "mine") != before


def test_state_and_weights_count():
    assert identify(Encoder(), "mine") != identify(Encoder(factor=2), "mine")
    assert identify(Network(), "mine") == identify(Network(), "mine")
    network = Network()
    with torch.no_grad():
        network.layer.bias[0] += 1
    assert identify(network, "mine") != identify(Network(), "mine")
    assert identify(Network().eval(), "mine") != identify(Network(), "mine")


@pytest.mark.parametrize(
    "first, second",
    [
        ([1, 2], (1, 2)),
        (["ab", "c"], ["a", "bc"]),
        ([1], [1.0]),
        ([True], [1]),
        ({"a": 1}, [("a", 1)]),
        (np.zeros(2), np.zeros(2, dtype=np.float32)),
        (np.zeros((1, 2)), np.zeros((2, 1))),
        (torch.zeros(2), torch.zeros(2, dtype=torch.int32)),
        ([[]], [[[]]]),
    ],
)
def test_alike_is_not_the_same(first, second):
    assert identify(first, "mine") != identify(second, "mine")


def test_what_contains_itself_can_be_hashed():
    first, second = [1], [1]
    first.append(first)
    second.append(second)
    assert identify(first, "mine") == identify(second, "mine")


def test_a_tokenizer_is_the_same_after_use():
    from tiny_models import build_tokenizer

    tokenizer = build_tokenizer("bert")
    before = identify(tokenizer, "mine")
    tokenizer(["a good film", "bad"], padding=True, truncation=True, max_length=3)
    assert identify(tokenizer, "mine") == before
    assert identify(build_tokenizer("bert", max_length=7), "mine") != before


def test_a_module_of_ones_own_counts_by_its_file(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "helper_of_mine.py"
    file.write_text("SCALE = 1\n")
    import helper_of_mine

    before = identify(helper_of_mine, "mine")
    file.write_text("SCALE = 20\n")
    assert identify(helper_of_mine, "mine") != before


# What cannot be hashed


class Locked:
    def __init__(self):
        self.lock = threading.Lock()

    def __call__(self, rows):
        return rows


class Unlocked(Locked):
    def __getstate__(self):
        return {}


@pytest.mark.parametrize("value", [Locked(), (row for row in [])])
def test_what_pickle_cannot_take_apart_is_refused(value):
    with pytest.raises(
        EncoderError, match=r"whether encoder mine has changed, .*cannot pickle.* method __getstate__"
    ):
        identify(value, "mine")


def test_a_class_can_say_what_counts():
    assert identify(Unlocked(), "mine") == identify(Unlocked(), "mine")
    with pytest.raises(TypeError):
        pickle.dumps(Locked())
