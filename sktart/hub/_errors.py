"""Why a request to the Hub failed, and what to do about it, in one line."""

from __future__ import annotations

_BY_STATUS = {
    401: "the token is not accepted, or the repository does not exist: log in by `hf auth login`, or check the name",
    403: "access is refused: ask for access on the page of the repository, and log in by `hf auth login`",
    404: "there is no such file, revision or repository: check the name and the revision",
    429: "there were too many requests: wait some minutes, or log in by `hf auth login` for a higher limit",
}


def explain(error: BaseException) -> str:
    """Return reason and cure of an error that the client of the Hub raised.

    Examples
    --------
    >>> explain(OSError(28, "No space left on device"))
    'the Hub cache cannot be used ([Errno 28] No space left on device): make room or make it yours, or set HF_HUB_CACHE'
    """
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    for cause in chain:
        if isinstance(cause, OfflineModeIsEnabled):
            return "HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set: unset it"
        if isinstance(cause, HfHubHTTPError):
            status = cause.response.status_code
            reason = _BY_STATUS.get(status, "the server is out of order: try again later")
            return f"{reason} (HTTP {status} from {cause.response.url.host})"
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError):
        return f"the Hub cache cannot be used ({error}): make room or make it yours, or set HF_HUB_CACHE"
    what = f"{type(chain[-1]).__name__}: {chain[-1]}".splitlines()[0]
    return f"the connection failed ({what}): check the network, HF_ENDPOINT, HF_TOKEN and HTTPS_PROXY"
