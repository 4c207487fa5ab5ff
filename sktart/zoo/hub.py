"""A checkpoint folder in a repository of the Hub: found in the cache without any request, or fetched."""

from __future__ import annotations

import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sktart._hub_names import is_repository, is_revision
from sktart._version import __version__
from sktart.exceptions import CheckpointError
from sktart.zoo.info import PARTS
from sktart.zoo.integrity import is_digest
from sktart.zoo.unreachable import ELSEWHERE, explain

TIMEOUT_S = 3.0
_COMMIT = re.compile(r"[0-9a-f]{40}")
# org/repo[@revision][/path], as in URIs of the Hub, or org/repo[/path][@revision]
_REFERENCE = re.compile(
    r"(?:hf://(?:models/)?)?(?P<repo>\w[\w.-]*/\w[\w.-]*)(?:@(?P<first>[^/@]+))?"
    r"(?P<path>(?:/\w[\w.+-]*)*)/?(?:@(?P<last>[^@]+))?"
)


@dataclass(frozen=True)
class HubFolder:
    """A folder of a model repository.

    Parameters
    ----------
    repo : str
        ``organisation/name``.
    path : str
        Below the root of the repository; empty for the root itself.
    revision : str
        Full commit, branch or tag.

    Examples
    --------
    >>> str(HubFolder("org/zoo", "any/text/mine", "v1"))
    'org/zoo/any/text/mine@v1'
    """

    repo: str
    path: str = ""
    revision: str = "main"

    @classmethod
    def parse(cls, reference: str) -> HubFolder | None:
        """Read ``org/repo/path@revision`` or ``hf://org/repo@revision/path``; None if it is neither.

        A revision is made of letters, digits and ``._-``, in parts with ``/`` between them.

        Examples
        --------
        >>> HubFolder.parse("hf://org/zoo@v1/any/text/mine") == HubFolder.parse("org/zoo/any/text/mine@v1")
        True
        >>> HubFolder.parse("org/zoo"), HubFolder.parse("gram-base")
        (HubFolder(repo='org/zoo', path='', revision='main'), None)
        """
        match = _REFERENCE.fullmatch(reference)
        if match is None or (match["first"] and match["last"]) or ".." in reference:
            return None
        revision = match["first"] or match["last"] or "main"
        if not is_revision(revision) or not is_repository(match["repo"]):
            return None
        return cls(match["repo"], match["path"].strip("/"), revision)

    def __str__(self) -> str:
        return f"{'/'.join(filter(None, (self.repo, self.path)))}@{self.revision}"

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a commit, so that the files can never change."""
        return _COMMIT.fullmatch(self.revision) is not None

    def file(self, part: str) -> str:
        """Return the place of a file in the repository."""
        return f"{self.path}/{part}" if self.path else part

    def cached(self) -> Path | None:
        """Return the folder in the Hub cache if all files are there; no request is made."""
        from huggingface_hub import try_to_load_from_cache

        try:
            places = [
                try_to_load_from_cache(self.repo, self.file(part), revision=self.revision) for part in PARTS
            ]
        except (
            OSError
        ):  # a cache that we may not read does not have it; `fetch` says what is the matter with it
            return None
        return Path(places[0]).parent if all(isinstance(place, str) for place in places) else None  # type: ignore[arg-type]

    def expected(self) -> str:
        """Return where in the Hub cache the weights are looked for."""
        from huggingface_hub.constants import HF_HUB_CACHE

        repository = Path(HF_HUB_CACHE) / f"models--{self.repo.replace('/', '--')}"
        commit = self.revision if self.is_pinned else "<commit>"
        return str(repository / "snapshots" / commit / self.file(PARTS[-1]))

    def fetch(self) -> Path:
        """Download what the cache lacks, and return the folder in the cache.

        Raises
        ------
        CheckpointError
            If the Hub does not answer within seconds, or refuses, or the cache cannot be written.
        """
        from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

        part = self.file(PARTS[0])
        us: Any = {"library_name": "sktart", "library_version": __version__}
        try:
            timeout = float(os.environ.get("HF_HUB_ETAG_TIMEOUT", TIMEOUT_S))
            url = hf_hub_url(self.repo, part, revision=self.revision)
            _check_answers(url, timeout)
            commit = get_hf_file_metadata(url, timeout=timeout, **us).commit_hash
            if commit is None:
                raise ValueError(f"{url} is answered by something that is no Hub")
            for name in PARTS:
                part = self.file(name)
                place = hf_hub_download(self.repo, part, revision=commit, **us)
            if not self.is_pinned:
                # Once more by the name of the revision: the cache then knows for which commit it stands.
                place = hf_hub_download(self.repo, part, revision=self.revision, **us)
        except Exception as error:  # the client lets errors of its HTTP library through, which changes
            raise CheckpointError(
                f"{part} of {self.repo} at {self.revision} could not be fetched: {explain(error)}. "
                f"It belongs at {self.expected()}. {ELSEWHERE}"
            ) from error
        return Path(place).parent


def _check_answers(url: str, timeout: float) -> None:
    """Raise unless something answers at `url` within `timeout` seconds, be it an error.

    A download tries for half a minute before it gives up, and a look-up of the name of the host knows no time-out:
    so one request is made before all others, in a thread that is left behind if it takes too long.
    """
    from huggingface_hub import get_session

    # Made before the clock runs: reading certificates takes seconds where many processes share a core.
    session = get_session()
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            session.head(url, timeout=timeout, follow_redirects=False)
        except Exception as error:  # as in `fetch`, where it is explained
            errors.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(timeout)
    if thread.is_alive():
        raise TimeoutError(f"no answer within {timeout:g} s")
    if errors:
        raise errors[0]


def committed_digests(folder: Path) -> dict[str, str]:
    """Return the hash that the Hub gave to each file of a folder in its cache, as far as the links tell.

    The cache links each name to a file that is called by the hash; without links nothing is known.
    """
    named = {part: (folder / part).readlink().name for part in PARTS if (folder / part).is_symlink()}
    return {part: name for part, name in named.items() if is_digest(name)}


def evict(path: Path) -> str:
    """Remove a file of the Hub cache with what it links to, and return what was done as a clause.

    Examples
    --------
    >>> evict(Path("no such file"))
    'it was removed from the cache, so load it again'
    """
    try:
        while path.is_symlink():
            target = path.parent / path.readlink()
            path.unlink(missing_ok=True)
            path = target
        path.unlink(missing_ok=True)
    except OSError as error:
        return f"it could not be removed ({error.strerror}), so remove it and load it again"
    return "it was removed from the cache, so load it again"
