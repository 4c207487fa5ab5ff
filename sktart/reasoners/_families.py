"""From a config to its network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from sktart.reasoners._base import Reasoner
from sktart.reasoners._config import ReasonerConfig
from sktart.reasoners._decoder import DecoderReasoner
from sktart.reasoners._gram import GramReasoner

REASONERS: dict[str, type[Any]] = {"gram": GramReasoner, "decoder": DecoderReasoner}


def build_reasoner(config: ReasonerConfig) -> Reasoner:
    """Make the network that a config describes, with random weights.

    Examples
    --------
    >>> from sktart.reasoners._config import DecoderConfig
    >>> build_reasoner(DecoderConfig(width=8, n_layers=1, n_heads=2, n_pairs=4)).max_context
    3
    """
    return REASONERS[config.family](config)


def assemble_reasoner(config: ReasonerConfig, state: Mapping[str, torch.Tensor]) -> Reasoner:
    """Make the network that a config describes around the tensors of `state`, ready to answer."""
    # On "meta" nothing is drawn, so that loading leaves torch's global generator alone.
    with torch.device("meta"):
        reasoner = build_reasoner(config)
    reasoner.load_state_dict(state, strict=True, assign=True)
    return reasoner.eval().requires_grad_(False)
