"""
Paint a photograph from a few clicks
====================================

Label twenty patches of a picture, and let the model label all others, with its doubts.

The extra ``efficientnet`` brings the encoder.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from sklearn.datasets import load_sample_image
from sklearn.pipeline import make_pipeline

from sktart import TartReasoner, TartTransformer

# %%
# Twenty clicks
# -------------
# A click is a place in the picture and what is there. The photograph comes with scikit-learn.
photograph = load_sample_image("china.jpg")
CLICKS = {
    "sky": [(60, 50), (400, 60), (600, 100), (450, 160), (330, 120)],
    "temple": [(200, 110), (200, 200), (190, 260), (210, 310), (270, 375)],
    "trees": [(30, 380), (150, 400), (400, 360), (575, 250), (600, 380)],
    "water": [(390, 255), (370, 290), (450, 285), (420, 240), (465, 250)],
}
HALF, STEP = 20, 20  # pixels


def patches(centres):
    """Cut out a square around each centre; the border is mirrored."""
    padded = np.pad(photograph, [(HALF, HALF), (HALF, HALF), (0, 0)], mode="reflect")
    return np.stack([padded[y : y + 2 * HALF, x : x + 2 * HALF] for x, y in centres])


clicks = [place for places in CLICKS.values() for place in places]
labels = [name for name, places in CLICKS.items() for _ in places]
model = make_pipeline(TartTransformer("efficientnet-lite0"), TartReasoner()).fit(patches(clicks), labels)

# %%
# All other patches
# -----------------
# One answer every 20 pixels, about 700 in all.
height, width, _ = photograph.shape
rows, columns = np.arange(STEP // 2, height, STEP), np.arange(STEP // 2, width, STEP)
proba = model.predict_proba(patches([(x, y) for y in rows for x in columns]))
answer = proba.argmax(axis=1).reshape(len(rows), len(columns))
doubt = 1 - proba.max(axis=1).reshape(len(rows), len(columns))

# %%
# Doubts are where they should be: at the edges, and at the far shore, which nobody clicked on.
colours = ListedColormap(["#56B4E9", "#D55E00", "#009E73", "#0072B2"])
extent = (0, width, height, 0)
figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.1))
left.imshow(photograph)
left.imshow(answer, cmap=colours, alpha=0.55, extent=extent, vmin=-0.5, vmax=3.5)
left.scatter(*np.transpose(clicks), s=14, color="white", edgecolor="black")
left.set_title("answers, and the clicks")
shown = right.imshow(doubt, extent=extent, vmin=0)
right.set_title("1 - probability of the answer")
figure.colorbar(shown, ax=right, shrink=0.7)
for axes in (left, right):
    axes.set_axis_off()
handles = [plt.Rectangle((0, 0), 1, 1, color=colours(i), alpha=0.7) for i in range(len(model.classes_))]
left.legend(handles, model.classes_, ncols=4, loc="upper center", bbox_to_anchor=(0.5, 0), handlelength=1)
