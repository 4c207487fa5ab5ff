"""Google's speech embedding, from the package pyopen-wakeword: what is said in a short clip."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sktart.encoders.models._clips import resample
from sktart.encoders.packaged._mel import mel_spectrogram
from sktart.exceptions import EncoderError
from sktart.rows._clips import Clip

_RATE = 16_000  # hertz
# The network sees windows of 76 frames, each 8 frames after the one before.
_WINDOW, _STEP, _BANDS, _WIDTH = 76, 8, 32, 96
# Silence before and after a clip, so that windows see how it begins and ends: benchmarks/studies/encoder_settings.py.
_SILENCE = _RATE * 32 // 100
_SAMPLES_A_WINDOW = 512 + 160 * (_WINDOW - 1)


def load(weights: Path, *, device: None) -> Callable[[list[Clip]], NDArray[np.float32]]:
    """Return the function that turns B clips into the mean and the maximum over their windows, (B, 192)."""
    network = _Network(weights)

    def encode(clips: list[Clip]) -> NDArray[np.float32]:
        windows = [network(_frames(clip)) for clip in clips]
        return np.stack([np.concatenate([vectors.mean(0), vectors.max(0)]) for vectors in windows])

    return encode


def _frames(clip: Clip) -> NDArray[np.float32]:
    """Return the log-mel frames of a clip, (T, 32), T at least one window, in the scale of the network."""
    samples: NDArray[np.float32] = resample(clip.samples, clip.rate, _RATE) * np.float32(2**15)
    missing = max(_SAMPLES_A_WINDOW - len(samples) - 2 * _SILENCE, 0)
    samples = np.pad(samples, (_SILENCE + missing // 2, _SILENCE + missing - missing // 2))
    decibel = mel_spectrogram(
        samples,
        bands=_BANDS,
        hertz=(60.0, 3800.0),
        window=400,
        fft=512,
        center=False,
        log_mel="dB",
        min_value=1e-10,
        db_range=80.0,
    )
    return decibel / np.float32(10) + np.float32(2)


class _Network:
    """The network, run by the package's library of TensorFlow Lite."""

    def __init__(self, weights: Path):
        # The package's own Python code would make the symbols of the library visible to all others, such as torch.
        library = next((weights.parents[1] / "lib").glob("*tensorflowlite_c.*"), None)
        if library is None:
            raise EncoderError(
                f"the package pyopen-wakeword must hold TensorFlow Lite for this machine; {weights.parents[1]} has none"
            )
        self._c = ctypes.CDLL(str(library))
        options = self._pointer("InterpreterOptionsCreate")
        # More would be threads that a forked child waits for and does not have.
        self._c.TfLiteInterpreterOptionsSetNumThreads(options, 1)
        model = self._pointer("ModelCreateFromFile", str(weights).encode())
        self._interpreter = self._pointer("InterpreterCreate", model, options)
        self._call("InterpreterAllocateTensors", self._interpreter)
        self._input = self._pointer("InterpreterGetInputTensor", self._interpreter, 0)
        self._output = self._pointer("InterpreterGetOutputTensor", self._interpreter, 0)
        self._lock = Lock()

    def __call__(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the vectors of all windows, (W, 96), one at a time, so that none depends on another."""
        starts = range(0, len(frames) - _WINDOW + 1, _STEP)
        with self._lock:  # the interpreter is one set of buffers
            return np.stack([self._run(frames[start : start + _WINDOW]) for start in starts])

    def _run(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        vector = np.empty(_WIDTH, dtype=np.float32)
        for function, tensor, array in (
            ("FromBuffer", self._input, window),
            ("ToBuffer", self._output, vector),
        ):
            size = ctypes.c_size_t(array.nbytes)
            self._call(f"TensorCopy{function}", tensor, array.ctypes.data_as(ctypes.c_void_p), size)
            if function == "FromBuffer":
                self._call("InterpreterInvoke", self._interpreter)
        return vector

    def _pointer(self, function: str, *arguments: Any) -> ctypes.c_void_p:
        call = getattr(self._c, f"TfLite{function}")
        call.restype = ctypes.c_void_p
        pointer = call(*arguments)
        _check(pointer is not None, function)
        return ctypes.c_void_p(pointer)

    def _call(self, function: str, *arguments: Any) -> None:
        _check(getattr(self._c, f"TfLite{function}")(*arguments) == 0, function)


def _check(succeeded: bool, function: str) -> None:
    if not succeeded:
        raise EncoderError(f"TensorFlow Lite must run the speech embedding; its function {function} failed")
