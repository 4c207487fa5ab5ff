"""What is told of models before they are loaded: inner layers, whether they can learn, and whether it takes long."""

from __future__ import annotations

import sys
from pathlib import Path

from sktart.encoders._locate import kind_of, locate
from sktart.encoders._resolve import find_source
from sktart.encoders.packaged._packages import PackagedModel
from sktart.exceptions import EncoderError, MissingExtraError


def inner_layers(name: str) -> list[int]:
    """Return the layers at three quarters and at half of the depth of a model of transformers.

    There are none where the model is not on this machine, or of another kind: sentence models pool on their own.

    Examples
    --------
    >>> inner_layers("pythia-6.9b")
    []
    """
    folder = _folder_at_hand(name)
    if folder is None or kind_of(folder) != "transformers":
        return []
    from transformers import AutoConfig

    # Those that narrow in stages count them otherwise.
    depth = getattr(AutoConfig.from_pretrained(folder, local_files_only=True), "num_hidden_layers", 0)
    return sorted({depth * 3 // 4, depth // 2} - {0}, reverse=True)


def is_trainable(name: str) -> bool:
    """Tell whether an encoder on this machine can be trained on labelled texts: a model of sentence-transformers.

    Examples
    --------
    >>> is_trainable("wordllama")
    False
    """
    folder = _folder_at_hand(name)
    return folder is not None and kind_of(folder) == "sentence"


def _folder_at_hand(name: str) -> Path | None:
    """Return the folder of a model on this machine; None where it is not, or no model that libraries wrote."""
    try:
        found = find_source(name)
        if isinstance(found, PackagedModel):
            return None
        return found if isinstance(found, Path) else locate(found, local_files_only=True)
    except (EncoderError, MissingExtraError):
        return None


def is_slow_to_load(name: str) -> bool:
    """Tell whether an encoder is the first that needs transformers, whose import takes seconds.

    Examples
    --------
    >>> is_slow_to_load("wordllama")
    False
    """
    try:
        needs_transformers = not isinstance(find_source(name), PackagedModel)
    except EncoderError:  # it will not load at all
        return False
    return needs_transformers and "transformers.modeling_utils" not in sys.modules
