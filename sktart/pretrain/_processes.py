"""Processes that share the groups of a step, as torchrun starts them; one by itself has all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import distributed

T = TypeVar("T")


@contextmanager
def joined() -> Iterator[None]:
    """Join the processes that torchrun started together with this one, if it did."""
    if not distributed.is_torchelastic_launched():
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("gloo")  # what is exchanged is on the CPU
    try:
        yield
    finally:
        distributed.destroy_process_group()


def place() -> tuple[int, int]:
    """Return the number of this process, and how many there are."""
    if not distributed.is_torchelastic_launched():
        return 0, 1
    return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])


def gathered(own: list[T]) -> list[T]:
    """Return what all processes have of the groups of a step, in the order of groups.

    Of n processes, the first has groups 0, n, 2n, ...
    """
    _, n_processes = place()
    if n_processes == 1:
        return own
    parts: list[Any] = [None] * n_processes
    distributed.all_gather_object(parts, own)
    return [parts[group % n_processes][group // n_processes] for group in range(sum(map(len, parts)))]


def agreed(value: bool) -> bool:
    """Return what the first process says, so that all go on or none."""
    values = [value]
    if place()[1] > 1:
        distributed.broadcast_object_list(values)
    return values[0]
