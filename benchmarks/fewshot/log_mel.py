"""A small log-mel spectrogram: what a clip sounds like, as a row of numbers."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.signal import stft

N_MELS, N_FFT = 40, 512
WINDOW_SECONDS, HOP_SECONDS = 0.032, 0.010


@cache
def mel_filters(rate: int, n_mels: int = N_MELS, n_fft: int = N_FFT) -> np.ndarray:
    """Triangles of equal width on the mel scale, one row a filter, over the bins of an FFT."""
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, n_mels + 2) / 2595) - 1)  # (n_mels + 2,) in hertz
    left, centre, right = (edges[i : i + n_mels, None] for i in range(3))
    bins = np.fft.rfftfreq(n_fft, 1 / rate)
    return np.clip(np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)), 0, None)


def log_mel_statistics(clip: np.ndarray, rate: int) -> np.ndarray:
    """Mean and standard deviation over time of each log-mel band, (2 x N_MELS,)."""
    window = int(WINDOW_SECONDS * rate)
    clip = np.pad(clip, (0, max(0, window - len(clip))))
    overlap = window - int(HOP_SECONDS * rate)
    _, _, spectrum = stft(clip, rate, nperseg=window, noverlap=overlap, nfft=N_FFT)
    bands = np.log(mel_filters(rate) @ np.abs(spectrum) ** 2 + 1e-10)  # (n_mels, frames)
    return np.concatenate([bands.mean(axis=1), bands.std(axis=1)])
