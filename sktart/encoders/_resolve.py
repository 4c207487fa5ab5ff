"""From what the user gave to an encoder."""

from __future__ import annotations

import sys
from dataclasses import replace
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from sklearn.base import clone

from sktart._files import at_home, is_folder
from sktart.encoders._base import Encoder, PassThrough
from sktart.encoders._locate import HubModel, check_folder, kind_of, locate
from sktart.encoders._names import HUB_MODELS, SHORT_NAMES
from sktart.encoders._options import MODEL_OPTIONS, ModelOptions, refuse_options
from sktart.encoders.in_context._encoder import InContextEncoder
from sktart.encoders.in_context._prompt import as_prompt
from sktart.encoders.models._paired import PairedEncoder
from sktart.encoders.models._sentence import SentenceEncoder
from sktart.encoders.models._sklearn import CallableEncoder, SklearnEncoder, is_vectorizer
from sktart.encoders.models._transformers import TransformersEncoder
from sktart.encoders.packaged._encoder import PackagedEncoder
from sktart.encoders.packaged._packages import PackagedModel
from sktart.exceptions import EncoderError
from sktart.hub._names import is_repository
from sktart.rows._entries import shown

Protocol = Literal["stream", "vanilla", "loo"]

_BY_REPO = {model.repo: model for model in HUB_MODELS.values()}
_DEFAULTS = ModelOptions()


def resolve_encoder(
    encoder: Any, options: ModelOptions = _DEFAULTS, *, protocol: Protocol = "stream", prompt: Any = None
) -> Encoder:
    """Turn an `encoder` parameter into an encoder; no weights are loaded yet.

    `encoder` is that of ``TartTransformer``. A short name is looked up before a folder of that name. A Hub id that is
    no short name is looked for at once, as its files tell which library it is for. Other protocols than "stream" need a
    causal text model of transformers, and only they use `prompt`.

    Raises
    ------
    EncoderError
        If `encoder` is nothing of the kind, an unknown name, or not found.
    ValueError
        If an option is given that this kind of encoder would ignore, or a bad prompt.

    Examples
    --------
    >>> resolve_encoder("all-MiniLM-L6-v2"), resolve_encoder("gpt-neo-125m")
    (SentenceEncoder(all-MiniLM-L6-v2), TransformersEncoder(gpt-neo-125m))
    >>> resolve_encoder(len)
    CallableEncoder(len)
    """
    resolved = _resolve(encoder, options)
    if protocol == "stream":
        return resolved
    if not isinstance(resolved, TransformersEncoder):
        raise ValueError(
            f"protocol must be 'stream' for {resolved.name}, as only causal text models of transformers read "
            f"texts in context; got {protocol!r}"
        )
    refuse_options(options, ("sampling_rate", "text_prefix"), f"protocol={protocol!r} reads text")
    return InContextEncoder(resolved.source, resolved.name, protocol, as_prompt(prompt), options)


def _resolve(encoder: Any, options: ModelOptions) -> Encoder:
    if isinstance(encoder, str | PathLike):
        return _named(encoder, options)
    if isinstance(encoder, tuple):
        return _pair(encoder, options)
    if _is_sentence_transformer(encoder):
        refuse_options(options, MODEL_OPTIONS[1:], "a SentenceTransformer is used as it is")
        return SentenceEncoder(encoder, "SentenceTransformer", options)
    resolved = _without_weights(encoder)
    refuse_options(options, MODEL_OPTIONS, f"{resolved.name} is no pretrained model")
    return resolved


def reads_only_text(encoder: Any) -> bool:
    """Tell whether an `encoder` parameter reads texts and nothing else, as far as its files tell.

    Examples
    --------
    >>> reads_only_text("all-MiniLM-L6-v2"), reads_only_text("whisper-base"), reads_only_text(None)
    (True, False, False)
    """
    if isinstance(encoder, str) and encoder == "auto":
        return False
    if isinstance(encoder, str | PathLike):
        known = {**_BY_REPO, **SHORT_NAMES}
        if isinstance(encoder, str) and encoder in known:
            return known[encoder].modality == "text"
        folder = at_home(encoder)
        # Files of a processor of images or sound, and of one that reads texts as well.
        files = ("preprocessor_config.json", "processor_config.json")
        return not (is_folder(folder) and any((folder / file).is_file() for file in files))
    if isinstance(encoder, tuple):
        return bool(encoder) and getattr(encoder[0], "main_input_name", None) == "input_ids"
    if _is_sentence_transformer(encoder):
        return True
    return hasattr(encoder, "transform") and is_vectorizer(encoder)


def _named(name: str | PathLike[str], options: ModelOptions) -> Encoder:
    source = find_source(name)
    if isinstance(source, PackagedModel):
        return PackagedEncoder(str(name), options)
    if isinstance(source, Path):
        refuse_options(options, ("revision",), "a folder has no revisions")
        kind = kind_of(source)
    else:
        if source.kind is None:
            folder = locate(source, options.revision, options.local_files_only)
            source = replace(source, kind=kind_of(folder))
        kind = source.kind
        if options.text_prefix is None:
            options = replace(options, text_prefix=source.text_prefix)
    if kind == "transformers":
        return TransformersEncoder(source, str(name), options)
    if kind == "paired":
        return PairedEncoder(source, str(name), options)
    refuse_options(
        options,
        ("pooling", "layer", "max_length", "sampling_rate"),
        "a sentence-transformers model has its own pooling and limits",
    )
    return SentenceEncoder(source, str(name), options)


def _pair(pair: tuple[Any, ...], options: ModelOptions) -> Encoder:
    if len(pair) != 2 or not hasattr(pair[0], "main_input_name") or not callable(pair[1]):
        raise EncoderError(
            "an encoder given as a tuple must be (model, processor) of transformers; got a tuple of "
            f"{', '.join(type(part).__name__ for part in pair) or 'nothing'}"
        )
    refuse_options(options, ("dtype", "revision", "trust_remote_code"), "a loaded model is used as it is")
    return TransformersEncoder((pair[0], pair[1]), type(pair[0]).__name__, options)


def _without_weights(encoder: Any) -> Encoder:
    if encoder is None:
        return PassThrough()
    if isinstance(encoder, type):
        raise EncoderError(f"encoder must be an instance; got the class {encoder.__name__}, so call it first")
    if hasattr(encoder, "main_input_name") and hasattr(encoder, "base_model"):
        raise EncoderError(
            f"a loaded transformers model must come with its processor; got a {type(encoder).__name__} alone, "
            "so pass the tuple (model, processor)"
        )
    if hasattr(encoder, "fit") and hasattr(encoder, "transform"):
        return SklearnEncoder(clone(encoder))
    if callable(encoder):
        return CallableEncoder(encoder)
    raise EncoderError(
        "encoder must be None, a name, a folder, a tuple (model, processor), a SentenceTransformer, a "
        f"scikit-learn transformer or a callable; got {type(encoder).__name__} {shown(encoder)}"
    )


def _is_sentence_transformer(encoder: Any) -> bool:
    # Whoever has an instance has imported the module; importing it here to ask would take seconds.
    module = sys.modules.get("sentence_transformers")
    return module is not None and isinstance(encoder, module.SentenceTransformer)


def find_source(name: str | PathLike[str]) -> HubModel | PackagedModel | Path:
    """Return the model that `name` stands for, or the folder it is in."""
    if isinstance(name, str):
        if name in SHORT_NAMES:
            return SHORT_NAMES[name]
        if name and not is_folder(at_home(name)):
            return _hub_model(name)
    return check_folder(at_home(name))


def _hub_model(name: str) -> HubModel:
    if is_repository(name, EncoderError):
        return _BY_REPO.get(name, HubModel(name))
    raise EncoderError(
        f"encoder {name!r} is neither a known short name nor a folder nor a Hub id 'organisation/name'; "
        f"{_suggestion(name)}"
    )


def _suggestion(name: str) -> str:
    by_lower = {known.lower(): known for known in ("auto", *SHORT_NAMES)}
    close = get_close_matches(name.lower(), by_lower, n=2, cutoff=0.6)
    close = close or [known for known in by_lower if name and name.lower() in known][:3]
    if close:
        return f"did you mean {' or '.join(repr(by_lower[match]) for match in close)}?"
    some = list(by_lower.values())[:12]
    return f"short names are {', '.join(some)}, and {len(by_lower) - len(some)} more in docs/encoders.md"
