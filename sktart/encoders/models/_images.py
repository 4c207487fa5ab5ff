"""Batches of images for a transformers model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from numpy.typing import NDArray

from sktart.encoders._options import ModelOptions
from sktart.encoders.models._batches import Batch
from sktart.encoders.models._pretrained import Pretrained


def image_batches(
    rows: Sequence[NDArray[Any]], pretrained: Pretrained, options: ModelOptions
) -> Iterator[Batch]:
    """Scale and normalise images as the model's processor says, and put those of one size together."""
    import torch

    model = pretrained.model
    for start in range(0, len(rows), options.batch_size):
        # Most processors bring all images to one size; each on its own, others do not have to.
        by_size: dict[torch.Size, list[tuple[int, torch.Tensor]]] = {}
        for row in range(start, min(start + options.batch_size, len(rows))):
            pixels = pretrained.processor(
                rows[row], return_tensors="pt", input_data_format="channels_last"
            ).pixel_values
            by_size.setdefault(pixels.shape, []).append((row, pixels))
        for images in by_size.values():
            numbers, pixels_of = zip(*images, strict=True)
            inputs = {"pixel_values": torch.cat(pixels_of).to(model.device, model.dtype)}
            yield Batch(list(numbers), inputs, None)
