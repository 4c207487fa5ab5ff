"""Encoders: rows in, one vector a row out."""

from sktart.encoders._auto import choose_encoder, encoders_at_hand
from sktart.encoders._base import Encoder
from sktart.encoders._layers import inner_layers, is_slow_to_load, is_trainable
from sktart.encoders._names import SHORT_NAMES
from sktart.encoders._options import ModelOptions
from sktart.encoders._resolve import reads_only_text, resolve_encoder
from sktart.encoders.cache._cached import with_memory
from sktart.encoders.in_context._prompt import as_prompt
from sktart.encoders.models._adapted import AdaptedEncoder
from sktart.encoders.models._contrastive import Adaptation
from sktart.encoders.models._sentence import SentenceEncoder

__all__ = [
    "SHORT_NAMES",
    "Adaptation",
    "AdaptedEncoder",
    "Encoder",
    "ModelOptions",
    "SentenceEncoder",
    "as_prompt",
    "choose_encoder",
    "encoders_at_hand",
    "inner_layers",
    "is_slow_to_load",
    "is_trainable",
    "reads_only_text",
    "resolve_encoder",
    "with_memory",
]
