"""Spectrograms as the networks for sound were trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def mel_spectrogram(
    samples: NDArray[Any], *, bands: int, hertz: tuple[float, float], window: int, fft: int, **options: Any
) -> NDArray[np.float32]:
    """Return mel bands of sound at 16 kHz, of shape (frames, bands), a frame every 10 ms.

    Parameters
    ----------
    samples : ndarray of shape (n,)
        Sound of one channel.
    bands : int
        Number of bands.
    hertz : tuple of float
        Lower edge of the first band and upper edge of the last.
    window, fft : int
        Samples that a frame sees, and samples that it is padded to.
    **options : Any
        Others of ``transformers.audio_utils.spectrogram``.

    Examples
    --------
    >>> mel_spectrogram(np.ones(800), bands=4, hertz=(0, 8000), window=400, fft=400, center=False).shape
    (3, 4)
    """
    from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

    filters = mel_filter_bank(fft // 2 + 1, bands, *hertz, 16_000, norm="slaney", mel_scale="slaney")
    hann = window_function(window, "hann", frame_length=fft)
    mel = spectrogram(
        samples,
        hann,
        frame_length=fft,
        hop_length=160,
        fft_length=fft,
        power=2.0,
        mel_filters=filters,
        **options,
    )
    return np.ascontiguousarray(mel.T, dtype=np.float32)
