"""From the states of a sequence to one vector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from sktart.encoders._options import Pooling


def pool(states: torch.Tensor, counts: torch.Tensor | None, pooling: Pooling | None) -> torch.Tensor:
    """Pool the states that are no padding.

    Parameters
    ----------
    states : Tensor of shape (B, L, W)
        Padding is on the right.
    counts : Tensor of shape (B,), or None
        How many states of each sequence are no padding, at least 1; None if all are.
    pooling : {"mean", "last", "cls"} or None
        The mean, which is also what None means, the last or the first state.

    Returns
    -------
    Tensor of shape (B, W)
        In at least single precision.

    Examples
    --------
    >>> import torch
    >>> states = torch.tensor([[[1.0], [3.0], [9.0]]])
    >>> [pool(states, torch.tensor([2]), pooling).item() for pooling in ("mean", "last", "cls")]
    [2.0, 3.0, 1.0]
    """
    import torch

    if states.dtype in (torch.float16, torch.bfloat16):
        states = states.float()
    if pooling == "cls":
        return states[:, 0]
    if counts is None:
        return states[:, -1] if pooling == "last" else states.mean(1)
    if pooling == "last":
        return states[torch.arange(len(states), device=states.device), counts - 1]
    padding = torch.arange(states.shape[1], device=states.device) >= counts[:, None]
    # Not a product: padded states may be anything, NaN as well.
    return states.masked_fill(padding[:, :, None], 0).sum(1) / counts[:, None]


def choose_states(output: Any, layer: int | None, name: str) -> torch.Tensor:
    """Return the states of a layer from the output of a model.

    `layer` None and -1 stand for what the model returns, 0 for what goes into its first layer, as in ``hidden_states``.
    """
    if layer is None or layer == -1:
        return output.last_hidden_state
    layers = output.hidden_states
    if not -len(layers) <= layer < len(layers):
        raise ValueError(
            f"layer must be from {-len(layers)} to {len(layers) - 1} for {name}, where 0 is what "
            f"goes into the first layer; got {layer}"
        )
    return layers[layer]
