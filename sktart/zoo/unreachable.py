"""Why a download failed, and what to do about it, in one line."""

from __future__ import annotations

import os

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
    for cause in chain:
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if status in _BY_STATUS:
            return f"{_BY_STATUS[status]} (HTTP {status})"
        if isinstance(status, int) and status >= 500:
            return f"the Hub is out of order (HTTP {status}): try again later"
        if type(cause).__name__ == "OfflineModeIsEnabled":
            return "HF_HUB_OFFLINE is set: unset it"
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError):
        return f"the Hub cache cannot be written ({error.strerror}): make room, or set HF_HUB_CACHE to another folder"
    if isinstance(error, ValueError):
        return f"{_first_line(error)}: check the name and HF_ENDPOINT"
    names = {type(cause).__name__ for cause in chain}
    what = "did not answer in time" if any("Timeout" in name for name in names) else "could not be reached"
    if any("Consistency check failed" in str(cause) for cause in chain) or "RemoteProtocolError" in names:
        return f"the connection broke off ({_first_line(error)}): load it again"
    proxy = _proxy()
    check = f"check the network{f', the proxy in {proxy}' if proxy else ''} and HF_ENDPOINT"
    return f"the Hub {what} ({type(chain[-1]).__name__}: {_first_line(chain[-1])}): {check}"


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
