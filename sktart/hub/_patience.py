"""Requests that end in seconds, where the client of the Hub would wait for minutes, or as long as it is told to."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from sktart import __version__
from sktart.hub._client import import_client

US: dict[str, Any] = {"library_name": "sktart", "library_version": __version__}
TIMEOUT_S = 3.0
_LONGEST_S = 3600
_MOST_HOPS = 6
_LOGS = ("huggingface_hub.utils._http", "huggingface_hub.file_download")
_REFUSED = re.compile(r"HTTP Error (\d{3}) thrown while requesting \w+ (\S+)")
_TRIES_AGAIN = re.compile(r".* thrown while requesting |Error while downloading |Retrying in ")

Answer = TypeVar("Answer")


class SilenceError(TimeoutError):
    """Nothing came in time.

    Parameters
    ----------
    message : str
    url : str
        What was asked for.
    """

    def __init__(self, message: str, url: str) -> None:
        super().__init__(message)
        self.url = url


class WouldWaitError(ConnectionError):
    """The client was about to wait for as long as a server told it to.

    Parameters
    ----------
    status : int
        Of HTTP.
    url : str
        What was asked for.
    """

    def __init__(self, status: int, url: str) -> None:
        super().__init__(f"HTTP {status} from {url}")
        self.status, self.url = status, url


def answer_timeout() -> float:
    """Return for how many seconds each request may be without an answer.

    Raises
    ------
    ValueError
        If ``HF_HUB_ETAG_TIMEOUT`` is out of range.
    """
    import_client()
    seconds = int(os.environ.get("HF_HUB_ETAG_TIMEOUT", 0)) or TIMEOUT_S  # 0 is the default of the client too
    if not 0 < seconds <= _LONGEST_S:
        raise ValueError(f"HF_HUB_ETAG_TIMEOUT must be from 1 to {_LONGEST_S} seconds; got {seconds}")
    return seconds


def probe(url: str, timeout: float) -> str | None:
    """Ask for the first byte of a file at whatever place the Hub sends us to, and return its commit, if there is one.

    A download tries for half a minute before it gives up on a server that cannot be reached, waits for an hour if one
    says so, and knows no time-out for the look-up of a host: so this comes before all others.

    Raises
    ------
    Exception
        Whatever the client makes of a refusal, with the request; of silence a :class:`SilenceError`.
    """
    from huggingface_hub import get_session
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

    # Made before the clock runs: reading certificates takes seconds where many processes share a core.
    session = get_session()

    def ask(following: Any) -> Any:
        # Headers are made here, as the client asks the endpoint for some of what it tells about itself.
        request = following or session.build_request(
            "GET", url, headers={**build_hf_headers(**US), "Range": "bytes=0-0"}, timeout=timeout
        )
        response = session.send(request, stream=True, follow_redirects=False)
        # Of a refusal the client reads the text. A server that knows no ranges would send all of a file.
        response.read() if response.status_code >= 300 else response.close()
        return response

    commit = following = None
    for _ in range(_MOST_HOPS):
        place = url if following is None else str(following.url)
        response = _within(timeout, place, partial(ask, following))
        hf_raise_for_status(response)
        commit = commit or response.headers.get("X-Repo-Commit")
        # The library leaves the token out where the next host is another.
        following = response.next_request
        if following is None:
            return commit
    raise ValueError(f"{url} is sent from place to place")


@contextmanager
def impatient() -> Iterator[None]:
    """End a download of the client, in this thread, where it would begin to wait for a server.

    It tells by warnings in its log when it does, and by nothing else. Those that are about another attempt are not
    shown.

    Raises
    ------
    WouldWaitError
        If it was told to wait.
    Exception
        The time-out, if a server fell silent.
    """
    thread = threading.get_ident()

    def look(record: logging.LogRecord) -> bool:
        if threading.get_ident() != thread:
            return True
        message = record.getMessage()
        if refused := _REFUSED.match(message):
            raise WouldWaitError(int(refused[1]), refused[2])
        error = sys.exc_info()[1]  # what the client is about to forget
        if error is not None and "Timeout" in type(error).__name__:
            raise error
        return _TRIES_AGAIN.match(message) is None

    logs = [logging.getLogger(name) for name in _LOGS]
    for log in logs:
        log.addFilter(look)
    try:
        yield
    finally:
        for log in logs:
            log.removeFilter(look)


def _within(timeout: float, place: str, task: Callable[[], Answer]) -> Answer:
    """Return what `task` returns, or raise what it raises; a thread is left behind if it takes too long."""
    future: Future[Answer] = Future()

    def work() -> None:
        try:
            future.set_result(task())
        except BaseException as error:
            future.set_exception(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(timeout)
    if thread.is_alive():
        raise SilenceError(f"no answer within {timeout:g} s", place)
    return future.result()
