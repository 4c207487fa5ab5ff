"""A training that begins with the weights of a checkpoint."""

from __future__ import annotations

from dataclasses import replace

import torch

from sktart.exceptions import RecipeError
from sktart.reasoners._base import Reasoner
from sktart.reasoners._config import GramConfig, ReasonerConfig

# What may differ between a network and the one that it starts from, by family.
FREE = {"gram": ("n_layers", *GramConfig.later_fields), "decoder": ("n_features",)}


def begin_with(module: Reasoner, start: Reasoner, name: str, share: float = 1.0) -> None:
    """Give a network the weights of `start`, or a share of them, in place, as far as both have them.

    A gram reasoner may have more layers than its start, or read a pool and descriptions where that does not, or compare
    rows in another metric where there is a pool, or learn how sure to be: what is fresh leaves the answers for labelled
    rows as they are. A decoder may have another number of features, and reads those in common alike.
    """
    if not _fits(module.config, start.config):
        raise RecipeError(
            f"start must have the recipe's network {module.config}, but for fewer layers, no pool, no metric or no "
            f"sureness of a gram reasoner or the features of a decoder; {name!r} is {start.config}"
        )
    weights = module.state_dict()
    with torch.no_grad():
        for key, value in start.state_dict().items():
            common = tuple(slice(min(sizes)) for sizes in zip(value.shape, weights[key].shape, strict=True))
            weights[key][common] = weights[key][common].lerp(value[common], share)


def _fits(wanted: ReasonerConfig, got: ReasonerConfig) -> bool:
    if got.family != wanted.family:
        return False
    if isinstance(got, GramConfig) and isinstance(wanted, GramConfig):
        later = all(getattr(got, name) in (0, getattr(wanted, name)) for name in wanted.later_fields)
        if got.n_layers > wanted.n_layers or not later:
            return False
    return replace(got, **{free: getattr(wanted, free) for free in FREE[wanted.family]}) == wanted
