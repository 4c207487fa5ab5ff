"""
What to label next
==================

Labels cost time. ``suggest`` names the rows that teach the most, so fewer labels are needed.

No extra is needed: pixels are numbers.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sktart import TartReasoner

# %%
# Ten labels, then ten more
# -------------------------
# Both ways begin with the same ten digits, whichever these are. In each round ten digits of the pool get a label.
images, digits = load_digits(return_X_y=True)
pool, pool_digits, new, truth = images[:500], digits[:500], images[500:], digits[500:]


def at_random(model, rows, rng):
    """Choose any ten rows."""
    return rng.choice(len(rows), 10, replace=False)


def by_suggestion(model, rows, rng):
    """Choose the ten rows that the model asks for."""
    return model.suggest(rows, 10)


def accuracies(choose, seed):
    """Return the accuracy after each round."""
    rng = np.random.default_rng(seed)
    labelled = rng.choice(len(pool), 10, replace=False)
    found = []
    for _ in range(7):
        model = TartReasoner().fit(pool[labelled], pool_digits[labelled])
        found.append(model.score(new, truth))
        others = np.setdiff1d(np.arange(len(pool)), labelled)
        labelled = np.concatenate([labelled, others[choose(model, pool[others], rng)]])
    return found


# %%
# How many labels are saved?
# --------------------------
# Thin lines are single starts, thick ones their mean.
n_labels = 10 + 10 * np.arange(7)
figure, axes = plt.subplots()
for number, (choose, name) in enumerate(((by_suggestion, "suggest"), (at_random, "at random"))):
    curves = np.array([accuracies(choose, seed) for seed in range(3)])
    axes.plot(n_labels, curves.T, color=f"C{number}", linewidth=0.6, alpha=0.6)
    axes.plot(n_labels, curves.mean(axis=0), "o-", color=f"C{number}", label=name)
axes.set(xlabel="labels", ylabel="accuracy")
axes.legend()

# %%
# What does it ask for?
# ---------------------
# The first ten suggestions differ from each other, and from the ten labelled digits, in the first row.
first = np.random.default_rng(0).choice(len(pool), 10, replace=False)
model = TartReasoner().fit(pool[first], pool_digits[first])
figure, grid = plt.subplots(2, 10, figsize=(7.2, 1.8))
for row, axes in zip([*first, *model.suggest(pool, 10)], grid.flat, strict=True):
    axes.imshow(pool[row].reshape(8, 8), cmap="gray_r")
    axes.set_axis_off()
