"""
Images
======

Four labelled pictures of each digit, a network that was trained on photographs, and an answer for all others.

The extra ``efficientnet`` brings the encoder.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline

from sktart import TartReasoner, TartTransformer

# %%
# Pictures are arrays of bytes, files or PIL images, of any size. These come with scikit-learn.
data = load_digits()
images, digits = np.uint8(data.images * 255 / 16), data.target
rng = np.random.default_rng(0)
labelled = np.concatenate([rng.choice(np.flatnonzero(digits == digit), 4, False) for digit in range(10)])
new = rng.permutation(np.setdiff1d(np.arange(len(digits)), labelled))[:300]

# %%
# From pictures to digits
# -----------------------
model = make_pipeline(TartTransformer("efficientnet-lite0"), TartReasoner())
model.fit(images[labelled], digits[labelled])
proba = model.predict_proba(images[new])
answer, sure = model.classes_[proba.argmax(axis=1)], proba.max(axis=1)
right = answer == digits[new]
print(f"{right.mean():.0%} of {len(new)} pictures are right, with 40 labels")

# %%
# When is it wrong?
# -----------------
# Pictures in the order of the model's confidence: the surest above, the least sure below. Wrong answers have a frame.
order = sure.argsort()[::-1]
shown = order[np.linspace(0, len(order) - 1, 36).astype(int)]

figure, grid = plt.subplots(3, 12, figsize=(7.2, 2.7))
for row, axes in zip(shown, grid.flat, strict=True):
    axes.imshow(images[new[row]], cmap="gray_r", extent=(0, 1, 0, 1))
    axes.set_title(f"{answer[row]}\n{sure[row]:.0%}", loc="center", fontsize=8)
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set(visible=not right[row], color="C5", linewidth=2)

# %%
# Confidence can be used: answer only where the model is sure, and leave the rest to a person.
figure, axes = plt.subplots()
share = np.arange(1, len(order) + 1) / len(order)
axes.plot(share, np.cumsum(right[order]) / np.arange(1, len(order) + 1))
axes.set(
    xlabel="share of pictures that are answered, the surest first",
    ylabel="share of right answers",
    ylim=(0, 1.02),
)
