"""A component of a mixture, and the table of families that it may be of."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from torch import Tensor

from sktart.exceptions import RecipeError
from sktart.priors._clusters import sample_clusters
from sktart.priors._linear import sample_linear
from sktart.priors._logistic import sample_logistic
from sktart.priors._mlp import sample_mlp
from sktart.priors._rules import Rules, are_bounds, arguments, is_integer, is_number, problems
from sktart.priors._topics import sample_topics


class Family(NamedTuple):
    """How tasks of a family are drawn, with its options as keyword-only parameters, and the most classes of a task."""

    sample: Callable[..., tuple[Tensor, Tensor]]
    most_classes: float = math.inf


FAMILIES = {
    "logistic": Family(sample_logistic, most_classes=2),
    "linear": Family(sample_linear),
    "clusters": Family(sample_clusters),
    "mlp": Family(sample_mlp),
    "topics": Family(sample_topics),
}
SHARE = "a number from 0 to 1", partial(is_number, most=1)
RULES: Rules = {
    "weight": ("a positive number", lambda value: is_number(value) and value > 0),
    "from_step": ("an integer from 0", partial(is_integer, least=0)),
    **dict.fromkeys(("each_class", "labels_only"), ("true or false", lambda value: isinstance(value, bool))),
    "context_rows": ("two rising positive integers", lambda value: value == () or are_bounds(value, 1)),
    **dict.fromkeys(("balanced", "warped", "unit_rows", "label_noise", "projected"), SHARE),
}


@dataclass(frozen=True)
class Component:
    """Tasks of one family, how often they are drawn, and what they go through."""

    family: str  # of FAMILIES
    weight: float  # its share of draws, relative to other components
    n_classes: tuple[int, int]  # bounds, log-uniform
    options: Mapping[str, Any] = field(default_factory=dict)  # of the family
    from_step: int = 0  # when it joins the training
    each_class: bool = True  # whether the context begins with a row of each class
    labels_only: bool = False  # whether its tasks have nothing beside labelled rows, whatever others have
    context_rows: tuple[int, int] | tuple[()] = ()  # in place of those of the recipe, or of the call
    balanced: float = 0.0  # share of tasks with rows of each class in turn; twice as many rows are drawn
    warped: float = 0.0  # share of calls whose rows went through a random layer
    unit_rows: float = 0.0  # share of tasks whose rows lie on a sphere
    label_noise: float = 0.0  # share of tasks with wrong labels, which come after balancing
    projected: float = 0.0  # share of calls with principal components of the context in place of features

    def __post_init__(self) -> None:
        if not isinstance(self.family, str) or self.family not in FAMILIES:
            raise RecipeError(f"unknown family {self.family!r}, known are {sorted(FAMILIES)}")
        sample, most = FAMILIES[self.family]
        known = set(sample.__kwdefaults__ or ())
        rules: Rules = {
            "n_classes": (f"two rising integers from 2 to {most}", partial(are_bounds, least=2, most=most)),
            "options": (
                f"an object that may have {sorted(known)}",
                lambda value: isinstance(value, Mapping) and set(value) <= known,
            ),
        }
        found = problems(vars(self), RULES | rules, f" of {self.family}")
        if found:
            raise RecipeError("; ".join(found))

    @classmethod
    def from_dict(cls, values: Any) -> Component:
        """Read a component of a recipe file; its keys are checked before its values."""
        if not isinstance(values, Mapping):
            raise RecipeError(f"a component of prior must be an object, got {values!r}")
        return cls(**arguments(values, cls, "a component"))
