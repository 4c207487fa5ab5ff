"""A recipe: everything that makes a checkpoint, as one JSON file."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from inspect import signature
from pathlib import Path
from typing import Any

from sktart.exceptions import CheckpointError, RecipeError
from sktart.priors import FAMILIES
from sktart.reasoners._config import DecoderConfig, ReasonerConfig, config_from_dict

# Of tasks, or of groups; for what they do see sktart.priors.sample_tasks.
SHARES = ("balanced", "unit_rows", "label_noise", "projected")
COMPONENT_KEYS = {
    "family",
    "weight",
    "n_classes",
    "from_step",
    "each_class",
    "context_rows",
    "options",
    *SHARES,
}
RAMPS = ("n_features", "context_rows")
MAX_SEED = 2**31 - 1


@dataclass(frozen=True)
class Recipe:
    """What to pretrain, on which tasks, for how long.

    Parameters
    ----------
    name : str
    seed : int
        Of the weights and of the tasks.
    network : ReasonerConfig
    prior : tuple of dict
        Components of the mixture, see :func:`sktart.priors.sample_tasks`; one with `from_step` joins at that step.
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
        Peaks, see `optimizer`.
    warmup_steps : int
    weight_decay : float
    precision : {"float32", "bfloat16"}
        Of matrix products; weights are float32.
    start : str
        Checkpoint to begin with, as :func:`sktart.load_checkpoint` takes it; empty for random weights. A gram reasoner
        may have fewer layers there: the other blocks begin as the identity. A decoder may have another number of
        features: those in common are read alike at first.
    initialise : {"random", "nearest-mean"}
        Weights to begin with where there is no `start`; "nearest-mean" is for decoders, see
        :func:`sktart.reasoners._nearest_mean.start_from_nearest_mean`.
    optimizer : {"muon", "adam"}
        "muon": Muon for the matrices of blocks and AdamW for the rest, with rates that rise over `warmup_steps` and
        then fall linearly to 0. "adam", the paper's: Adam for all, with the constant `adamw_learning_rate` after
        the warm-up.
    curriculum : dict
        Largest value over time of `n_features` (the option of the prior) and `context_rows`, each as
        ``[start, end, increment, interval]``: `increment` is added every `interval` steps.

    Raises
    ------
    RecipeError
        If a value breaks its rule; all problems are listed at once.
    """

    name: str
    seed: int
    network: ReasonerConfig
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
    start: str = ""
    initialise: str = "random"
    optimizer: str = "muon"
    curriculum: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problems = []
        for key in ("query_rows", "steps", "steps_per_epoch", "groups", "max_tasks", "max_tokens"):
            if not _is_integer(getattr(self, key), 1):
                problems.append(f"{key} must be a positive integer, got {getattr(self, key)!r}")
        if not problems and self.steps % self.steps_per_epoch:
            problems.append(f"steps_per_epoch (={self.steps_per_epoch}) must divide steps (={self.steps})")
        for key, largest in (("seed", MAX_SEED), ("warmup_steps", None)):
            if not _is_integer(getattr(self, key), 0, largest):
                limit = f" up to {largest}" if largest else ""
                problems.append(f"{key} must be an integer from 0{limit}, got {getattr(self, key)!r}")
        for key in ("muon_learning_rate", "adamw_learning_rate", "weight_decay"):
            if not _is_number(getattr(self, key)):
                problems.append(f"{key} must be a finite number from 0, got {getattr(self, key)!r}")
        for key in ("name", "start"):
            if not isinstance(getattr(self, key), str):
                problems.append(f"{key} must be a string, got {getattr(self, key)!r}")
        if not _are_bounds(self.context_rows, 1):
            problems.append(f"context_rows must be two rising positive integers, got {self.context_rows!r}")
        if self.precision not in ("float32", "bfloat16"):
            problems.append(f"precision must be 'float32' or 'bfloat16', got {self.precision!r}")
        choices = ("random", "nearest-mean") if isinstance(self.network, DecoderConfig) else ("random",)
        if self.initialise not in choices:
            family = self.network.family
            problems.append(
                f"initialise of a {family} reasoner must be one of {choices}, got {self.initialise!r}"
            )
        if self.optimizer not in ("muon", "adam"):
            problems.append(f"optimizer must be 'muon' or 'adam', got {self.optimizer!r}")
        problems += _curriculum_problems(self.curriculum)
        if not self.prior:
            problems.append("prior must have at least one component")
        for component in self.prior:
            problems += _component_problems(component)
        if self.prior and not problems and all(part.get("from_step", 0) > 0 for part in self.prior):
            problems.append("prior must have a component without from_step, to begin with")
        if not problems and isinstance(self.network, DecoderConfig):
            problems = _decoder_problems(self, self.network)
        if problems:
            raise RecipeError(f"recipe {self.name!r}: " + "; ".join(problems))

    def limit(self, quantity: str, step: int) -> int | None:
        """Return the largest value that the curriculum allows at a step, None where it sets no limit."""
        if quantity not in self.curriculum:
            return None
        start, end, increment, interval = self.curriculum[quantity]
        return min(end, start + increment * (step // interval))

    def to_dict(self) -> dict[str, Any]:
        """Return the content of the JSON file."""
        return {**asdict(self), "network": self.network.to_dict()}

    def fingerprint(self) -> str:
        """Return a hash that changes with any value of the recipe."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()


def _is_integer(value: Any, least: int, largest: int | None = None) -> bool:
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    return is_integer and value >= least and (largest is None or value <= largest)


def _is_number(value: Any, largest: float = math.inf) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value <= largest and math.isfinite(value)


def _are_bounds(value: Any, least: int) -> bool:
    is_pair = isinstance(value, Sequence) and len(value) == 2
    return is_pair and all(_is_integer(bound, least) for bound in value) and value[0] <= value[1]


def _curriculum_problems(curriculum: Any) -> list[str]:
    if not isinstance(curriculum, Mapping) or set(curriculum) - set(RAMPS):
        return [f"curriculum must be an object that may have {list(RAMPS)}, got {curriculum!r}"]
    return [
        f"curriculum of {key} must be [start, end, increment, interval], positive integers, got {ramp!r}"
        for key, ramp in curriculum.items()
        if not (isinstance(ramp, Sequence) and len(ramp) == 4 and all(_is_integer(part, 1) for part in ramp))
    ]


def _component_problems(component: Any) -> list[str]:
    if not isinstance(component, Mapping):
        return [f"a component of prior must be an object, got {component!r}"]
    if set(component) - COMPONENT_KEYS or not {"weight", "n_classes"} <= set(component):
        return [
            f"a component has weight and n_classes, and may have {sorted(COMPONENT_KEYS)}, got {sorted(component)}"
        ]
    family = component.get("family")
    if not isinstance(family, str) or family not in FAMILIES:
        return [f"unknown family {family!r}, known are {sorted(FAMILIES)}"]
    problems = []
    n_classes, weight, options = component["n_classes"], component["weight"], component.get("options", {})
    if not _is_number(weight) or weight == 0:
        problems.append(f"weight of {family} must be a positive number, got {weight!r}")
    if not _are_bounds(n_classes, 2) or (family == "logistic" and n_classes[1] > 2):
        rule = "[2, 2]" if family == "logistic" else "two rising integers from 2"
        problems.append(f"n_classes of {family} must be {rule}, got {n_classes!r}")
    if not _is_integer(component.get("from_step", 0), 0):
        problems.append(f"from_step of {family} must be an integer from 0, got {component['from_step']!r}")
    if not isinstance(component.get("each_class", True), bool):
        problems.append(f"each_class of {family} must be true or false, got {component['each_class']!r}")
    for key in SHARES:
        if not _is_number(component.get(key, 0), 1):
            problems.append(f"{key} of {family} must be a number from 0 to 1, got {component[key]!r}")
    if not _are_bounds(component.get("context_rows", (1, 1)), 1):
        problems.append(
            f"context_rows of {family} must be two rising positive integers, got {component['context_rows']!r}"
        )
    known = [p.name for p in signature(FAMILIES[family]).parameters.values() if p.kind is p.KEYWORD_ONLY]
    if not isinstance(options, Mapping) or set(options) - set(known):
        problems.append(f"options of {family} may have {known}, got {options!r}")
    return problems


def _decoder_problems(recipe: Recipe, network: DecoderConfig) -> list[str]:
    problems = []
    longest = max(component.get("context_rows", recipe.context_rows)[1] for component in recipe.prior)
    length = longest + recipe.query_rows
    if length > network.n_pairs:
        problems.append(
            f"context_rows and query_rows together (={length}) must not exceed n_pairs (={network.n_pairs})"
        )
    for component in recipe.prior:
        n_features = component.get("options", {}).get("n_features", (math.inf, math.inf))
        if n_features[1] > network.n_features:
            problems.append(
                f"option n_features must not exceed the network's {network.n_features}, got {n_features!r}"
            )
        if tuple(component["n_classes"]) != (2, 2) or component.get("each_class", True):
            problems.append("a decoder learns from sequences with n_classes [2, 2] and each_class false")
        if component.get("balanced", 0) > 0:
            problems.append(
                "a decoder learns from sequences that are not balanced, where a label would tell the next, "
                f"got balanced {component['balanced']!r}"
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
    required = {
        field.name
        for field in fields(Recipe)
        if field.default is MISSING and field.default_factory is MISSING
    }
    missing, unknown = sorted(required - set(values)), sorted(set(values) - expected)
    if missing or unknown:
        raise RecipeError(f"a recipe has the keys {sorted(expected)}: missing {missing}, unknown {unknown}")
    problems = [
        f"{key} must be {kind}, got {values[key]!r}"
        for key, type_, kind in (
            ("network", Mapping, "an object"),
            ("prior", list | tuple, "a list"),
            ("context_rows", list | tuple, "a list"),
        )
        if not isinstance(values[key], type_)
    ]
    if problems:
        raise RecipeError(f"recipe {values['name']!r}: " + "; ".join(problems))
    try:
        network = config_from_dict(values["network"])
    except CheckpointError as error:
        raise RecipeError(f"recipe {values['name']!r}: network: {error}") from error
    prior, context_rows = tuple(values["prior"]), tuple(values["context_rows"])
    return Recipe(**{**values, "network": network, "prior": prior, "context_rows": context_rows})


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
