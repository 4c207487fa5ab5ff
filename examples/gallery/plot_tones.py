"""
Sound: which instrument is this?
================================

Eight labelled clips a kind, Google's speech embedding, and a probability for each kind.

The extra ``speech`` brings the encoder. The tones are made up, so that nothing need be downloaded.
With recordings, pass their paths: ``TartTransformer("speech-embedding").fit(paths)``.
Files of wav and flac need the extra ``audio``.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.signal import sawtooth, square
from sklearn.pipeline import make_pipeline

from sktart import TartReasoner, TartTransformer

# %%
# Tones differ in pitch, length, loudness and place, so that none of these gives the kind away.
RATE = 8000  # samples a second
KINDS = {  # what a phase, in radians, sounds like
    "sine": np.sin,
    "square": square,
    "sawtooth": sawtooth,
    "vibrato": lambda phase: np.sin(phase + 4 * np.sin(phase / 40)),
    "tremolo": lambda phase: np.sin(phase) * (1 + np.sin(phase / 40)) / 2,
    "bell": lambda phase: np.exp(-phase / 300) * (np.sin(phase) + np.sin(2.76 * phase)) / 2,
}
rng = np.random.default_rng(0)


def tone(kind):
    """Make a second of noise with a tone in it."""
    clip = 0.02 * rng.normal(size=RATE)
    n_samples = int(RATE * rng.uniform(0.3, 0.9))
    start = rng.integers(RATE - n_samples)
    phase = 2 * np.pi * 150 * 4 ** rng.random() * np.arange(n_samples) / RATE
    clip[start : start + n_samples] += rng.uniform(0.1, 0.5) * KINDS[kind](phase)
    return np.float32(clip)


# %%
# From sound to kinds
# -------------------
kinds = list(KINDS)
model = make_pipeline(TartTransformer("speech-embedding", sampling_rate=RATE), TartReasoner())
model.fit([tone(kind) for kind in kinds for _ in range(8)], np.repeat(kinds, 8))

truth = np.repeat(kinds, 20)
proba = model.predict_proba([tone(kind) for kind in truth])
answers = model.classes_[proba.argmax(axis=1)]
print(f"{(answers == truth).mean():.0%} of {len(truth)} new clips are right, with 48 labels")

# %%
# What is mistaken for what?
# --------------------------
# Above, one clip of each kind. Below, the mean probability of each answer for 20 clips a kind.
figure, grid = plt.subplots(1, 6, figsize=(7.2, 1.6), sharey=True)
for kind, axes in zip(kinds, grid, strict=True):
    axes.specgram(tone(kind), NFFT=256, Fs=RATE, noverlap=192, cmap="cividis", vmin=-110)
    axes.set_title(kind)
    axes.set(xticks=[], ylim=(0, 3000))
    axes.grid(visible=False)
grid[0].set_ylabel("Hz")

# %%
columns = [list(model.classes_).index(kind) for kind in kinds]
means = np.array([proba[truth == kind][:, columns].mean(axis=0) for kind in kinds])
figure, axes = plt.subplots(figsize=(5.4, 4))
axes.imshow(means, vmin=0, vmax=1)
for (row, column), value in np.ndenumerate(means):
    axes.text(
        column, row, f"{value:.2f}", ha="center", va="center", color="white" if value < 0.6 else "black"
    )
axes.set_xticks(range(6), kinds, rotation=30)
axes.set_yticks(range(6), kinds)
axes.set(xlabel="answer", ylabel="truth")
axes.grid(visible=False)
