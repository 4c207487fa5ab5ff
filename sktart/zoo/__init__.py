"""Checkpoints: their format, the registry, the embedded default."""

from sktart.zoo.registry import CheckpointInfo, list_checkpoints, load_checkpoint

__all__ = ["CheckpointInfo", "list_checkpoints", "load_checkpoint"]
