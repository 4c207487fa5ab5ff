"""What a JSON file may hold: the checks of recipes and their components."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any

from sktart.exceptions import RecipeError

Rules = dict[str, tuple[str, Callable[[Any], bool]]]  # by key: what a value must be, in words and as a test


def is_number(value: Any, most: float = math.inf) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and 0 <= value <= most


def is_integer(value: Any, least: int, most: float = math.inf) -> bool:
    return type(value) is int and least <= value <= most


def are_integers(value: Any, count: int, least: int) -> bool:
    is_list = isinstance(value, Sequence) and len(value) == count
    return is_list and all(is_integer(each, least) for each in value)


def are_bounds(value: Any, least: int, most: float = math.inf) -> bool:
    return are_integers(value, 2, least) and value[0] <= value[1] <= most


def problems(values: Mapping[str, Any], rules: Rules, owner: str = "") -> list[str]:
    """Say of each value that breaks its rule what it must be, and what it is."""
    broken = {key: words for key, (words, holds) in rules.items() if not holds(values[key])}
    return [f"{key}{owner} must be {words}, got {values[key]!r}" for key, words in broken.items()]


def arguments(values: Mapping[str, Any], cls: type, what: str) -> dict[str, Any]:
    """Return the arguments of a dataclass, with tuples for lists; RecipeError if keys are missing or unknown."""
    needed = {each.name: each.default is each.default_factory is MISSING for each in fields(cls)}
    missing = sorted(key for key in needed if needed[key] and key not in values)
    unknown = sorted(set(values) - set(needed))
    if missing or unknown:
        raise RecipeError(f"{what} has the keys {sorted(needed)}: missing {missing}, unknown {unknown}")
    return {
        key: tuple(value) if value and isinstance(value, list) else value for key, value in values.items()
    }
