"""Nested dataclasses of tensors, to bytes and back."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from sktart.contexts._packing import pack, unpack
from sktart.exceptions import SavedModelError


@dataclass(frozen=True)
class Inner:
    a: Tensor
    b: Tensor


@dataclass(frozen=True)
class Outer:
    count: int
    inner: Inner
    layers: tuple[Inner, ...]


@dataclass(frozen=True)
class Longer(Outer):
    more: Tensor


def inner(number, dtype=torch.float32):
    return Inner(torch.full((2, 0 if number == 3 else 3), number, dtype=dtype).T, torch.tensor(number))


@pytest.mark.parametrize("n_layers", [0, 1, 12])
def test_all_comes_back(n_layers):
    value = Outer(7, inner(0, torch.float64), tuple(inner(number) for number in range(n_layers)))
    (again,) = unpack(pack((value,)), tuple[Outer, ...])
    assert type(again) is Outer
    assert again.count == 7
    assert len(again.layers) == n_layers
    for a, b in zip((value.inner, *value.layers), (again.inner, *again.layers), strict=True):
        assert torch.equal(a.a, b.a)
        assert a.a.dtype == b.a.dtype
        assert b.a.is_contiguous()
        assert torch.equal(a.b, b.b)


def test_another_type_names_the_part():
    short = Outer(7, inner(0), (inner(1),))
    with pytest.raises(SavedModelError, match=r"lacks '0\.more', which this version of sktart needs"):
        unpack(pack((short,)), tuple[Longer, ...])
    long = Longer(7, inner(0), (inner(1),), torch.ones(1))
    with pytest.raises(SavedModelError, match=r"holds '0\.more', which this version of sktart does not know"):
        unpack(pack((long,)), tuple[Outer, ...])


def test_damage_is_said_to_be():
    with pytest.raises(SavedModelError, match="the saved context is damaged"):
        unpack(b"no safetensors", Inner)
