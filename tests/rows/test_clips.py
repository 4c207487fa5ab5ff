import sys

import numpy as np
import pandas as pd
import pytest
import soundfile
from numpy.testing import assert_allclose, assert_array_equal

from sktart.exceptions import MissingExtraError
from sktart.rows._clips import as_clips

WAVE = np.sin(np.arange(400) / 7).astype(np.float32)


def samples_of(X, sampling_rate=8000):
    clips = as_clips(X, "this encoder", sampling_rate)
    assert {clip.rate for clip in clips} == {8000}
    assert {clip.samples.dtype for clip in clips} == {np.dtype(np.float32)}
    return [clip.samples for clip in clips]


@pytest.mark.parametrize(
    "X",
    [
        [WAVE, WAVE[:7]],
        (WAVE.astype(np.float64), WAVE[:7]),
        [WAVE.tolist(), WAVE[:7].tolist()],
        np.array([WAVE, WAVE[:7]], dtype=object),
        pd.Series([WAVE, WAVE[:7]]),
        [
            {"array": WAVE, "sampling_rate": 8000, "path": None},
            {"array": WAVE[:7].tolist(), "sampling_rate": 8000},
        ],
    ],
)
def test_any_container_of_clips(X):
    first, second = samples_of(X)
    assert_allclose(first, WAVE, rtol=0, atol=1e-7)
    assert_allclose(second, WAVE[:7], rtol=0, atol=1e-7)


def test_one_array_of_clips():
    assert_array_equal(samples_of(np.stack([WAVE, -WAVE])), [WAVE, -WAVE])


@pytest.mark.parametrize("dtype", [np.int16, np.int32])
def test_integers_are_scaled_by_their_range(dtype):
    limits = np.iinfo(dtype)
    (samples,) = samples_of([np.array([limits.min, 0, limits.max], dtype=dtype)])
    assert_allclose(samples, [-1, 0, 1], rtol=0, atol=1e-4)


@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_files(tmp_path, ending):
    paths = [tmp_path / f"{name}.{ending}" for name in ("mono", "stereo")]
    soundfile.write(paths[0], WAVE, 8000)
    soundfile.write(paths[1], np.stack([WAVE, np.zeros(400)], axis=1), 8000)
    mono, stereo = samples_of(paths, sampling_rate=None)
    assert_allclose(mono, WAVE, rtol=0, atol=1e-4)
    assert_allclose(stereo, WAVE / 2, rtol=0, atol=1e-4)
    frame = pd.DataFrame({"path": [str(path) for path in paths]})
    assert_array_equal(samples_of(frame, sampling_rate=None)[0], mono)


def test_rate_of_a_clip_comes_before_the_parameter():
    assert as_clips([{"array": WAVE, "sampling_rate": 44100}], "this encoder", 8000)[0].rate == 44100


@pytest.mark.parametrize(
    "X, message",
    [
        (WAVE, r"got a single array of shape \(400,\), so pass \[X\]"),
        ([], "needs at least one clip; got 0, so pass a longer X"),
        ("a.wav", r"got the single text 'a.wav', so pass \[X\] or list\(X\)"),
        ({"array": WAVE}, r"got dict, so pass \[X\] or list\(X\)"),
        ([WAVE, None], r"cannot read missing clips; X misses 1, in rows \[1\]: drop these rows"),
        (["no.wav"], "reads sound, but row 0 holds 'no.wav', which is no file; pass 1-D arrays, dicts"),
        ([{"array": WAVE}], r"must hold 'array' and 'sampling_rate'; row 0 holds \['array'\]"),
        (
            [WAVE, np.zeros((2, 5))],
            r"one channel, shape \(n,\); row 1 has shape \(2, 5\), so average its channels",
        ),
        ([WAVE, WAVE[:0]], "at least one sample; row 1 is empty, so drop it"),
        (
            [np.array([0.0, np.nan])],
            "must hold finite numbers; row 0 has NaN or infinity in float32, so mend or drop it",
        ),
        ([np.array([np.inf])], "must hold finite numbers; row 0"),
        ([np.array([1e300])], "must hold finite numbers; row 0"),
        *(
            ([{"array": WAVE, "sampling_rate": rate}], f"integer of at least 1, in hertz; row 0 has {rate!r}")
            for rate in (None, 0, "16k", 44100.5)
        ),
        ([[1, 2, 3]], "int16 or int32, whose range is known; row 0 is int64, so convert it"),
        ([[[1.0], [1.0, 2.0]]], "must be an array of numbers; row 0 is ragged"),
        ([np.zeros(3, dtype=np.uint8)], "floats, int16 or int32; row 0 holds uint8, so convert it"),
        ([3 + 1j], r"row 0 holds complex \(3\+1j\), so convert it"),
        ([np.array(3.0)], r"one channel, shape \(n,\); row 0 has shape \(\)"),
    ],
)
def test_what_is_no_clip(X, message):
    with pytest.raises(ValueError, match=message):
        as_clips(X, "this encoder", 8000)


def test_unknown_rate():
    with pytest.raises(ValueError, match="the rate of the samples; row 1 does not say it, so pass sampling"):
        as_clips([{"array": WAVE, "sampling_rate": 8000}, WAVE], "this encoder", None)


def test_file_that_is_no_sound(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"not sound")
    clips = as_clips([tmp_path / "a.wav"], "this encoder", None)
    with pytest.raises(ValueError, match=r"row 0 must be a file of sound; .*a.wav' cannot be read"):
        clips[0]


def test_files_need_soundfile(monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingExtraError, match=r"'soundfile' is not installed, .*install 'sktart\[audio\]'"):
        as_clips(["a.wav"], "this encoder", None)
