"""Choose the strongest encoder that is on this machine."""

from __future__ import annotations

import logging
from typing import Any

from sktart.encoders._locate import HubModel, locate
from sktart.encoders._names import SHORT_NAMES
from sktart.encoders.packaged._packages import PACKAGED, PackagedModel
from sktart.exceptions import EncoderError, MissingExtraError
from sktart.rows._modality import Modality, modality_of

# The strongest first, by what their authors report; models of many languages go before English ones of their size.
AUTO_ORDER: dict[Modality, tuple[str, ...]] = {
    "text": (
        *("embeddinggemma-300m", "multilingual-e5-large", "multilingual-e5-base", "multilingual-e5-small"),
        *("bge-base-en-v1.5", "bge-small-en-v1.5", "all-mpnet-base-v2", "all-MiniLM-L6-v2", "wordllama"),
    ),
    "image": (
        *("dinov2-large", "dinov2-base", "siglip2-base-patch16-224", "clip-vit-base-patch16", "dinov2-small"),
        *("vit-base-patch16-224-in21k", "efficientnet-lite0"),
    ),
    "audio": ("whisper-small", "whisper-base", "speech-embedding"),
}
# What a package brings: weaker ones are taken with a word of warning.
_OFFLINE: dict[Modality, str] = {
    "text": "multilingual-e5-small",
    "image": "efficientnet-lite0",
    "audio": "speech-embedding",
}
_CURES: dict[Modality, str] = {
    "text": "pip install 'sktart[e5]', or name one that the Hub has, such as encoder='all-MiniLM-L6-v2'",
    "image": "pip install 'sktart[efficientnet]', or name one that the Hub has, such as encoder='dinov2-small'",
    "audio": "pip install 'sktart[speech]', or name one that the Hub has, such as encoder='whisper-base'",
}


def choose_encoder(X: Any, sampling_rate: int | None = None) -> str | None:
    """Return the name of the strongest encoder at hand for the rows `X`; None for numbers, which need none.

    Installed packages and the Hub's cache are at hand. Nothing is downloaded.

    Raises
    ------
    MissingExtraError
        If none is at hand.

    Examples
    --------
    >>> choose_encoder([[0.5, 1.0]]) is None
    True
    """
    modality = modality_of(X, sampling_rate)
    if modality == "numbers":
        return None
    names = _strongest_first(modality)
    name = next(filter(is_at_hand, names), None)
    if name is None:
        raise MissingExtraError(
            f"encoder='auto' needs an encoder of {modality} on this machine, and {', '.join(AUTO_ORDER[modality])} "
            f"are not; run {_CURES[modality]}"
        )
    log = logging.getLogger("sktart")
    # Python shows warnings of loggers where nobody asked for a log.
    weaker = names.index(name) > names.index(_OFFLINE[modality])
    cure = f"; stronger: {_CURES[modality]}" if weaker else ""
    log.log(
        logging.WARNING if weaker else logging.INFO, "encoder='auto' reads %s with %s%s", modality, name, cure
    )
    return name


def encoders_at_hand(modality: Modality) -> list[str]:
    """Return the names of all encoders of a modality on this machine, the strongest first."""
    ranked = _strongest_first(modality)
    others = [name for name, model in PACKAGED.items() if model.modality == modality and name not in ranked]
    return [name for name in (*ranked, *others) if is_at_hand(name)]


def _strongest_first(modality: Modality) -> list[str]:
    # What a package holds may be in the Hub's cache instead, under its id.
    hub_ids = {name: model.hub for name, model in PACKAGED.items() if model.hub}
    return [known for short in AUTO_ORDER[modality] for known in (hub_ids.get(short), short) if known]


def is_at_hand(name: str) -> bool:
    """Tell whether an encoder, by short name or Hub id, is on this machine, in a package or in the Hub's cache.

    Examples
    --------
    >>> is_at_hand("pythia-6.9b")
    False
    """
    model = SHORT_NAMES.get(name) or HubModel(name)
    if isinstance(model, PackagedModel):
        return model.is_installed()
    try:
        locate(model, local_files_only=True)
    except (EncoderError, MissingExtraError):
        return False
    return True
