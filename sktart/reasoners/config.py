"""The identity card of a network: a frozen dataclass that is written as ``config.json`` beside the weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from sktart.exceptions import CheckpointError


@dataclass(frozen=True)
class GramConfig:
    """Shape of a :class:`~sktart.reasoners.gram.GramReasoner`.

    Parameters
    ----------
    width : int
        Channels of one token.
    n_layers : int
        Number of blocks.
    n_heads : int
        Attention heads of a block; divides `width`.
    mlp_ratio : int
        Hidden channels of a block's MLP, as a multiple of `width`.

    Raises
    ------
    CheckpointError
        If a number is not a positive integer, or `n_heads` does not divide `width`.

    Examples
    --------
    >>> GramConfig(width=64, n_heads=3)
    Traceback (most recent call last):
    ...
    sktart.exceptions.CheckpointError: width (=64) must be divisible by n_heads (=3)
    """

    width: int = 64
    n_layers: int = 8
    n_heads: int = 4
    mlp_ratio: int = 2

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise CheckpointError(f"{field.name} must be a positive integer; got {value!r}")
        if self.width % self.n_heads:
            raise CheckpointError(f"width (={self.width}) must be divisible by n_heads (={self.n_heads})")

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``config.json``."""
        return {"family": "gram", **asdict(self)}


def config_from_dict(values: dict[str, Any]) -> GramConfig:
    """Rebuild a config from the content of ``config.json``.

    Raises
    ------
    CheckpointError
        If the family is unknown, or a key is missing or unknown.

    Examples
    --------
    >>> config_from_dict(GramConfig(width=32).to_dict()) == GramConfig(width=32)
    True
    """
    values = dict(values)
    family = values.pop("family", None)
    if family != "gram":
        raise CheckpointError(f"unknown reasoner family {family!r} in config.json; this version knows 'gram'")
    expected = {field.name for field in fields(GramConfig)}
    if set(values) != expected:
        missing, unknown = sorted(expected - set(values)), sorted(set(values) - expected)
        raise CheckpointError(
            f"config.json does not describe a gram reasoner: missing {missing}, unknown {unknown}"
        )
    return GramConfig(**values)
