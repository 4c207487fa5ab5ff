"""The client of the Hub reads its settings from the environment when it is imported, and not all can be read."""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType

from sktart.exceptions import CheckpointError, SktartError


def import_client(error: type[SktartError] = CheckpointError) -> ModuleType:
    """Return the package ``huggingface_hub``; all that needs it comes through here first.

    Parameters
    ----------
    error : type
        What to raise.

    Raises
    ------
    SktartError
        Of that type, with the variables that are set, if the client cannot be set up from them.
    """
    try:
        import_module("huggingface_hub.file_download")
    except ValueError as cause:
        raise error(
            f"huggingface_hub cannot be set up from the environment ({cause}): correct or unset the variable with that "
            f"value; set are {', '.join(_settings())}"
        ) from cause
    return import_module("huggingface_hub")


def _settings() -> list[str]:
    names = sorted(name for name in os.environ if name.startswith(("HF_", "HUGGING")))
    return [name if "TOKEN" in name else f"{name}={os.environ[name]!r}" for name in names]
