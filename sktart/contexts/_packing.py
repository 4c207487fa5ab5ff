"""Nested dataclasses of tensors as the bytes of a safetensors file, and back to the same bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, get_args, get_origin, get_type_hints

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from sktart.exceptions import SavedModelError


def pack(value: Any) -> bytes:
    """Write tensors and integers in tuples and dataclasses, each named by its place, on the CPU.

    Examples
    --------
    >>> unpack(pack((torch.ones(1), torch.zeros(1))), tuple[Tensor, ...])
    (tensor([1.]), tensor([0.]))
    """
    return safetensors.torch.save(
        {name: torch.as_tensor(part).cpu().contiguous() for name, part in _named(value, "")}
    )


def unpack(content: bytes, kind: Any, device: torch.device | str = "cpu") -> Any:
    """Rebuild a value of type `kind`, whose annotations tell what is nested in what."""
    try:
        tensors = safetensors.torch.load(content)
    except SafetensorError as error:
        raise SavedModelError(f"the saved context is damaged ({error}); save the model again") from error
    value = _restore(kind, "", tensors, device)
    if tensors:
        raise SavedModelError(
            f"the saved context holds {sorted(tensors)[0]!r}, which this version of sktart does not know; "
            "load it with the version that saved it, or fit again"
        )
    return value


def map_tensors(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """Apply a function to each tensor in tuples and dataclasses.

    Examples
    --------
    >>> map_tensors(torch.neg, (torch.ones(1), 3))
    (tensor([-1.]), 3)
    """
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple):
        return tuple(map_tensors(change, part) for part in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{field.name: map_tensors(change, getattr(value, field.name)) for field in fields(value)}
        )
    return value


def _named(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, tuple):
        parts = [(str(place), part) for place, part in enumerate(value)]
    elif is_dataclass(value):
        parts = [(field.name, getattr(value, field.name)) for field in fields(value)]
    else:
        yield name, value
        return
    for key, part in parts:
        yield from _named(part, _join(name, key))


def _restore(kind: Any, name: str, tensors: dict[str, Tensor], device: torch.device | str) -> Any:
    if get_origin(kind) is tuple:
        count = len({key.removeprefix(_join(name, "")).partition(".")[0] for key in _inside(name, tensors)})
        return tuple(
            _restore(get_args(kind)[0], _join(name, str(place)), tensors, device) for place in range(count)
        )
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{key: _restore(hint, _join(name, key), tensors, device) for key, hint in hints.items()})  # type: ignore[operator]
    if name not in tensors:
        raise SavedModelError(
            f"the saved context lacks {name!r}, which this version of sktart needs; load it with the version that "
            "saved it, or fit again"
        )
    tensor = tensors.pop(name)
    # A copy, as memory of torch is aligned: the order of sums, and so the last bit, may depend on it.
    return int(tensor) if kind is int else tensor.clone().to(device)


def _inside(name: str, tensors: dict[str, Tensor]) -> list[str]:
    return [key for key in tensors if key.startswith(_join(name, ""))]


def _join(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
