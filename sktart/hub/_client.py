"""The client of the Hub: how it is imported, who asks, and for how long."""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType

from sktart import __version__
from sktart.exceptions import CheckpointError, SktartError

SENDER = {"library_name": "sktart", "library_version": __version__}
TIMEOUT_S = 5.0


def import_client(error: type[SktartError] = CheckpointError) -> ModuleType:
    """Return the package ``huggingface_hub``; all that needs it comes through here first."""
    try:
        import_module("huggingface_hub.file_download")
    except ValueError as cause:
        names = sorted(name for name in os.environ if name.startswith("HF_"))
        settings = [name if "TOKEN" in name else f"{name}={os.environ[name]!r}" for name in names]
        raise error(
            f"huggingface_hub cannot be set up from the environment ({cause}): correct or unset one of "
            f"{', '.join(settings)}"
        ) from cause
    return import_module("huggingface_hub")


def request_timeout() -> float:
    """Return for how many seconds a request may be without an answer: 5, or ``HF_HUB_ETAG_TIMEOUT``."""
    constants = import_client().constants
    seconds: float = constants.HF_HUB_ETAG_TIMEOUT
    return TIMEOUT_S if seconds == constants.DEFAULT_ETAG_TIMEOUT else seconds
