"""Device and dtype resolution, thread guard, optional imports."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import get_ident
from types import ModuleType
from typing import TYPE_CHECKING

from sktart.exceptions import MissingExtraError

if TYPE_CHECKING:
    import torch

# Numbers of torch threads outside of `one_torch_thread`, by the thread that is in it.
_OUTSIDE: dict[int, int] = {}


def import_optional(module: str, extra: str) -> ModuleType:
    """Import `module`, or say which extra of sktart brings it.

    Raises
    ------
    MissingExtraError
        If the module is not installed.

    Examples
    --------
    >>> import_optional("json", "minilm").__name__
    'json'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{module!r} is not installed, and this needs it; run: pip install 'sktart[{extra}]'"
        ) from error


def resolve_device(device: str) -> torch.device:
    """Turn ``"auto"`` into the best device that is present, and check any other name.

    Examples
    --------
    >>> resolve_device("cpu")
    device(type='cpu')
    """
    import torch

    _survive_forks()
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        torch.zeros(1, device=resolved).item()  # "meta" holds no numbers
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        reason = f"{error}".split(". ")[0]  # torch goes on for pages
        raise ValueError(
            f"device must be 'auto' or a device that torch finds here, such as 'cpu'; got {device!r} ({reason:.200})"
        ) from error
    return resolved


def resolve_dtype(dtype: str) -> torch.dtype:
    """Turn ``"float32"`` or ``"float64"`` into the dtype of torch.

    Examples
    --------
    >>> resolve_dtype("float64")
    torch.float64
    """
    import torch

    known = {"float32": torch.float32, "float64": torch.float64}
    if dtype not in known:
        raise ValueError(f"dtype must be one of {sorted(known)}; got {dtype!r}")
    return known[dtype]


@cache
def _survive_forks() -> None:
    """Let forked children compute on one thread: they have none of their parent's, and would wait for them forever."""
    import torch

    def use_one_thread() -> None:
        _OUTSIDE.clear()
        torch.set_num_threads(1)

    if hasattr(os, "register_at_fork"):  # there is no fork on Windows
        os.register_at_fork(after_in_child=use_one_thread)


@contextmanager
def torch_threads(n_threads: int | None) -> Iterator[None]:
    """Run the body with `n_threads` torch threads, and restore the former number even after an error.

    Examples
    --------
    >>> import torch
    >>> before = torch.get_num_threads()
    >>> with torch_threads(1):
    ...     torch.get_num_threads()
    1
    >>> torch.get_num_threads() == before
    True
    """
    import torch

    before = torch.get_num_threads()
    if n_threads is not None:
        torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_torch_thread() -> Iterator[int]:
    """Run the body on one torch thread, and give it the number there is outside; several threads may do so at once.

    Threads of torch wait for each other many times in a forward pass, and busily: if another process takes a core, two
    of them are many times slower than one.

    Examples
    --------
    >>> import torch
    >>> with torch_threads(3), one_torch_thread() as n_threads:
    ...     n_threads, torch.get_num_threads()
    (3, 1)
    """
    import torch

    others, own = list(_OUTSIDE.values()), torch.get_num_threads()
    if own == 1:
        # A thread that is new to torch begins with the number that another one has just set.
        own = max([own, *others])
    _OUTSIDE[get_ident()] = own
    torch.set_num_threads(1)
    try:
        yield own
    finally:
        torch.set_num_threads(own)
        _OUTSIDE.pop(get_ident(), None)
