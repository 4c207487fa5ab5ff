"""A checkpoint folder in a repository of the Hub: found in the cache without any request, or downloaded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sktart.exceptions import CheckpointError
from sktart.hub._client import SENDER, import_client, request_timeout
from sktart.hub._errors import explain
from sktart.hub._names import is_repository, is_revision

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
        return re.fullmatch("[0-9a-f]{40}", self.revision) is not None

    def file(self, part: str) -> str:
        """Return the place of a file in the repository."""
        return f"{self.path}/{part}" if self.path else part

    def cached(self, parts: Sequence[str]) -> Path | None:
        """Return the folder in the Hub cache if all files named are there; no request is made."""
        find = import_client().try_to_load_from_cache
        try:
            places = [find(self.repo, self.file(part), revision=self.revision) for part in parts]
        except OSError:  # `fetch` says what is the matter with a cache that cannot be read
            return None
        return Path(places[0]).parent if all(isinstance(place, str) for place in places) else None

    def expected(self, part: str) -> str:
        """Return where in the Hub cache a file is looked for."""
        repository = Path(import_client().constants.HF_HUB_CACHE) / f"models--{self.repo.replace('/', '--')}"
        commit = self.revision if self.is_pinned else "<commit>"
        return str(repository / "snapshots" / commit / self.file(part))

    def fetch(self, parts: Sequence[str]) -> Path:
        """Download what the cache lacks, and return the folder in the cache."""
        hub, part = import_client(), parts[0]
        try:
            # Without a network a download tries for half a minute; this request does not try again.
            url = hub.hf_hub_url(self.repo, self.file(part), revision=self.revision)
            metadata = hub.get_hf_file_metadata(url, timeout=request_timeout(), **SENDER)
            commit = metadata.commit_hash or self.revision
            for part in parts:
                file = hub.hf_hub_download(self.repo, self.file(part), revision=commit, **SENDER)
            # By the name of a branch once more: the cache then knows for which commit it stands.
            hub.hf_hub_download(self.repo, self.file(part), revision=self.revision, **SENDER)
        except Exception as error:  # the client lets errors of its HTTP library through, which changes
            raise CheckpointError(
                f"{self.file(part)} of {self.repo} at {self.revision} could not be fetched: {explain(error)}. "
                f"It belongs at {self.expected(part)}. Without a network, copy the cache of a machine that ran "
                "`sktart zoo pull`, or use checkpoint='auto'"
            ) from error
        return Path(file).parent
