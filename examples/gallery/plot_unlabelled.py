"""
Rows without a label
====================

Twenty labelled digits, and up to 800 that nobody labelled. The model reads where these lie, and errs less.

No extra is needed: pixels are numbers.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sktart import TartReasoner

# %%
# Two labelled images a digit
# ---------------------------
# The last 500 images are the questions. A label of None says that a row has none.
images, digits = load_digits(return_X_y=True)
new, truth = images[-500:], digits[-500:]
pool, pool_digits = images[:-500], digits[:-500]


def draw(seed):
    """Choose two images of each digit to be labelled."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.choice(np.flatnonzero(pool_digits == digit), 2, False) for digit in range(10)])


def fit(labelled, n_unlabelled):
    """Fit on the labelled rows, and on others without their labels."""
    others = np.setdiff1d(np.arange(len(pool)), labelled)[:n_unlabelled]
    y = [*pool_digits[labelled], *[None] * len(others)]
    return TartReasoner().fit(np.concatenate([pool[labelled], pool[others]]), y)


# %%
# How many unlabelled rows help?
# ------------------------------
# Five draws of the labelled rows. Thin lines are single draws.
sizes = [0, 50, 100, 200, 400, 800]
accuracy = np.array([[(fit(draw(seed), n).predict(new) == truth).mean() for n in sizes] for seed in range(5)])
figure, axes = plt.subplots()
axes.plot(range(len(sizes)), accuracy.T, color="#BBBBBB", linewidth=1)
axes.plot(range(len(sizes)), accuracy.mean(axis=0), "o-")
axes.set_xticks(range(len(sizes)), sizes)
axes.set(xlabel="rows without a label, beside 20 with one", ylabel="accuracy", title="mean of five draws")

# %%
# Which answers change?
# ---------------------
# Below: images that only the model with unlabelled rows gets right, where it is surest.
without, with_pool = (fit(draw(0), n) for n in (0, 800))
before, after = without.predict(new), with_pool.predict(new)
mended = np.flatnonzero((before != truth) & (after == truth))
surest = mended[with_pool.predict_proba(new[mended]).max(axis=1).argsort()[::-1][:10]]

figure, grid = plt.subplots(2, 5, figsize=(7.2, 3.4))
for row, axes in zip(surest, grid.flat, strict=True):
    axes.imshow(new[row].reshape(8, 8), cmap="gray_r")
    axes.set_title(f"{before[row]} → {after[row]}", loc="center")
    axes.set_axis_off()
print(f"mended {len(mended)}, spoiled {((before == truth) & (after != truth)).sum()} of {len(new)}")
