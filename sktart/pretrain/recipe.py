"""A recipe: everything that makes a checkpoint, as one JSON file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from sktart.exceptions import RecipeError
from sktart.priors import FAMILIES
from sktart.reasoners.config import GramConfig, config_from_dict

COMPONENT_KEYS = {"family", "weight", "n_classes", "label_noise", "unit_rows", "options"}


@dataclass(frozen=True)
class Recipe:
    """What to pretrain, on which tasks, for how long.

    Parameters
    ----------
    name : str
    seed : int
    network : GramConfig
    prior : tuple of dict
        Components of the mixture, see :func:`sktart.priors.sample_tasks`.
    context_rows : (int, int)
        Bounds of N, log-uniform.
    query_rows : int
    steps : int
    steps_per_epoch : int
        The state is saved after each epoch; divides `steps`.
    groups : int
        Groups of tasks a step; each has its own family, N and number of classes.
    max_tasks, max_tokens : int
        Bounds of a group.
    muon_learning_rate, adamw_learning_rate : float
        Peaks; both rise over `warmup_steps` and fall linearly to 0.
    warmup_steps : int
    weight_decay : float
    precision : {"float32", "bfloat16"}
        Of matrix products; weights are float32.

    Raises
    ------
    RecipeError
        If a value breaks its rule; all problems are listed at once.
    """

    name: str
    seed: int
    network: GramConfig
    prior: tuple[Mapping[str, Any], ...]
    context_rows: tuple[int, int]
    query_rows: int
    steps: int
    steps_per_epoch: int
    groups: int
    max_tasks: int
    max_tokens: int
    muon_learning_rate: float
    adamw_learning_rate: float
    warmup_steps: int
    weight_decay: float
    precision: str

    def __post_init__(self) -> None:
        problems = []
        for key in ("query_rows", "steps", "steps_per_epoch", "groups", "max_tasks", "max_tokens"):
            value = getattr(self, key)
            if not isinstance(value, int) or value < 1:
                problems.append(f"{key} must be a positive integer, got {value!r}")
        if not problems and self.steps % self.steps_per_epoch:
            problems.append(f"steps_per_epoch (={self.steps_per_epoch}) must divide steps (={self.steps})")
        if not 1 <= self.context_rows[0] <= self.context_rows[1]:
            problems.append(f"context_rows must be two rising positive numbers, got {self.context_rows!r}")
        if self.precision not in ("float32", "bfloat16"):
            problems.append(f"precision must be 'float32' or 'bfloat16', got {self.precision!r}")
        if not self.prior:
            problems.append("prior must have at least one component")
        for component in self.prior:
            problems += _component_problems(component)
        if problems:
            raise RecipeError(f"recipe {self.name!r}: " + "; ".join(problems))

    def to_dict(self) -> dict[str, Any]:
        """Return the content of the JSON file."""
        return {**asdict(self), "network": self.network.to_dict()}

    def fingerprint(self) -> str:
        """Return a hash that changes with any value of the recipe."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()


def _component_problems(component: Mapping[str, Any]) -> list[str]:
    problems = []
    if component.get("family") not in FAMILIES:
        problems.append(f"unknown family {component.get('family')!r}, known are {sorted(FAMILIES)}")
    if set(component) - COMPONENT_KEYS or not {"weight", "n_classes"} <= set(component):
        problems.append(
            f"a component has weight and n_classes, and may have {sorted(COMPONENT_KEYS)}, got {sorted(component)}"
        )
    return problems


def recipe_from_dict(values: Mapping[str, Any]) -> Recipe:
    """Rebuild a recipe from its JSON content.

    Raises
    ------
    RecipeError
        If a key is missing or unknown, or a value breaks its rule.
    """
    expected = {field.name for field in fields(Recipe)}
    if set(values) != expected:
        missing, unknown = sorted(expected - set(values)), sorted(set(values) - expected)
        raise RecipeError(f"a recipe has the keys {sorted(expected)}: missing {missing}, unknown {unknown}")
    return Recipe(
        **{
            **values,
            "network": config_from_dict(values["network"]),
            "prior": tuple(values["prior"]),
            "context_rows": tuple(values["context_rows"]),
        }
    )


def read_recipe(path: str | Path) -> Recipe:
    """Read a recipe file.

    Raises
    ------
    RecipeError
        If there is no such file, or it is no JSON object, or :func:`recipe_from_dict` rejects it.
    """
    path = Path(path)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"no recipe can be read at {path}: {error.strerror}") from error
    except ValueError as error:
        raise RecipeError(f"{path} is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise RecipeError(f"{path} must hold a JSON object; it holds a {type(values).__name__}")
    return recipe_from_dict(values)
