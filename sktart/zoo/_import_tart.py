"""Weights of the reference project (PyTorch state dicts of its ``TransformerModel``) as checkpoint folders."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Mapping
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor

from sktart import __version__
from sktart.exceptions import CheckpointError
from sktart.reasoners._config import DecoderConfig
from sktart.reasoners._families import assemble_reasoner, build_reasoner
from sktart.zoo._checkpoint import Checkpoint, load_folder, save_checkpoint
from sktart.zoo._golden import golden_predictions

CHANNELS_PER_HEAD = 32  # of the published heads, and of the reference code's defaults
PUBLISHED = (256, 12)  # width and layers

# Reference name -> our name; "{i}" is the number of a block. GPT-2 keeps its matrices transposed.
OUTER = {
    "_read_in.weight": "read_in.weight",
    "_read_in.bias": "read_in.bias",
    "_backbone.wpe.weight": "positions.weight",
    "_backbone.ln_f.weight": "norm.weight",
    "_backbone.ln_f.bias": "norm.bias",
    "_read_out.weight": "read_out.weight",
    "_read_out.bias": "read_out.bias",
}
BLOCK = {
    "ln_1": "norm",
    "attn.c_attn": "query_key_value",
    "attn.c_proj": "out",
    "ln_2": "mlp_norm",
    "mlp.c_fc": "mlp_in",
    "mlp.c_proj": "mlp_out",
}
# A token table that inputs of features never use, and masks that old versions of transformers stored.
UNUSED = re.compile(r"_backbone\.wte\.weight|_backbone\.h\.\d+\.attn\.(bias|masked_bias)")


def import_tart(
    weights: str | PathLike[str], out: str | PathLike[str], *, n_heads: int | None = None
) -> Checkpoint:
    """Turn a state dict of the reference project into a checkpoint folder, and load it.

    Parameters
    ----------
    weights : path
        What ``torch.save`` wrote: the state dict of the reference project's ``TransformerModel``, or a training
        state that holds one. Reading it runs no code from it (``weights_only=True``).
    out : path
        Folder to write; other files in it are left alone.
    n_heads : int, optional
        Attention heads, the only number that shapes do not tell. None means one for each 32 channels, as in the
        published heads and the reference code's defaults; networks of another size get a warning.

    Returns
    -------
    Checkpoint
        Use it by its folder: ``TartReasoner(out)``.

    Raises
    ------
    CheckpointError
        If the file cannot be read, keys are missing or unknown, or shapes or values do not fit. The message lists
        all faults, and nothing is written.

    References
    ----------
    https://github.com/HazyResearch/TART, ``src/reasoning_module/models.py``.
    """
    path, folder = Path(weights), Path(out)
    state = _read(path)
    config = _infer_config(state, n_heads)
    converted = _convert(state, config)
    reasoner = assemble_reasoner(config, converted)
    source = {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    recipe = {"name": folder.name, "network": config.to_dict(), "imported": source}
    metrics = {"imported": {**source, "sktart": __version__}, "golden": golden_predictions(reasoner)}
    save_checkpoint(folder, reasoner, recipe=recipe, metrics=metrics)
    return load_folder(folder)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"no weights can be read at {path}: {error.strerror}") from error
    # torch.load has no error of its own: it raises UnpicklingError, KeyError, EOFError, RuntimeError ...
    except Exception as error:
        raise CheckpointError(
            f"{path} cannot be read safely as a PyTorch state dict ({type(error).__name__}); "
            "save it by torch.save(model.state_dict(), ...)"
        ) from error
    if isinstance(state, Mapping) and "model_state_dict" in state:
        state = state["model_state_dict"]
    if not isinstance(state, Mapping):
        raise CheckpointError(
            f"{path} must hold a state dict, names to tensors; it holds a {type(state).__name__}"
        )
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise CheckpointError(
                f"{path} must hold a state dict, names to tensors; it holds a {type(value).__name__} under {key!r}"
            )
    return {key: value for key, value in state.items() if not UNUSED.fullmatch(key)}


def _names(n_layers: int) -> dict[str, str]:
    """Return all names of the reference with ours."""
    blocks = {
        f"_backbone.h.{i}.{theirs}.{part}": f"blocks.{i}.{ours}.{part}"
        for i in range(n_layers)
        for theirs, ours in BLOCK.items()
        for part in ("weight", "bias")
    }
    return OUTER | blocks


def _infer_config(state: Mapping[str, Tensor], n_heads: int | None) -> DecoderConfig:
    blocks = [int(match[1]) for key in state if (match := re.match(r"_backbone\.h\.(\d+)\.", key))]
    names = _names(max(blocks, default=0) + 1)
    missing, unknown = sorted(set(names) - set(state)), sorted(set(state) - set(names))
    if missing or unknown:
        raise CheckpointError(
            "this is no state dict of the reference project's TransformerModel: "
            f"missing keys {missing}, unknown keys {unknown}"
        )
    for key, rank in (("_read_in.weight", 2), ("_backbone.wpe.weight", 2)):
        if state[key].ndim != rank:
            raise CheckpointError(f"{key} must have {rank} dimensions; got shape {tuple(state[key].shape)}")
    width, n_features = state["_read_in.weight"].shape
    n_positions = len(state["_backbone.wpe.weight"])
    if n_positions % 2:
        raise CheckpointError(
            f"the number of positions must be even, two for each pair of a row and its label; got {n_positions}: "
            "heads with several labels a row (n_y > 1) are not supported"
        )
    if n_heads is None and width % CHANNELS_PER_HEAD:
        raise CheckpointError(f"n_heads cannot be guessed for width {width}; pass it (--heads)")
    if n_heads is None and (width, max(blocks) + 1) != PUBLISHED:
        warnings.warn(
            f"weights do not tell the number of attention heads; {width // CHANNELS_PER_HEAD} is taken, one for each "
            f"{CHANNELS_PER_HEAD} channels: pass n_heads (--heads) if it was another, or the answers are wrong",
            stacklevel=3,
        )
    return DecoderConfig(
        width=width,
        n_layers=max(blocks) + 1,
        n_heads=width // CHANNELS_PER_HEAD if n_heads is None else n_heads,
        n_features=n_features,
        n_pairs=n_positions // 2,
    )


def _convert(state: Mapping[str, Tensor], config: DecoderConfig) -> dict[str, Tensor]:
    with torch.device("meta"):
        expected = build_reasoner(config).state_dict()
    converted, problems = {}, []
    for theirs, ours in _names(config.n_layers).items():
        value = state[theirs]
        if theirs.startswith("_backbone.h.") and value.ndim == 2:
            value = value.T
        if value.shape != expected[ours].shape:
            problems.append(f"{theirs} has shape {tuple(state[theirs].shape)}")
        elif not value.is_floating_point() or not bool(value.isfinite().all()):
            problems.append(f"{theirs} must hold finite floating-point numbers")
        else:
            converted[ours] = value.float().contiguous()
    if problems:
        raise CheckpointError(f"these weights do not fit {config}: {'; '.join(problems)}")
    return converted
