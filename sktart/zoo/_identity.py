"""What tells one checkpoint from any other."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CheckpointIdentity:
    """Which checkpoint it is, so that it can be loaded again and recognised.

    Parameters
    ----------
    name : str
        What :func:`sktart.load_checkpoint` takes: a name of the registry, ``org/repo/path@commit`` of the Hub with
        the full commit, or the absolute path of a folder.
    sha256 : str
        Of ``model.safetensors``.

    Examples
    --------
    >>> str(CheckpointIdentity("gram-base", "93c51c821b0dd8b385a91a9fa8e36020e9aaeb12eeff8722a2b252b7028c6c6f"))
    'gram-base (sha256 93c51c821b0d…)'
    """

    name: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.name} (sha256 {self.sha256[:12]}…)"
