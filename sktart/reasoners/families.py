"""From a config to its network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sktart.reasoners.base import Reasoner
from sktart.reasoners.config import ReasonerConfig
from sktart.reasoners.decoder import DecoderReasoner
from sktart.reasoners.gram import GramReasoner

REASONERS: dict[str, Callable[[Any], Reasoner]] = {"gram": GramReasoner, "decoder": DecoderReasoner}


def build_reasoner(config: ReasonerConfig) -> Reasoner:
    """Make the network that a config describes, with random weights.

    Examples
    --------
    >>> from sktart.reasoners.config import DecoderConfig
    >>> build_reasoner(DecoderConfig(width=8, n_layers=1, n_heads=2, n_pairs=4)).max_context
    3
    """
    return REASONERS[config.family](config)
