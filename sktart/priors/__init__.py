"""Synthetic tasks: each family is one function of a generator, a mixture of them is data in a recipe. Torch only."""

from sktart.priors.mixture import FAMILIES, Tasks, sample_tasks

__all__ = ["FAMILIES", "Tasks", "sample_tasks"]
