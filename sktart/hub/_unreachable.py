"""Why a download failed, and what to do about it, in one line."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

HUB = "the Hub"
ELSEWHERE = (
    "Or run `sktart zoo pull` on a machine with a network and copy the folder that `sktart zoo where` shows; "
    "checkpoint='auto' needs no network"
)
_BY_STATUS = {
    401: "the Hub does not accept the token, or the repository does not exist: log in again by `hf auth login`, or "
    "check the name",
    403: "access is refused: ask for access on the page of the repository, and log in by `hf auth login`",
    404: "there is no such file, revision or repository: check the name and the revision",
    429: "there were too many requests: wait some minutes, or log in by `hf auth login` for a higher limit",
}


def explain(error: BaseException) -> str:
    """Return reason and cure of an error that the client of the Hub raised.

    Examples
    --------
    >>> explain(OSError(28, "No space left on device"))
    'the Hub cache cannot be written (No space left on device): make room, or set HF_HUB_CACHE to another folder'
    """
    chain = _chain(error)
    who = _who(chain)
    for cause in chain:
        response = getattr(cause, "response", None)
        status = getattr(response, "status_code", getattr(cause, "status", None))
        if status in _BY_STATUS:
            return f"{_BY_STATUS[status]} (HTTP {status}{'' if who == HUB else f' from {who}'.rstrip(',')})"
        if isinstance(status, int) and status >= 500:
            return f"{who} is out of order (HTTP {status}): try again later"
        if type(cause).__name__ == "OfflineModeIsEnabled":
            names = [name for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE") if os.environ.get(name)]
            return f"{' or '.join(names) or 'HF_HUB_OFFLINE'} is set: unset it"
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError):
        return _about_cache(error)
    if isinstance(error, UnicodeEncodeError):
        return f"the token has characters that no token has ({_first_line(error)}): check HF_TOKEN, or log in again"
    if isinstance(error, ValueError):
        what = _first_line(error)
        return what if "HF_" in what else f"{what}: check the name and HF_ENDPOINT"
    names_of = {type(cause).__name__ for cause in chain}
    silent = any("Timeout" in name or name == "SilenceError" for name in names_of)
    if any("Consistency check failed" in str(cause) for cause in chain) or "RemoteProtocolError" in names_of:
        return f"the connection broke off ({_first_line(error)}): load it again"
    proxy = _proxy()
    check = f"check the network{f', the proxy in {proxy}' if proxy else ''} and HF_ENDPOINT"
    what = "did not answer in time" if silent else "could not be reached"
    return f"{who} {what} ({type(chain[-1]).__name__}: {_first_line(chain[-1])}): {check}"


def _who(chain: list[BaseException]) -> str:
    """Return the Hub, or the host of the content, as a subject."""
    from huggingface_hub import constants

    for cause in chain:
        # Of errors of the HTTP library, which raises where there is no request; or of our own
        request = vars(cause).get("_request") or getattr(getattr(cause, "response", None), "request", None)
        url = getattr(request or cause, "url", None)
        if url is not None and (place := urlsplit(str(url)).netloc) != urlsplit(constants.ENDPOINT).netloc:
            return f"{place}, where the Hub keeps the content,"
    return HUB


def _about_cache(error: OSError) -> str:
    """Tell whether a cache of another user cannot be read, or one cannot be written."""
    place = Path(error.filename) if isinstance(error.filename, str) else None
    # Below a folder that may not be entered nothing seems to be there.
    while place is not None and place != place.parent and not os.access(place, os.F_OK):
        place = place.parent
    if place is not None and isinstance(error, PermissionError):
        needed = os.R_OK | os.X_OK if place.is_dir() else os.R_OK
        if not os.access(place, needed):
            return (
                f"the Hub cache cannot be read ({error.strerror}: {place}): make it readable, or set HF_HUB_CACHE to "
                "another folder"
            )
    return f"the Hub cache cannot be written ({error.strerror}): make room, or set HF_HUB_CACHE to another folder"


def _chain(error: BaseException) -> list[BaseException]:
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    return chain


def _proxy() -> str | None:
    """Return the name of the environment variable that sets a proxy; its value may hold a password."""
    names = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
    return next((name for name in names if os.environ.get(name) or os.environ.get(name.lower())), None)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "no details"
