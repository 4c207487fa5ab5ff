"""Which names of repositories and revisions may reach the client of the Hub, which makes files of them."""

from __future__ import annotations

import re

from sktart.exceptions import CheckpointError, SktartError
from sktart.hub._client import import_client

REVISION_RULE = "a branch, tag or commit: at most 200 letters, digits and '._-', in parts with '/' between"
# A part neither begins with a dot nor holds two in a row, so that no path leads out of the cache.
_REVISION = re.compile(r"(?!.*\.\.)(?!.{201})[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


def is_revision(text: str) -> bool:
    """Tell whether `text` can be a branch, tag or commit that is safe as a name in the cache.

    Examples
    --------
    >>> is_revision("refs/pr/1"), is_revision("../main"), is_revision("/etc/passwd")
    (True, False, False)
    """
    return _REVISION.fullmatch(text) is not None


def is_repository(text: str, error: type[SktartError] = CheckpointError) -> bool:
    """Tell whether `text` is ``organisation/name`` as the Hub names models; the client has the rules.

    Examples
    --------
    >>> is_repository("org/zoo"), is_repository("zoo"), is_repository("org/a--b"), is_repository("datasets/org")
    (True, False, False, False)
    """
    validate = import_client(error).utils.validate_repo_id
    try:
        validate(text)
    except ValueError:
        return False
    return text.count("/") == 1 and not text.startswith(("datasets/", "models/", "spaces/"))
