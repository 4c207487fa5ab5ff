"""FittedContext: what a fitted TartReasoner keeps, and how it travels without the network."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import GenericAlias
from typing import TYPE_CHECKING, Any, get_type_hints

import numpy as np
from safetensors import SafetensorError

from sktart import __version__
from sktart._runtime import resolve_device, resolve_dtype
from sktart.exceptions import CheckpointError, CheckpointIntegrityError, SavedModelError
from sktart.zoo._info import CheckpointIdentity
from sktart.zoo._networks import NETWORKS, NetworkKey, copy_to_device
from sktart.zoo._registry import share_checkpoint

if TYPE_CHECKING:
    import torch

    from sktart.contexts._net import ContextNet
    from sktart.reasoners._base import Reasoner
    from sktart.zoo._checkpoint import Checkpoint

FORMAT = 3
CURES = (
    "load a folder that holds these weights first, sktart.load_checkpoint(folder), or save the model together with its "
    "weights where it still answers, sktart.save(model, path, weights=True)"
)


class FittedContext:
    """Contexts that were read, and which network read them.

    A pickle holds the contexts and the identity of the checkpoint. The network is found again at the first answer:
    in this process, else where the checkpoint's name says, and it must have the same weights.

    `device` and `dtype` are as the user asked for them: ``"auto"`` may be another device where a pickle is read. The
    other parameters are those of :class:`~sktart.contexts._net.ContextNet`.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        contexts: Any,
        *,
        device: str,
        dtype: str,
        batch_size: int,
        temperature: float,
        log_prior_shift: np.ndarray,
    ) -> None:
        from sktart.contexts._packing import map_tensors

        self.identity = checkpoint.identity
        self.config: dict[str, Any] = checkpoint.reasoner.config.to_dict()
        self.device, self.dtype = device, dtype
        self.batch_size, self.temperature = batch_size, float(temperature)
        self.log_prior_shift = log_prior_shift
        self.weights: bytes | None = None
        # As they will be after a pickle: sums over another layout may differ in the last bit.
        contexts = map_tensors(lambda tensor: tensor.contiguous(), tuple(contexts))
        self.contexts: bytes | None = None
        self._net: ContextNet | None = self._make_net(checkpoint, contexts, resolve_device(device))

    def log_proba(self, rows: np.ndarray) -> np.ndarray:
        """Return log-probabilities (M, C) for query rows (M, D)."""
        net = self._net
        return (self._restore_net() if net is None else net).log_proba(rows)

    @property
    def reasoner(self) -> Reasoner:
        """The network that read the contexts."""
        net = self._net
        reasoner: Reasoner = (self._restore_net() if net is None else net).module_.reasoner
        return reasoner

    def carrying(self, weights: bool) -> FittedContext:
        """Return a copy as it comes out of a pickle, that carries the weights of the network, or none."""
        import safetensors.torch

        carried = None
        if weights and (carried := self.weights) is None:
            net = self._net
            reasoner = (
                self._load(resolve_device(self.device)).reasoner if net is None else net.module_.reasoner
            )
            carried = safetensors.torch.save({k: tensor.cpu() for k, tensor in reasoner.state_dict().items()})
        copy = object.__new__(FittedContext)
        copy.__setstate__(self.__getstate__() | {"weights": carried})
        return copy

    @property
    def keeps_rows(self) -> bool:
        """Whether the labelled rows themselves are part of what is kept."""
        from sktart.reasoners._families import REASONERS

        return REASONERS[self.config["family"]].keeps_rows

    def __repr__(self) -> str:
        return f"FittedContext({self.identity.name!r})"

    def __deepcopy__(self, memo: Any) -> FittedContext:
        return self  # nothing changes it after fit

    def __getstate__(self) -> dict[str, Any]:
        from sktart.contexts._packing import pack

        # In this order, as another thread may be at `_restore_net`.
        contexts = self.contexts
        if contexts is None:
            assert self._net is not None
            contexts = pack(self._net.module_.contexts)
        identity = {"name": self.identity.name, "sha256": self.identity.sha256}
        stamp = {"format": FORMAT, "version": __version__}
        kept = {key: value for key, value in vars(self).items() if key != "_net"}
        return {**kept, **stamp, "identity": identity, "contexts": contexts}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        written, version = state.pop("format", None), state.pop("version", None)
        if written != FORMAT:
            raise SavedModelError(
                f"this model was saved by sktart {version} in format {written}; sktart {__version__} reads format "
                f"{FORMAT}: load it with sktart {version}, or fit again"
            )
        self.__dict__.update(state, identity=CheckpointIdentity(**state["identity"]), _net=None)

    def _restore_net(self) -> ContextNet:
        """Find the network, and put the contexts of a pickle before it."""
        from sktart.contexts._packing import unpack

        packed = self.contexts
        if packed is not None:  # None: another thread was here
            device = resolve_device(self.device)
            checkpoint = self._load(device)
            # The family's type of a context.
            kind = get_type_hints(type(checkpoint.reasoner).read_context)["return"]
            self._net = self._make_net(
                checkpoint, unpack(packed, GenericAlias(tuple, (kind, ...)), device), device
            )
            self.contexts = None
        assert self._net is not None
        return self._net

    def _make_net(self, checkpoint: Checkpoint, contexts: Any, device: torch.device) -> ContextNet:
        from sktart.contexts._net import ContextNet

        return ContextNet(
            checkpoint.reasoner,
            contexts,
            batch_size=self.batch_size,
            device=device,
            temperature=self.temperature,
            log_prior_shift=self.log_prior_shift,
        )

    def _load(self, device: torch.device) -> Checkpoint:
        dtype = resolve_dtype(self.dtype)
        if self.weights is not None:
            return self._load_carried(self.weights, device, dtype)
        here = NETWORKS.find(self.identity.sha256, self.config, device, dtype)
        if here is not None:
            return here
        try:
            found = share_checkpoint(self.identity.name, device=device, dtype=dtype)
        except CheckpointError as error:
            back = "copy the folder back to that place, " if Path(self.identity.name).is_absolute() else ""
            raise CheckpointError(
                f"this model was fitted with checkpoint {self.identity.name!r}, sha256 {self.identity.sha256}, and "
                f"cannot answer without it: {error}; {back}{CURES}"
            ) from error
        if (found.identity.sha256, found.reasoner.config.to_dict()) != (self.identity.sha256, self.config):
            raise CheckpointIntegrityError(
                f"this model was fitted with checkpoint {self.identity.name!r} of sha256 {self.identity.sha256} and "
                f"{self.config}; here it has sha256 {found.identity.sha256} and {found.reasoner.config.to_dict()}, and "
                f"would answer differently; {CURES}"
            )
        return found

    def _load_carried(self, weights: bytes, device: torch.device, dtype: torch.dtype) -> Checkpoint:
        import safetensors.torch

        from sktart.reasoners._config import config_from_dict
        from sktart.reasoners._families import assemble_reasoner
        from sktart.zoo._checkpoint import Checkpoint

        # Under a hash of their own, so that no other model takes them for the checkpoint that they say to be.
        sha256 = hashlib.sha256(weights).hexdigest()

        def build() -> Checkpoint:
            try:
                reasoner = assemble_reasoner(config_from_dict(self.config), safetensors.torch.load(weights))
            except (SafetensorError, RuntimeError) as error:
                raise SavedModelError(
                    f"the saved weights are damaged ({error}); save the model again"
                ) from error
            name = self.identity.name
            return copy_to_device(Checkpoint(name, reasoner, CheckpointIdentity(name, sha256)), device, dtype)

        return NETWORKS.get(NetworkKey.of(sha256, json.dumps(self.config), device, dtype), build)
