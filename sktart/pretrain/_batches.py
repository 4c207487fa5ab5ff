"""The endless stream of tasks: step i is a pure function of (recipe, i), so that a resume needs one integer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import torch
from torch.utils.data import Dataset

from sktart.pretrain._processes import place
from sktart.pretrain._recipe import Recipe
from sktart.priors import Component, Tasks, sample_tasks


class TaskStream(Dataset):
    """Groups of tasks by step number; of several processes, each draws those that it learns from.

    Parameters
    ----------
    recipe : Recipe

    Attributes
    ----------
    start : int
        First step of the next epoch; the loop moves it.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.start = 0

    def __len__(self) -> int:
        return self.recipe.steps_per_epoch

    def __getitem__(self, step: int) -> list[Tasks]:
        recipe = self.recipe
        number, n_processes = place()
        groups = range(step * recipe.groups, (step + 1) * recipe.groups)[number::n_processes]
        components = [
            _limited(component, recipe, step)
            for component in recipe.components
            if component.from_step <= step
        ]
        return [
            sample_tasks(
                torch.Generator().manual_seed(group_seed(recipe.seed, group)),
                components,
                context_rows=_at_most(recipe.context_rows, recipe.limit("context_rows", step)),
                query_rows=recipe.query_rows,
                max_tasks=recipe.max_tasks,
                max_tokens=recipe.max_tokens,
                knowledge=recipe.beside,
            )
            for group in groups
        ]


def group_seed(seed: int, group: int) -> int:
    """Return the seed of a group's generator: its number, moved far away from those of other seeds.

    A generator of torch on the CPU reads the low 32 bits of its seed only. Multiples of 2^32 / golden ratio, modulo
    2^32, stay far apart; the groups of seed 0 have the seeds 0, 1, 2, ...
    """
    return (seed * 2654435769 + group) % 2**32


def _limited(component: Component, recipe: Recipe, step: int) -> Component:
    """Return a component of the prior within what the curriculum allows at a step."""
    context_rows, options = component.context_rows, dict(component.options)
    if context_rows:
        context_rows = _at_most(context_rows, recipe.limit("context_rows", step))
    if "n_features" in options:
        options["n_features"] = _at_most(options["n_features"], recipe.limit("n_features", step))
    return replace(component, context_rows=context_rows, options=options)


def _at_most(bounds: Sequence[int], limit: int | None) -> tuple[int, int]:
    low, high = bounds
    return (low, high) if limit is None else (min(low, limit), min(high, limit))


class Epoch:
    """The iterator that skorch asks for: the steps of one epoch as ``(step number, groups)``."""

    def __init__(self, stream: TaskStream, batch_size: int) -> None:
        self.stream = stream

    def __iter__(self) -> Iterator[tuple[torch.Tensor, list[Tasks]]]:
        steps = range(self.stream.start, self.stream.start + len(self.stream))
        # The tasks of the next step are drawn while the network learns from these.
        with one_thread_each(1) as ahead:
            drawn = ahead.submit(self.stream.__getitem__, steps.start)
            for step in steps:
                groups = drawn.result()
                if step + 1 < steps.stop:
                    drawn = ahead.submit(self.stream.__getitem__, step + 1)
                yield torch.tensor([step]), groups


def one_thread_each(workers: int) -> ThreadPoolExecutor:
    """Return a pool whose workers compute with one torch thread each; torch keeps the number for each thread."""
    return ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))
