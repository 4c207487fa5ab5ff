"""Batches of audio clips for a transformers model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import gcd
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sktart.encoders._options import ModelOptions
from sktart.encoders.models._batches import Batch, group_by_size
from sktart.encoders.models._pretrained import Pretrained
from sktart.rows._clips import Clip

if TYPE_CHECKING:
    import torch

# About two minutes of raw sound, or eight windows of Whisper.
_MAX_NUMBERS = 2_000_000
# Clips are prepared some batches ahead, so that those of about equal length meet.
_BATCHES_AHEAD = 4


class _Prepared(NamedTuple):
    """One clip as its model reads it: features (T, ...), their mask (T',), and its number of states."""

    features: torch.Tensor
    mask: torch.Tensor | None
    n_states: int | None


def clip_batches(rows: Sequence[Clip], pretrained: Pretrained, options: ModelOptions) -> Iterator[Batch]:
    """Resample clips, prepare them as the model's feature extractor says, and put suitable ones together."""
    ahead = _BATCHES_AHEAD * options.batch_size
    for start in range(0, len(rows), ahead):
        numbers = range(start, min(start + ahead, len(rows)))
        clips = [_prepare(row, rows[row], pretrained, options.max_length) for row in numbers]
        sizes = [clip.features.numel() for clip in clips]
        only_equal = not _heeds_mask(pretrained)
        for group in group_by_size(sizes, options.batch_size, _MAX_NUMBERS, only_equal=only_equal):
            yield _batch([numbers[i] for i in group], [clips[i] for i in group], pretrained)


def resample(samples: NDArray[Any], rate: int, wanted: int) -> NDArray[Any]:
    """Bring samples from one rate to another, both in hertz.

    Examples
    --------
    >>> resample(np.zeros(441, dtype=np.float32), 44100, 16000).shape
    (160,)
    """
    if rate == wanted:
        return samples
    from scipy.signal import resample_poly

    divisor = gcd(rate, wanted)
    return resample_poly(samples, wanted // divisor, rate // divisor).astype(np.float32)


def _prepare(row: int, clip: Clip, pretrained: Pretrained, max_seconds: int | None) -> _Prepared:
    model, extractor = pretrained.model, pretrained.processor
    rate = extractor.sampling_rate
    samples = resample(clip.samples, clip.rate, rate)
    limit = pretrained.max_length
    if max_seconds is not None:
        samples = samples[: max_seconds * rate]
    elif limit is not None and len(samples) > limit * rate:
        raise ValueError(
            f"a clip may last at most {limit} s for this model; row {row} lasts {len(samples) / rate:.1f} s, so "
            f"split it, or pass max_length={limit} to read only the beginning of long clips"
        )
    try:
        prepared = extractor(samples, sampling_rate=rate, return_tensors="pt", return_attention_mask=True)
    except ValueError as error:
        raise ValueError(
            f"a clip must be long enough for the feature extractor; row {row} has {len(samples)} samples at "
            f"{rate} Hz ({error}), so drop it or pad it with zeros"
        ) from error
    features, mask = prepared[extractor.model_input_names[0]][0], prepared.get("attention_mask")
    if mask is None or not hasattr(model, "_get_feat_extract_output_lengths"):
        return _Prepared(features, None, None)
    n_states = int(model._get_feat_extract_output_lengths(mask.sum()))
    if n_states < 1:
        least = _least_samples(pretrained, len(samples))
        raise ValueError(
            f"a clip must have at least {least} samples at {rate} Hz ({least / rate:.3g} s) for this model; "
            f"row {row} has {len(samples)}, so drop it or pad it with zeros"
        )
    return _Prepared(features, mask[0], n_states)


def _least_samples(pretrained: Pretrained, n: int) -> int:
    """Return how many samples make one state, where `n` make none."""
    import torch

    while int(pretrained.model._get_feat_extract_output_lengths(torch.tensor(n))) < 1:
        n += 1
    return n


def _heeds_mask(pretrained: Pretrained) -> bool:
    """Tell whether a clip may be padded in a batch without an effect on its states."""
    # Group normalisation, in the first convolution, runs over the whole padded clip.
    grouped = getattr(pretrained.model.config, "feat_extract_norm", None) == "group"
    return bool(getattr(pretrained.processor, "return_attention_mask", False)) and not grouped


def _batch(rows: list[int], clips: list[_Prepared], pretrained: Pretrained) -> Batch:
    import torch
    from torch.nn.utils.rnn import pad_sequence

    model = pretrained.model
    features = pad_sequence([clip.features for clip in clips], batch_first=True)
    inputs = {pretrained.processor.model_input_names[0]: features.to(model.device, model.dtype)}
    masks = [clip.mask for clip in clips if clip.mask is not None]
    if masks and _heeds_mask(pretrained):
        inputs["attention_mask"] = pad_sequence(masks, batch_first=True).to(model.device)
    counts = [clip.n_states for clip in clips if clip.n_states is not None]
    return Batch(rows, inputs, torch.tensor(counts, device=model.device) if counts else None)
