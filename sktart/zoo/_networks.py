"""Networks that are built once a process, however many estimators, clones and threads use them."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING, Any, NamedTuple

from sktart.zoo._info import CONTENT, CheckpointIdentity

if TYPE_CHECKING:
    import torch

    from sktart.zoo._checkpoint import Checkpoint
    from sktart.zoo._resolve import FoundCheckpoint

MAX_NETWORKS = 8


class NetworkKey(NamedTuple):
    """What tells one built network from any other: hashes of weights and config, place and precision."""

    weights: str
    config: str
    device: str
    dtype: str

    @classmethod
    def of(
        cls, weights: str, config: str, device: str | torch.device, dtype: torch.dtype | None
    ) -> NetworkKey:
        """Write device and dtype in one way: ``"cuda"`` is the same place as ``"cuda:0"``."""
        import torch

        return cls(weights, config, str(torch.empty(0, device=device).device), str(dtype or torch.float32))


class NetworkCache:
    """The networks used last, shared by the threads of a process and inherited by its forks.

    Parameters
    ----------
    size : int
        Networks kept. One that was let go lives on in the estimators that use it.

    Attributes
    ----------
    n_built : int
        Networks that were built since the start.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.clear()

    def clear(self) -> None:
        """Forget all networks."""
        self._networks: OrderedDict[NetworkKey, Checkpoint] = OrderedDict()
        self.n_built = 0
        self.renew_lock()

    def renew_lock(self) -> None:
        """Make a new lock, as a forked process needs where a thread of its parent held the old one."""
        self._lock = RLock()

    def get(self, key: NetworkKey, build: Callable[[], Checkpoint]) -> Checkpoint:
        """Return the network of `key`, built by the first who asks; others wait. A failure is not remembered."""
        with self._lock:
            if key not in self._networks:
                self._networks[key] = build()
                self.n_built += 1
            self._networks.move_to_end(key)
            while len(self._networks) > self.size:
                self._networks.popitem(last=False)
            return self._networks[key]

    def find(
        self, sha256: str, config: dict[str, Any], device: str | torch.device, dtype: torch.dtype
    ) -> Checkpoint | None:
        """Return a network with these weights if one is there; no file is read."""
        with self._lock:
            for key, checkpoint in self._networks.items():
                if (checkpoint.identity.sha256, checkpoint.reasoner.config.to_dict()) == (sha256, config):
                    wanted = NetworkKey.of(key.weights, key.config, device, dtype)
                    return self.get(wanted, partial(copy_to_device, checkpoint, device, dtype))
        return None


NETWORKS = NetworkCache(MAX_NETWORKS)
if hasattr(os, "register_at_fork"):  # there is no fork on Windows
    os.register_at_fork(after_in_child=NETWORKS.renew_lock)


def load_shared(found: FoundCheckpoint, device: str | torch.device, dtype: torch.dtype | None) -> Checkpoint:
    """Return a checkpoint with its network from the cache; files of known hash are read only if it is not there."""
    digests, read = _identify(found)
    weights, config = (digests[part] for part in CONTENT)

    shared = NETWORKS.get(
        NetworkKey.of(weights, config, device, dtype),
        lambda: copy_to_device(found.load(read), device, dtype, found),
    )
    identity = CheckpointIdentity(found.source, shared.identity.sha256)
    if (shared.name, shared.identity) == (found.name, identity):
        return shared
    return replace(shared, name=found.name, identity=identity)


def copy_to_device(
    checkpoint: Checkpoint,
    device: str | torch.device,
    dtype: torch.dtype | None,
    found: FoundCheckpoint | None = None,
) -> Checkpoint:
    """Return a copy of a checkpoint with its network on a device, in a precision.

    All come from float32 or less, so that a network in float32 is the same by way of float64. On a device on which no
    release was tested its answers are compared with the golden predictions of `found`, or with those of the original.
    """
    import torch

    from sktart.zoo import _golden as golden

    reasoner = deepcopy(checkpoint.reasoner).to(device=device, dtype=dtype or torch.float32)
    if next(reasoner.parameters()).device.type not in golden.TRUSTED:
        if found is not None:
            golden.check_golden(found, reasoner)
        else:
            golden.compare(golden.golden_predictions(checkpoint.reasoner), reasoner, checkpoint.name)
    return replace(checkpoint, reasoner=reasoner)


def _identify(found: FoundCheckpoint) -> tuple[dict[str, str], Callable[[str], bytes]]:
    """Return the hashes of weights and config, and what reads the files that have them.

    Files without a known hash are read here, each time: size and time stamp do not tell that one is as it was, and
    the bytes that were hashed must be those that are used.
    """
    from sktart.zoo._folder import CheckpointFolder

    digests = dict(found.digests)
    unknown = [part for part in CONTENT if part not in digests]
    contents = CheckpointFolder.read(found.folder, unknown).contents if unknown else {}
    digests |= {part: hashlib.sha256(content).hexdigest() for part, content in contents.items()}
    return digests, lambda part: contents[part] if part in contents else found.read(part)
