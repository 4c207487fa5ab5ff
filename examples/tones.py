"""Sound: which instrument is this? Made-up tones in noise, a frozen encoder, a reasoner.

    python examples/tones.py                        # Google's speech embedding of the extra "speech"
    python examples/tones.py --model whisper-base   # a model of the Hub, or a folder of one

Tones of six kinds differ in pitch, length, loudness and place in a second of noise, so that none of these gives the
kind away. Nothing is downloaded without ``--model``. Each classifier sees the same features. The tones are made up,
so this shows how to, and proves nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from comparison import add_arguments, compare, draw, hold_out, print_table
from scipy.io import wavfile
from scipy.signal import sawtooth, square
from sklearn.pipeline import make_pipeline

from sktart import TartReasoner, TartTransformer

RATE = 8000  # samples a second; models that want another rate get the clips resampled
KINDS = {  # what a phase, in radians, sounds like
    "sine": np.sin,
    "square": square,
    "sawtooth": sawtooth,
    "vibrato": lambda phase: np.sin(phase + 4 * np.sin(phase / 40)),
    "tremolo": lambda phase: np.sin(phase) * (1 + np.sin(phase / 40)) / 2,
    "bell": lambda phase: (
        np.exp(-phase / 300) * (np.sin(phase) + np.sin(2.76 * phase) + np.sin(5.4 * phase)) / 2
    ),
}


def make_tones(per_kind: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Make clips of one second, of shape (n, RATE), and the kind of each."""
    rng = np.random.default_rng(seed)
    kinds = np.repeat(list(KINDS), per_kind)
    clips = 0.02 * rng.normal(size=(len(kinds), RATE))
    for clip, kind in zip(clips, kinds, strict=True):
        hertz = 150 * 2 ** rng.uniform(0, 2)
        n_samples = int(RATE * rng.uniform(0.3, 0.9))
        start = rng.integers(RATE - n_samples)
        phase = 2 * np.pi * (hertz * np.arange(n_samples) / RATE + rng.random())
        clip[start : start + n_samples] += rng.uniform(0.1, 0.5) * KINDS[kind](phase)
    return np.float32(clips), kinds


def from_files(
    model: str, shown: tuple[np.ndarray, np.ndarray], asked: tuple[np.ndarray, np.ndarray]
) -> None:
    """Go from wav files to kinds, as a model of sound reads files on its own."""
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{row}.wav" for row in range(len(asked[0]))]
        for path, clip in zip(paths, asked[0], strict=True):
            wavfile.write(path, RATE, clip)
        pipeline = make_pipeline(TartTransformer(model, sampling_rate=RATE), TartReasoner()).fit(*shown)
        print(f"\nfrom wav files: {', '.join(pipeline.predict(paths))}   (they are {', '.join(asked[1])})")


def main(argv: list[str] | None = None) -> None:
    """Make tones, encode, compare, and go from sound to kinds in one pipeline."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="speech-embedding", help="short name, Hub id or folder")
    add_arguments(parser, "clips a kind", sizes=[2, 4, 8, 16], test=50)
    args = parser.parse_args(argv)

    clips, kinds = make_tones(per_kind=2 * max(args.sizes) + args.test)
    start = perf_counter()
    features = TartTransformer(args.model, sampling_rate=RATE).fit_transform(clips)
    seconds = perf_counter() - start
    held_out = args.test * len(KINDS)
    print(f"{len(clips)} clips to {features.shape[1]} features in {seconds:.1f} s; {held_out} held out\n")
    print_table(compare(features, kinds, args), "kind")

    pool, test = hold_out(kinds, args.test)
    shown, asked = draw(pool, kinds, args.sizes[-1], seed=0), test[:: args.test]
    from_files(args.model, (clips[shown], kinds[shown]), (clips[asked], kinds[asked]))


if __name__ == "__main__":
    main()
