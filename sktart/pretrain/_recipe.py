"""A recipe: everything that makes a checkpoint, as one JSON file."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from sktart.exceptions import CheckpointError, RecipeError
from sktart.priors import Component, Knowledge
from sktart.priors._rules import Rules, are_bounds, are_integers, arguments, is_integer, is_number, problems
from sktart.reasoners._config import DecoderConfig, ReasonerConfig, config_from_dict

MAX_SEED = 2**31 - 1
COUNT = "a positive integer", partial(is_integer, least=1)
RATE = "a finite number from 0", is_number
RULES: Rules = {
    **dict.fromkeys(("query_rows", "steps", "steps_per_epoch", "groups", "max_tasks", "max_tokens"), COUNT),
    "seed": (f"an integer from 0 up to {MAX_SEED}", partial(is_integer, least=0, most=MAX_SEED)),
    "warmup_steps": ("an integer from 0", partial(is_integer, least=0)),
    **dict.fromkeys(("muon_learning_rate", "adamw_learning_rate", "weight_decay"), RATE),
    **dict.fromkeys(("name", "start", "share_of"), ("a string", lambda value: isinstance(value, str))),
    **dict.fromkeys(
        ("keeps_labels_only", "only_sureness"), ("true or false", lambda value: isinstance(value, bool))
    ),
    "start_share": ("a number from 0 to 1", partial(is_number, most=1)),
    "context_rows": ("two rising positive integers", partial(are_bounds, least=1)),
    "precision": ("'float32' or 'bfloat16'", lambda value: value in ("float32", "bfloat16")),
    "optimizer": ("'muon' or 'adam'", lambda value: value in ("muon", "adam")),
    "prior": ("a list of components", lambda value: isinstance(value, list | tuple) and len(value) > 0),
}
RAMP = "[start, end, increment, interval], positive integers", partial(are_integers, count=4, least=1)


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
        Components of the mixture as the file has them, see :class:`sktart.priors.Component`.
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
    keeps_labels_only : bool
        Whether to train no weight that has a part in answers for labelled rows alone, so that these are the start's.
    only_sureness : bool
        Whether to train only the weights that say how sure answers are, so that decisions are the start's.
    start_share : float
        Share of the start's weights in those of the finished checkpoint, the rest being the trained ones (Wortsman et
        al., Robust fine-tuning of zero-shot models, 2022).
    share_of : str
        Checkpoint whose weights have that share in place of the start's, such as that of an earlier stage.
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
    knowledge : dict
        What tasks have beside labelled rows, see :class:`sktart.priors.Knowledge`; empty for nothing.

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
    keeps_labels_only: bool = False
    only_sureness: bool = False
    start_share: float = 0.0
    share_of: str = ""
    initialise: str = "random"
    optimizer: str = "muon"
    curriculum: Mapping[str, Sequence[int]] = field(default_factory=dict)
    knowledge: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        choices = ("random", "nearest-mean") if isinstance(self.network, DecoderConfig) else ("random",)
        start = (f"one of {choices} for a {self.network.family} reasoner", lambda value: value in choices)
        found = problems(vars(self), {**RULES, "initialise": start})
        steps, epoch = self.steps, self.steps_per_epoch
        if are_integers((steps, epoch), 2, 1) and steps % epoch:
            found.append(f"steps_per_epoch (={epoch}) must divide steps (={steps})")
        found += _curriculum_problems(self.curriculum)
        found += _knowledge_problems(self.knowledge, self.network)
        for part in self.prior if isinstance(self.prior, list | tuple) else ():
            try:
                Component.from_dict(part)
            except RecipeError as error:
                found.append(str(error))
        if not found and all(component.from_step > 0 for component in self.components):
            found.append("prior must have a component without from_step, to begin with")
        if not found and isinstance(self.network, DecoderConfig):
            found = _decoder_problems(self, self.network)
        if not found and not self.start:
            needy = [
                name for name in ("start_share", "keeps_labels_only", "only_sureness") if getattr(self, name)
            ]
            found += [f"{name} (={getattr(self, name)}) needs a start" for name in needy]
        if not found and self.share_of and not self.start_share:
            found.append(f"share_of (={self.share_of!r}) needs a start_share")
        if not found and self.keeps_labels_only and not self.knowledge:
            found.append("keeps_labels_only needs knowledge, as nothing is left to train without it")
        if not found and self.only_sureness and not getattr(self.network, "sureness_width", 0):
            found.append("only_sureness needs a gram network with a sureness_width")
        if not found and self.only_sureness and self.keeps_labels_only:
            found.append("only_sureness and keeps_labels_only cannot both be true")
        if found:
            raise RecipeError(f"recipe {self.name!r}: " + "; ".join(found))

    @cached_property
    def components(self) -> tuple[Component, ...]:
        """The prior with its defaults."""
        return tuple(map(Component.from_dict, self.prior))

    @cached_property
    def beside(self) -> Knowledge | None:
        """What tasks have beside labelled rows; None for nothing."""
        return _read_knowledge(self.knowledge) if self.knowledge else None

    def limit(self, quantity: str, step: int) -> int | None:
        """Return the largest value that the curriculum allows at a step, None where it sets no limit."""
        if quantity not in self.curriculum:
            return None
        start, end, increment, interval = self.curriculum[quantity]
        return min(end, start + increment * (step // interval))

    def to_dict(self) -> dict[str, Any]:
        """Return the content of the JSON file."""
        values = {**asdict(self), "network": self.network.to_dict()}
        # Recipes from before keep their fingerprints.
        for late in ("knowledge", "start_share", "share_of", "keeps_labels_only", "only_sureness"):
            if not values[late]:
                del values[late]
        return values

    def fingerprint(self) -> str:
        """Return a hash that changes with any value of the recipe."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()


def _curriculum_problems(curriculum: Any) -> list[str]:
    ramps = {"n_features": RAMP, "context_rows": RAMP}
    if not isinstance(curriculum, Mapping) or set(curriculum) - set(ramps):
        return [f"curriculum must be an object that may have {list(ramps)}, got {curriculum!r}"]
    return problems(curriculum, {key: ramps[key] for key in curriculum}, " of curriculum")


def _knowledge_problems(knowledge: Any, network: ReasonerConfig) -> list[str]:
    if not isinstance(knowledge, Mapping):
        return [f"knowledge must be an object, got {knowledge!r}"]
    if knowledge and not getattr(network, "pool_message_width", 0):
        return ["knowledge needs a gram network with a pool_message_width, as others read labelled rows only"]
    try:
        _read_knowledge(knowledge)
    except RecipeError as error:
        return [str(error)]
    return []


def _read_knowledge(values: Mapping[str, Any]) -> Knowledge:
    return Knowledge(**arguments(values, Knowledge, "knowledge"))


def _decoder_problems(recipe: Recipe, network: DecoderConfig) -> list[str]:
    longest, widest = network.n_pairs - recipe.query_rows, network.n_features
    rules: Rules = {
        "context_rows": (f"at most n_pairs - query_rows (={longest})", lambda value: value[1] <= longest),
        "n_features": (f"at most the network's {widest}", lambda value: value[1] <= widest),
        "n_classes": ("[2, 2]", lambda value: value == (2, 2)),
        "each_class": ("false", lambda value: not value),
        "balanced": ("0, as a label would tell the next", lambda value: not value),
    }
    found = []
    for part in recipe.components:
        context_rows = part.context_rows or recipe.context_rows
        values = {"n_features": (1, math.inf), **part.options, **vars(part), "context_rows": context_rows}
        found += problems(values, rules, " of a component for a decoder")
    return found


def recipe_from_dict(values: Mapping[str, Any]) -> Recipe:
    """Rebuild a recipe from its JSON content."""
    given = arguments(values, Recipe, "a recipe")
    if not isinstance(values["network"], dict):
        raise RecipeError(f"recipe {values['name']!r}: network must be an object, got {values['network']!r}")
    try:
        network = config_from_dict(values["network"])
    except CheckpointError as error:
        raise RecipeError(f"recipe {values['name']!r}: network: {error}") from error
    return Recipe(**{**given, "network": network})


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
