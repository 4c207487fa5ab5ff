"""What is known of a checkpoint: its identity, and its row in the registry."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

WEIGHTS = "model.safetensors"
# What a checkpoint consists of; the weights come last, so that they are there only when all is.
PARTS = ("config.json", "recipe.json", "metrics.json", WEIGHTS)

# Of these, what makes the network: the heads of a decoder, for one, do not show in its weights.
CONTENT = (WEIGHTS, "config.json")

MODALITIES = ("any", "text", "image", "audio", "tabular")


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


@dataclass(frozen=True)
class CheckpointInfo:
    """What the registry knows of one checkpoint.

    Parameters
    ----------
    name : str
        What ``TartReasoner(checkpoint=...)`` takes.
    family : str
    dimension, modality : str
        ``"any"`` or what the checkpoint is meant for.
    path : str
        Place inside the zoo, ``<dimension>/<modality>/<name>``.
    embedded : str or None
        Place inside the package; None if the checkpoint does not come with it.
    commit : str or None
        Commit of the Hub repository that holds the files; None before it is published there.
    files : dict
        From the name of each file to its ``sha256`` and ``bytes``.
    limits : dict
        Largest numbers of context ``rows``, ``features`` and ``classes``; None where there is no limit.
    recipe : str
        Hash of the recipe, as ``Recipe.fingerprint`` makes it.
    metrics : dict
        Distance to the Bayes-optimal predictor in nats, by number of context rows: ``"kl_64"``.
    licence : str
        SPDX name.

    Examples
    --------
    >>> from sktart import list_checkpoints
    >>> default = list_checkpoints()[0]
    >>> default.name, default.family, default.licence
    ('gram-base', 'gram', 'BSD-3-Clause')
    """

    name: str
    family: str
    dimension: str
    modality: str
    path: str
    embedded: str | None
    commit: str | None
    files: dict[str, dict[str, Any]]
    limits: dict[str, int | None]
    recipe: str
    metrics: dict[str, float]
    licence: str

    @property
    def sha256(self) -> str:
        """Of ``model.safetensors``."""
        return self.files[WEIGHTS]["sha256"]

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(file["bytes"] for file in self.files.values())

    def reads(self, n_features: int | None, modality: str | None) -> bool:
        """Tell whether the checkpoint is for so many features of that modality; None is any."""
        if modality not in (None, *MODALITIES):
            raise ValueError(
                f"modality must be None or one of {', '.join(map(repr, MODALITIES))}; got {modality!r}"
            )
        most = self.limits["features"]
        fits = n_features is None or most is None or n_features <= most
        return fits and (modality is None or self.modality in ("any", modality))

    def to_dict(self) -> dict[str, Any]:
        """Return the row as ``registry.json`` has it."""
        return asdict(self)
