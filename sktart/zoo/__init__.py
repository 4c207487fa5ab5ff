"""Checkpoints: their format, the registry, the embedded default."""
