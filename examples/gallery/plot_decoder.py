"""
The paper's decoder
===================

TART's own reasoner is a GPT-2 that reads rows in a sequence. It is here, beside the default that has no order.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktart import TartReasoner, TartTransformer

# %%
# Two whitened features
# ---------------------
# The decoder reads up to 16 features of about unit variance, and up to 65 rows. Principal components make them.
X, y = load_breast_cancer(return_X_y=True)
rows = np.random.default_rng(0).permutation(len(X))
labelled, new = rows[:32], rows[32:]


def pipeline(classifier, n_components=2):
    """Standardise, take whitened principal components, and classify."""
    return make_pipeline(
        StandardScaler(), TartTransformer(n_components=n_components, whiten=True), classifier
    )


reasoners = {
    "decoder, one order": TartReasoner("tart-decoder-d16"),
    "decoder, 16 orders": TartReasoner("tart-decoder-d16", n_permutations=16, random_state=0),
    "gram-base, the default": TartReasoner(),
    "LogisticRegression": LogisticRegression(),
}

# %%
# What they make of 32 rows
# -------------------------
# Colour is the probability of a benign tumour. The decoder's answer depends on the order of rows; an average
# over orders smooths it. The default has no order to depend on.
ticks = np.linspace(-3.5, 3.5, 60)
plane = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
figure, grid = plt.subplots(2, 2, figsize=(7.2, 6), sharex=True, sharey=True)
for (name, classifier), axes in zip(reasoners.items(), grid.flat, strict=True):
    model = pipeline(classifier).fit(X[labelled], y[labelled])
    proba = model[-1].predict_proba(plane)[:, 1].reshape(60, 60)
    shown = axes.contourf(ticks, ticks, proba, levels=np.linspace(0, 1, 11), cmap="cividis")
    axes.scatter(*model[:-1].transform(X[labelled]).T, c=y[labelled], cmap="gray", edgecolor="white", s=28)
    axes.set(title=name, aspect="equal", xlim=(-3.5, 3.5), ylim=(-3.5, 3.5))
    axes.grid(visible=False)
figure.colorbar(shown, ax=grid, label="probability of class 1", shrink=0.7)

# %%
# How much does the order matter?
# -------------------------------
# Eight orders of the same 32 rows. Each dot is the answer for one tumour; where dots spread, the order decides.
asked = new[:40]
answers = {}
for name in ("decoder, one order", "gram-base, the default"):
    answers[name] = []
    for seed in range(8):
        order = np.random.default_rng(seed).permutation(labelled)
        model = pipeline(reasoners[name], n_components=8).fit(X[order], y[order])
        answers[name].append(model.predict_proba(X[asked])[:, 1])

figure, grid = plt.subplots(1, 2, sharey=True)
for axes, (name, found) in zip(grid, answers.items(), strict=True):
    place = np.mean(found, axis=0).argsort()
    axes.plot(np.array(found)[:, place].T, ".", color="C0", alpha=0.6)
    axes.set(title=name, xlabel="tumour, by mean answer")
grid[0].set_ylabel("probability of class 1")
