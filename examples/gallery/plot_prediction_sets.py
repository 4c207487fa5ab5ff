"""
What can be ruled out?
======================

A prediction set holds the true label as often as you ask for. Where the model is sure, it holds one label only.

No extra is needed: pixels are numbers.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sktart import TartReasoner

# %%
# Sets of labels for 500 digits
# -----------------------------
# At most one set in ten shall miss the true digit. Queries are drawn like the 80 labelled rows: on that the promise
# rests. Had other people written them, more sets would miss.
images, digits = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(digits))
labelled, asked = order[:80], order[80:580]
model = TartReasoner().fit(images[labelled], digits[labelled])
new, truth = images[asked], digits[asked]
sets = model.predict_set(new, alpha=0.1)
print(f"{sets[np.arange(500), truth].mean():.0%} of the sets hold the true digit")

# %%
# How large are they?
# -------------------
# Sets grow where the model errs more.
size = sets.sum(axis=1)
right = model.predict(new) == truth
numbers = np.arange(size.max() + 1)

figure, axes = plt.subplots()
for is_right, name in ((True, "most probable digit is right"), (False, "it is wrong")):
    counts = np.array([((size == number) & (right == is_right)).sum() for number in numbers])
    bottom = np.array([((size == number) & right).sum() for number in numbers]) * (not is_right)
    axes.bar(numbers, counts, bottom=bottom, label=name)
axes.set(xlabel="labels in the set", ylabel="queries", xticks=numbers)
axes.legend()

# %%
# Does the promise hold?
# ----------------------
# Each dot is another draw of 80 labelled digits. The line is what was asked for.
alphas = [0.05, 0.1, 0.2, 0.3]
covered = []
for seed in range(1, 7):
    order = np.random.default_rng(seed).permutation(len(digits))
    again = TartReasoner().fit(images[order[:80]], digits[order[:80]])
    rows = order[80:280]
    found = [again.predict_set(images[rows], alpha) for alpha in alphas]
    covered.append([part[np.arange(200), digits[rows]].mean() for part in found])

figure, axes = plt.subplots(figsize=(4.5, 4))
axes.plot([0.65, 1], [0.65, 1], color="#888888", linewidth=1)
axes.plot(1 - np.array(alphas), np.transpose(covered), "o", color="C0", alpha=0.5)
axes.set(xlabel="asked for: 1 - alpha", ylabel="sets that hold the true digit")

# %%
# Digits that are none
# --------------------
# Upside down, many digits are no digits. Their sets may still be small: a set trusts that rows are of the usual kind.
# ``typicality`` tells whether they are.
turned = new.reshape(-1, 8, 8)[:, ::-1].reshape(-1, 64)
figure, axes = plt.subplots()
bins = np.linspace(0, 1, 21)
axes.hist([model.typicality(new), model.typicality(turned)], bins, label=["upright", "upside down"])
axes.set(xlabel="typicality", ylabel="queries")
axes.legend()
