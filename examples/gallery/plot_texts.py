"""
Text in three lines
===================

Sentences from Python's own manual, eight labels a topic, and a probability for each topic.

The extra ``e5`` brings the encoder.
"""

import importlib
import inspect

import matplotlib.pyplot as plt
import numpy as np

from sktart import TartClassifier

# %%
# Texts and labels
# ----------------
# Each function of the standard library is described by a sentence. Which topic is it about?
TOPICS = {
    "files": "os pathlib shutil tempfile zipfile tarfile io",
    "network": "socket ssl http.client urllib.request smtplib ftplib imaplib",
    "numbers": "math cmath statistics fractions decimal random",
    "processes": "subprocess threading multiprocessing concurrent.futures asyncio signal",
}


def sentences(modules):
    """List the first sentences of functions and methods."""
    found = {}
    for module in map(importlib.import_module, modules.split()):
        classes = [member for _, member in inspect.getmembers(module, inspect.isclass)]
        for owner in [module, *classes]:
            for name, member in inspect.getmembers(owner, inspect.isroutine):
                text = " ".join((inspect.getdoc(member) or "").split("\n\n")[0].split())
                own = module.__name__.split(".")[0] in str(getattr(member, "__module__", None))
                if own and name[0] != "_" and 30 < len(text) < 120 and "->" not in text:
                    found[text] = None
    return sorted(found)


rng = np.random.default_rng(0)
drawn = {topic: rng.permutation(sentences(modules))[:33] for topic, modules in TOPICS.items()}
texts = [text for topic in drawn for text in drawn[topic][:8]]
labels = [topic for topic in drawn for _ in range(8)]

# %%
# The three lines
# ---------------
# ``fit`` reads the 32 labelled sentences and trains nothing.
model = TartClassifier("multilingual-e5-small").fit(texts, labels)
new = [text for topic in drawn for text in drawn[topic][8:]]
proba = model.predict_proba(new)

# %%
# A look at the answers
# ---------------------
# Each bar is one new sentence. A dot marks the right topic.
# Where the colours are mixed, the model is unsure, and says so.
truth = np.repeat(list(drawn), 25)
shown = np.concatenate([np.flatnonzero(truth == topic)[:4] for topic in drawn])
left = np.zeros(len(shown))

figure, axes = plt.subplots(figsize=(7.2, 5))
for column, topic in enumerate(model.classes_):
    axes.barh(range(len(shown)), proba[shown, column], left=left, label=topic)
    middle = left + proba[shown, column] / 2
    right = truth[shown] == topic
    axes.plot(middle[right], np.flatnonzero(right), "o", color="white", markeredgecolor="black")
    left += proba[shown, column]
axes.set_yticks(range(len(shown)), [new[row][:48] + ("…" if len(new[row]) > 48 else "") for row in shown])
axes.set(xlim=(0, 1), xlabel="probability", ylim=(len(shown) - 0.4, -0.6))
axes.grid(visible=False)
axes.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.3, 1))
accuracy = (model.classes_[proba.argmax(axis=1)] == truth).mean()
print(f"{accuracy:.0%} of {len(new)} new sentences are right, {1 / len(drawn):.0%} would be by chance")
