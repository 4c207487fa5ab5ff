"""Checkpoints: their format, the registry, the embedded default, the Hub."""

from sktart.zoo._info import CheckpointInfo
from sktart.zoo._registry import list_checkpoints, load_checkpoint

__all__ = ["CheckpointInfo", "list_checkpoints", "load_checkpoint"]
