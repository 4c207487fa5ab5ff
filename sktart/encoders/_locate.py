"""Find the folder of a model: Hub cache, installed package, Hub."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sktart._files import is_folder
from sktart._runtime import import_optional
from sktart.exceptions import EncoderError, MissingExtraError
from sktart.hub._client import SENDER, import_client, request_timeout
from sktart.hub._errors import explain
from sktart.hub._names import REVISION_RULE, is_repository, is_revision

# Copies of the same weights in formats that are not read here.
_UNUSED = [
    *("onnx/*", "openvino/*", "coreml/*", "original/*", "*.fp32-*"),
    *("*.h5", "*.ot", "*.msgpack", "*.onnx", "*.tflite", "*.gguf", "*.pt", "*.pth"),
]

Kind = Literal["sentence", "transformers", "paired"]
_MARKS: dict[Kind, str] = {
    "sentence": "modules.json",
    "transformers": "config.json",
    "paired": "config.json",
}
# Types of transformers models that put texts and images, or texts and sound, into one space.
_PAIRED = ("clip", "siglip", "clap")


@dataclass(frozen=True)
class HubModel:
    """A model of the Hub, and the package that holds a copy of it, if there is one.

    Parameters
    ----------
    repo : str
        Hub id, ``organisation/name``.
    kind : {"sentence", "transformers", "paired"} or None
        Which library wrote it, if known; "paired" is a model of transformers that reads two modalities.
    modality : {"text", "image", "audio"}
        What it reads, as far as known before it is loaded; of a pair, what is not text.
    package : str or None
        Importable module with a function ``get_model_path``.
    extra : str or None
        Extra of sktart that installs the package.
    text_prefix : str or None
        What its authors want before each text; None leaves that to the files of the model.
    megabytes : int or None
        Of its weights on the Hub, if known.
    """

    repo: str
    kind: Kind | None = None
    modality: Literal["text", "image", "audio"] = "text"
    package: str | None = None
    extra: str | None = None
    text_prefix: str | None = None
    megabytes: int | None = None


def locate(model: HubModel, revision: str | None = None, local_files_only: bool = False) -> Path:
    """Return the folder that holds `model`, from the nearest place that has it."""
    if not is_repository(model.repo, EncoderError):
        raise EncoderError(f"a Hub id must be 'organisation/name' of a model; got {model.repo!r}")
    if revision is not None and not is_revision(revision):
        raise EncoderError(f"revision must be {REVISION_RULE}; got {revision!r}")
    tried = []
    for look in (_in_hub_cache, _in_package, _on_hub, _in_hub_cache_as_it_is):
        if local_files_only and look is _on_hub:
            size = "of unknown size" if model.megabytes is None else f"of about {model.megabytes:,} MB"
            tried.append(f"local_files_only=True, so the Hub was not asked for a download {size}")
            continue
        try:
            return look(model, revision)
        except EncoderError as error:
            tried.append(str(error))
    problem = f"the encoder {model.repo!r} was not found; tried: {'; '.join(dict.fromkeys(tried))}."
    if model.extra and revision is None:
        raise MissingExtraError(f"{problem} Install it with: pip install 'sktart[{model.extra}]'")
    raise EncoderError(f"{problem} Go online once, or pass the path of a folder that holds the model")


def kind_of(folder: Path) -> Kind | None:
    """Return which library wrote the model in `folder`; None if there is none."""
    kind = next((kind for kind, mark in _MARKS.items() if (folder / mark).is_file()), None)
    if kind == "transformers" and _model_type(folder / "config.json") in _PAIRED:
        return "paired"
    return kind


def _model_type(config: Path) -> str | None:
    try:
        return json.loads(config.read_text()).get("model_type")
    except (ValueError, AttributeError):  # transformers says what is wrong with it
        return None


def check_folder(folder: Path) -> Path:
    """Return `folder` if it holds a model with weights."""
    if not is_folder(folder):
        raise EncoderError(
            f"the encoder's folder {str(folder.absolute())!r} is not there: copy it to that place, or fit with "
            "a folder that is there"
        )
    if kind_of(folder) is None:
        raise EncoderError(
            f"the folder of an encoder must hold a sentence-transformers or transformers model; {str(folder)!r} "
            "has no modules.json and no config.json, so pass a folder written by save_pretrained"
        )
    if not weight_files(folder):
        raise EncoderError(
            f"the folder of an encoder must hold weights; {str(folder)!r} has neither *.safetensors nor "
            "*.bin, so download it again"
        )
    return folder


def weight_files(folder: Path) -> list[Path]:
    """Return the files that hold weights, safetensors before any other format."""
    return sorted(folder.rglob("*.safetensors")) or sorted(folder.rglob("*.bin"))


def _in_hub_cache(model: HubModel, revision: str | None) -> Path:
    """Return the folder in the cache if it is sure which kind of model it holds."""
    modules = _cached(model, "modules.json", revision)
    if isinstance(modules, str):
        return check_folder(Path(modules).parent)
    # transformers downloads no modules.json: that it is missing proves nothing unless the Hub said so.
    if model.kind in ("transformers", "paired") or modules is not None:
        return _in_hub_cache_as_it_is(model, revision)
    raise EncoderError("not in the Hub cache")


def _in_hub_cache_as_it_is(model: HubModel, revision: str | None) -> Path:
    config = _cached(model, "config.json", revision)
    if not isinstance(config, str) or model.kind == "sentence":
        raise EncoderError("not in the Hub cache")
    return check_folder(Path(config).parent)


def _cached(model: HubModel, file: str, revision: str | None) -> object:
    """Return the path of a cached file, a mark if it is known to be absent on the Hub, or None."""
    return import_client(EncoderError).try_to_load_from_cache(model.repo, file, revision=revision)


def _in_package(model: HubModel, revision: str | None) -> Path:
    if model.package is None or revision is not None:
        raise EncoderError("no package holds a copy" + (" of that revision" if revision else ""))
    try:
        package = import_optional(model.package, str(model.extra))
    except MissingExtraError as error:
        raise EncoderError(f"the package {model.package} is not installed") from error
    return check_folder(Path(package.get_model_path()))


def _on_hub(model: HubModel, revision: str | None) -> Path:
    hub = import_client(EncoderError)
    marks = [_MARKS[model.kind]] if model.kind else list(dict.fromkeys(_MARKS.values()))
    try:
        # Without a network a download tries for half a minute; this request does not try again.
        info = hub.HfApi(**SENDER).model_info(model.repo, revision=revision, timeout=request_timeout())
        files = {file.rfilename for file in info.siblings or []}
        if files.isdisjoint(marks):
            raise EncoderError(
                f"the Hub has it, but without {' or '.join(marks)}, so in a format that is not read"
            )
        unused = [*_UNUSED, "*.bin"] if any(file.endswith(".safetensors") for file in files) else _UNUSED
        folder = hub.snapshot_download(model.repo, revision=revision, ignore_patterns=unused, **SENDER)
        if "modules.json" not in files:
            # The cache notes the error that there is none, so that no later session has to ask.
            with suppress(OSError):
                hub.hf_hub_download(model.repo, "modules.json", revision=revision, **SENDER)
    except EncoderError:
        raise
    except Exception as error:  # the client lets errors of its HTTP library through, which changes
        raise EncoderError(explain(error)) from error
    return check_folder(Path(folder))
