"""Resemblyzer's network, from the package of that name: who speaks in a clip."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sktart.encoders.models._clips import resample
from sktart.encoders.packaged._mel import mel_spectrogram
from sktart.rows._clips import Clip

if TYPE_CHECKING:
    import torch

_RATE = 16_000  # hertz
_HOP = 160  # samples a frame
_WINDOW = 160  # frames that the network sees
_STEP = 77  # frames: 1.3 windows a second
_LEAST = 0.75  # the last window is used if that part of it is sound
_BANDS, _WIDTH, _LAYERS = 40, 256, 3


def load(weights: Path, *, device: torch.device) -> Callable[[list[Clip]], NDArray[np.float32]]:
    """Return the function that turns B clips into unit vectors of shape (B, 256).

    As the package's ``VoiceEncoder.embed_utterance``; its cutting of silences is left out.
    """
    import torch

    # The package imports what it does not declare, and needs a compiler; its network is two layers of torch.
    state = torch.load(weights, map_location="cpu", weights_only=True)["model_state"]
    lstm = torch.nn.LSTM(_BANDS, _WIDTH, _LAYERS, batch_first=True)
    linear = torch.nn.Linear(_WIDTH, _WIDTH)
    for name, module in (("lstm", lstm), ("linear", linear)):
        module.load_state_dict(
            {key.partition(".")[2]: state[key] for key in state if key.startswith(f"{name}.")}
        )
        module.eval().requires_grad_(False).to(device)

    def encode(clips: list[Clip]) -> NDArray[np.float32]:
        return np.stack([embed(_windows(clip)) for clip in clips])

    def embed(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            _, (hidden, _) = lstm(torch.from_numpy(windows).to(device))
            vectors = torch.relu(linear(hidden[-1]))
            mean = torch.nn.functional.normalize(vectors).mean(0)
            return torch.nn.functional.normalize(mean, dim=0).cpu().numpy()

    return encode


def _windows(clip: Clip) -> NDArray[np.float32]:
    """Return the mel frames of a clip in windows, (W, 160, 40)."""
    samples = resample(clip.samples, clip.rate, _RATE)
    frames = -(-(len(samples) + 1) // _HOP)
    starts = list(range(0, max(1, frames - _WINDOW + _STEP + 1), _STEP))
    covered = (len(samples) - starts[-1] * _HOP) / (_WINDOW * _HOP)
    if covered < _LEAST and len(starts) > 1:
        starts.pop()
    missing = (starts[-1] + _WINDOW) * _HOP - len(samples)
    samples = np.pad(samples, (0, max(missing, 0)))
    mel = mel_spectrogram(
        samples, bands=_BANDS, hertz=(0.0, _RATE / 2), window=400, fft=400, pad_mode="constant"
    )
    return np.stack([mel[start : start + _WINDOW] for start in starts])
