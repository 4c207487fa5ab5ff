"""Checkpoints: their format, the registry, the embedded default, the Hub."""

from sktart.zoo.info import CheckpointInfo
from sktart.zoo.registry import list_checkpoints, load_checkpoint

__all__ = ["CheckpointInfo", "list_checkpoints", "load_checkpoint"]
