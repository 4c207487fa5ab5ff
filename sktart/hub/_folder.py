"""A checkpoint folder in a repository of the Hub: found in the cache without any request, or fetched."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sktart.exceptions import CheckpointError
from sktart.hub._client import import_client
from sktart.hub._integrity import is_digest
from sktart.hub._names import is_repository, is_revision
from sktart.hub._patience import US, answer_timeout, impatient, probe
from sktart.hub._unreachable import ELSEWHERE, explain

_COMMIT = re.compile(r"[0-9a-f]{40}")
# org/repo[@revision][/path], as in URIs of the Hub, or org/repo[/path][@revision]; in the former only refs/pr/1 and its
# like, as the Hub names what is neither a branch nor a tag, have '/' in the revision
_REFERENCE = re.compile(
    r"(?:hf://(?:models/)?)?(?P<repo>\w[\w.-]*/\w[\w.-]*)(?:@(?P<first>refs/[^/@]+/[^/@]+|[^/@]+))?"
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

        A revision is made of letters, digits and ``._-``, in parts with ``/`` between them. Where a path may follow,
        only one like ``refs/pr/1`` has ``/``.

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

    def cached(self, parts: Sequence[str]) -> Path | None:
        """Return the folder in the Hub cache if all files named are there; no request is made."""
        import_client()
        from huggingface_hub import try_to_load_from_cache

        try:
            places = [
                try_to_load_from_cache(self.repo, self.file(part), revision=self.revision) for part in parts
            ]
        except (
            OSError
        ):  # a cache that we may not read does not have it; `fetch` says what is the matter with it
            return None
        return Path(places[0]).parent if all(isinstance(place, str) for place in places) else None  # type: ignore[arg-type]

    def expected(self, part: str) -> str:
        """Return where in the Hub cache a file is looked for."""
        import_client()
        from huggingface_hub.constants import HF_HUB_CACHE

        repository = Path(HF_HUB_CACHE) / f"models--{self.repo.replace('/', '--')}"
        commit = self.revision if self.is_pinned else "<commit>"
        return str(repository / "snapshots" / commit / self.file(part))

    def fetch(self, parts: Sequence[str]) -> Path:
        """Download what the cache lacks, and return the folder in the cache.

        Raises
        ------
        CheckpointError
            If the Hub does not answer within seconds, or refuses, or the cache cannot be written.
        """
        import_client()
        from huggingface_hub import hf_hub_download, hf_hub_url, try_to_load_from_cache

        part = self.file(parts[0])
        try:
            timeout = answer_timeout()
            url = hf_hub_url(self.repo, part, revision=self.revision)
            commit = probe(url, timeout)
            if commit is None:
                raise ValueError(f"{url} is answered by something that is no Hub")
            part = self.file(parts[-1])  # large files are on another host
            if not isinstance(try_to_load_from_cache(self.repo, part, revision=commit), str):
                probe(hf_hub_url(self.repo, part, revision=commit), timeout)
            for name in parts:
                part = self.file(name)
                with impatient():
                    place = hf_hub_download(self.repo, part, revision=commit, **US)
            if not self.is_pinned:
                # Once more by the name of the revision: the cache then knows for which commit it stands.
                with impatient():
                    place = hf_hub_download(self.repo, part, revision=self.revision, **US)
        except Exception as error:  # the client lets errors of its HTTP library through, which changes
            raise CheckpointError(
                f"{part} of {self.repo} at {self.revision} could not be fetched: {explain(error)}. "
                f"It belongs at {self.expected(parts[-1])}. {ELSEWHERE}"
            ) from error
        return Path(place).parent


def committed_digests(folder: Path, parts: Sequence[str]) -> dict[str, str]:
    """Return the hash that the Hub gave to each file of a folder in its cache, as far as the links tell.

    The cache links each name to a file that is called by the hash; without links nothing is known.
    """
    named = {part: (folder / part).readlink().name for part in parts if (folder / part).is_symlink()}
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
