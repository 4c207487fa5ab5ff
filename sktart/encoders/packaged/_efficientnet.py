"""EfficientNet-Lite0 trained on ImageNet, from two packages: its network and its weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sktart._runtime import import_optional

if TYPE_CHECKING:
    import torch

_SIDE = 224  # pixels, as in its training
# Its training took (pixel - 127) / 128: `efficientnet_lite_builder.py` of the authors.
_MEAN, _SCALE = 127.0, 128.0
# Better than bicubic on small pictures: benchmarks/studies/encoder_settings.py.
_SCALING = "BILINEAR"


def load(weights: Path, *, device: torch.device) -> Callable[[list[NDArray[Any]]], NDArray[np.float32]]:
    """Return the function that turns B images, uint8 of shape (H, W, 3), into pooled features (B, 1280)."""
    import torch

    image_module = import_optional("PIL.Image", "efficientnet")
    network = import_optional("efficientnet_lite_pytorch", "efficientnet").EfficientNet
    model = network.from_name("efficientnet-lite0")
    model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    model = model.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
    # Caches of a CPU hold one image: 14 ms each, but 36 ms in batches of 32.
    at_once = 1 if device.type == "cpu" else None

    def prepare(image: NDArray[Any]) -> NDArray[np.float32]:
        # Whole images, as their margins may matter.
        scaled = image_module.fromarray(image).resize((_SIDE, _SIDE), image_module.Resampling[_SCALING])
        return (np.asarray(scaled, dtype=np.float32) - _MEAN) / _SCALE

    def encode(images: list[NDArray[Any]]) -> NDArray[np.float32]:
        # Channels come last in memory, as they are in images.
        pixels = (
            torch.from_numpy(np.stack([prepare(image) for image in images])).permute(0, 3, 1, 2).to(device)
        )
        with torch.inference_mode():
            maps = [model.extract_features(part) for part in pixels.split(at_once or len(pixels))]
            return torch.cat(maps).mean((2, 3)).cpu().numpy()

    return encode
