"""Frozen encoders: rows in, one vector a row out."""

from sktart.encoders._base import Encoder
from sktart.encoders._resolve import SHORT_NAMES, reads_only_text, resolve_encoder

__all__ = ["SHORT_NAMES", "Encoder", "reads_only_text", "resolve_encoder"]
