"""Synthetic tasks: each family is one function of a generator, a mixture of them is data in a recipe. Torch only."""

from sktart.priors._component import FAMILIES, Component
from sktart.priors._knowledge import Knowledge
from sktart.priors._mixture import FEWEST_TASKS, Tasks, sample_tasks

__all__ = ["FAMILIES", "FEWEST_TASKS", "Component", "Knowledge", "Tasks", "sample_tasks"]
