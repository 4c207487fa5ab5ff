"""Remove from the Hub cache what no registered checkpoint needs."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from sktart.exceptions import CheckpointError
from sktart.hub._client import import_client

# A download that takes longer would be cut off; checkpoints are a few megabytes.
ABANDONED_S = 3600.0


def prune(repos: Iterable[str], keep: Iterable[str], *, dry_run: bool = False) -> tuple[list[str], int]:
    """Remove old commits of repositories from the Hub cache, and what interrupted downloads left behind.

    Parameters
    ----------
    repos : iterable of str
        Repositories that hold registered checkpoints; all others are left alone.
    keep : iterable of str
        Commits to keep. What a branch or tag stands for is kept as well.
    dry_run : bool
        Remove nothing.

    Returns
    -------
    removed : list of str
        ``repository@commit``, and the paths of files.
    freed : int
        Bytes.

    Raises
    ------
    CheckpointError
        If something cannot be removed.
    """
    import_client()
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.errors import CacheNotFound

    try:
        cache = scan_cache_dir(HF_HUB_CACHE)
    except CacheNotFound:
        return [], 0
    kept, wanted = set(keep), sorted(set(repos))
    removed, plans = [], []
    for repo in sorted(cache.repos, key=lambda repo: repo.repo_id):
        if repo.repo_type != "model" or repo.repo_id not in wanted:
            continue
        old = sorted(
            one.commit_hash for one in repo.revisions if not one.refs and one.commit_hash not in kept
        )
        removed += [f"{repo.repo_id}@{commit}" for commit in old]
        # A copy of a repository has the same commits, so the plan must not see other repositories.
        plans.append(replace(cache, repos=frozenset([repo])).delete_revisions(*old))
    partial = [file for name in wanted for file in _abandoned(Path(HF_HUB_CACHE), name)]
    freed = sum(plan.expected_freed_size for plan in plans) + sum(file.stat().st_size for file in partial)
    if not dry_run:
        try:
            for plan in plans:
                plan.execute()
            for file in partial:
                file.unlink(missing_ok=True)
        except OSError as error:
            raise CheckpointError(f"{error.filename} cannot be removed: {error.strerror}") from error
    return [*removed, *map(str, partial)], freed


def _abandoned(cache: Path, repo: str) -> list[Path]:
    files = (cache / f"models--{repo.replace('/', '--')}" / "blobs").glob("*.incomplete")
    return sorted(file for file in files if time.time() - file.stat().st_mtime > ABANDONED_S)
