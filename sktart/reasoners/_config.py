"""The identity card of a network: a frozen dataclass that is written as ``config.json`` beside the weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

from sktart.exceptions import CheckpointError


@dataclass(frozen=True)
class ReasonerConfig:
    """Positive integers that give a network its shape; the base of one config a family.

    Fields in `later_fields` came after the first checkpoints: 0 stands for a network without them.

    Parameters
    ----------
    width : int
        Channels of one token.
    n_layers : int
        Number of blocks.
    n_heads : int
        Attention heads of a block; divides `width`.

    Raises
    ------
    CheckpointError
        If a number is not a positive integer, or `n_heads` does not divide `width`.
    """

    family: ClassVar[str]
    later_fields: ClassVar[tuple[str, ...]] = ()

    width: int
    n_layers: int
    n_heads: int

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            least = 0 if field.name in self.later_fields else 1
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                kind = "an integer from 0" if least == 0 else "a positive integer"
                raise CheckpointError(f"{field.name} must be {kind}; got {value!r}")
        if self.width % self.n_heads:
            raise CheckpointError(f"width (={self.width}) must be divisible by n_heads (={self.n_heads})")

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``config.json``."""
        values = {"family": self.family, **asdict(self)}
        return {key: value for key, value in values.items() if value or key not in self.later_fields}


@dataclass(frozen=True)
class GramConfig(ReasonerConfig):
    """Shape of a :class:`~sktart.reasoners._gram.GramReasoner`.

    Parameters
    ----------
    width, n_layers, n_heads : int
        See :class:`ReasonerConfig`.
    mlp_ratio : int
        Hidden channels of a block's MLP, as a multiple of `width`.
    message_width : int
        Channels that a block moves from labelled rows by each operator: the inner products, and each ridge regression.
    pool_message_width : int
        Channels that a block moves from all rows, labelled or not, by each of their operators. 0 stands for a network
        that reads labelled rows only.
    pool_metric : int
        1 for a network that compares rows in the metric of all rows where some have no label, see
        :func:`~sktart.reasoners._metric.root_of_metric`; it needs a `pool_message_width`.
    sureness_width : int
        Hidden channels of :class:`~sktart.reasoners._sureness.Sureness`, which says how sure answers are where
        nothing but labelled rows is known. 0 stands for a network without it.

    Examples
    --------
    >>> GramConfig(width=64, n_heads=3)
    Traceback (most recent call last):
    ...
    sktart.exceptions.CheckpointError: width (=64) must be divisible by n_heads (=3)
    """

    family: ClassVar[str] = "gram"
    later_fields: ClassVar[tuple[str, ...]] = ("pool_message_width", "pool_metric", "sureness_width")

    width: int = 96
    n_layers: int = 6
    n_heads: int = 2
    mlp_ratio: int = 2
    message_width: int = 16
    pool_message_width: int = 0
    pool_metric: int = 0
    sureness_width: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pool_metric > bool(self.pool_message_width):
            raise CheckpointError(
                f"pool_metric must be 0, or 1 where there is a pool_message_width; got {self.pool_metric} and a "
                f"pool_message_width of {self.pool_message_width}"
            )


@dataclass(frozen=True)
class DecoderConfig(ReasonerConfig):
    """Shape of a :class:`~sktart.reasoners._decoder.DecoderReasoner`; the defaults are the published head's.

    Parameters
    ----------
    width, n_layers, n_heads : int
        See :class:`ReasonerConfig`.
    n_features : int
        Features it reads; rows with fewer are padded with zeros.
    n_pairs : int
        Pairs of a row and its label for which there are learned positions, two for each pair. A query takes
        the first position of a pair, so a context has one row less.
    """

    family: ClassVar[str] = "decoder"

    width: int = 256
    n_layers: int = 12
    n_heads: int = 8
    n_features: int = 16
    n_pairs: int = 258


CONFIGS: dict[str, type[ReasonerConfig]] = {config.family: config for config in (GramConfig, DecoderConfig)}


def config_from_dict(values: dict[str, Any]) -> ReasonerConfig:
    """Rebuild a config from the content of ``config.json``.

    Examples
    --------
    >>> config_from_dict(GramConfig(width=32).to_dict()) == GramConfig(width=32)
    True
    """
    values = dict(values)
    family = values.pop("family", None)
    if not isinstance(family, str) or family not in CONFIGS:
        known = ", ".join(map(repr, CONFIGS))
        raise CheckpointError(
            f"unknown reasoner family {family!r} in config.json; this version knows {known}"
        )
    expected = {field.name for field in fields(CONFIGS[family])}
    needed = expected - set(CONFIGS[family].later_fields)
    missing, unknown = sorted(needed - set(values)), sorted(set(values) - expected)
    if missing or unknown:
        raise CheckpointError(
            f"config.json does not describe a {family} reasoner: missing {missing}, unknown {unknown}"
        )
    return CONFIGS[family](**values)
