"""
Why this answer?
================

Each labelled picture speaks for an answer or against it. How much, tells the answer without that picture.

No extra is needed: pixels are numbers.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sktart import InfluenceDisplay, TartReasoner

# %%
# A hundred labelled digits
# -------------------------
data = load_digits()
model = TartReasoner().fit(data.data[:100], data.target[:100])
new, truth = data.data[100:600], data.target[100:600]
proba = model.predict_proba(new)

# %%
# The answer that was most wrong
# ------------------------------
# Of all digits that the model gets wrong, this is the one where it is surest.
wrong = np.flatnonzero(proba.argmax(axis=1) != truth)
query = wrong[proba[wrong].max(axis=1).argmax()]

figure, axes = plt.subplots(figsize=(2, 2.3))
axes.imshow(new[query].reshape(8, 8), cmap="gray_r")
axes.set_title(f"a {truth[query]}, taken for a {proba[query].argmax()}")
axes.set_axis_off()

# %%
# What speaks for it, and what against
# ------------------------------------
# Blue rows raise the log-odds of the answer, orange ones lower them. Each of the hundred rows was left out once.
figure, axes = plt.subplots(figsize=(7.2, 4.6))
display = InfluenceDisplay.from_estimator(model, new[[query]], data.images[:100], n_rows=6, ax=axes)

# %%
# Influence by class
# ------------------
# Rows of a class speak for that class, in the mean over fifty queries.
influence = model.influence(new[:50])
mean = np.array([influence[:, data.target[:100] == digit].mean(axis=(0, 1)) for digit in range(10)])

figure, axes = plt.subplots(figsize=(5, 4))
limit = abs(mean).max()
image = axes.imshow(mean, cmap="PuOr_r", vmin=-limit, vmax=limit)
axes.set(xlabel="for the answer", ylabel="labelled rows of", xticks=range(10), yticks=range(10))
axes.grid(visible=False)
figure.colorbar(image, label="mean influence on the log-odds")
