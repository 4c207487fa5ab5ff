"""
Say what each class is
======================

A sentence a class is worth as much as several labels. With it, the model answers before the first label.

The extra ``e5`` brings the encoder.
"""

import importlib
import inspect

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import log_loss

from sktart import TartClassifier, TartReasoner, TartTransformer

# %%
# Sentences from Python's manual, by topic, as in :doc:`/gallery/plot_texts`:
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
drawn = {topic: rng.permutation(sentences(modules))[:46] for topic, modules in TOPICS.items()}
new = [text for topic in drawn for text in drawn[topic][:30]]
truth = np.repeat(list(drawn), 30)

# %%
# No label at all
# ---------------
# Say in your own words what each class is. The model compares them with the texts that it is given.
said = {
    "files": "reads, writes, copies or finds a file or folder on the disk",
    "network": "talks to a server or another computer over the network",
    "numbers": "computes with numbers: mathematics and statistics",
    "processes": "starts, waits for or synchronises processes, threads and tasks",
}
model = TartClassifier("multilingual-e5-small", class_descriptions=said)
model.fit(new, [None] * len(new))
print(f"without a label: {(model.predict(new) == truth).mean():.0%} right")

# %%
# With a few labels
# -----------------
# Encode once, then compare both with 1 to 16 labels a class. Each point is the mean of four draws.
encoder = TartTransformer("multilingual-e5-small").fit(new)
vectors = encoder.transform(new)
labelled = {topic: encoder.transform(drawn[topic][30:]) for topic in drawn}
class_vectors = dict(zip(said, encoder.transform(list(said.values())), strict=True))

sizes = [1, 2, 4, 8, 16]
scores = {"labels only": [], "labels and a sentence a class": []}
for n in sizes:
    for name, found in scores.items():
        known = None if name == "labels only" else class_vectors
        draws = []
        for seed in range(4):
            chosen = np.random.default_rng(seed).permutation(16)[:n]
            X = np.concatenate([labelled[topic][chosen] for topic in drawn])
            reasoner = TartReasoner().fit(X, np.repeat(list(drawn), n), class_vectors=known)
            proba = reasoner.predict_proba(vectors)
            draws.append([(reasoner.classes_[proba.argmax(axis=1)] == truth).mean(), log_loss(truth, proba)])
        found.append(np.mean(draws, axis=0))

# %%
# Up is better on the left, down on the right. The dotted line is the model without a label.
# That one has read all new texts as well, as :doc:`/gallery/plot_unlabelled` does, so it may be ahead
# of the first points.
figure, (left, right) = plt.subplots(1, 2)
for name, found in scores.items():
    accuracy, loss = np.transpose(found)
    left.plot(sizes, accuracy, "o-", label=name)
    right.plot(sizes, loss, "o-", label=name)
left.axhline((model.predict(new) == truth).mean(), color="#888888", linestyle=":")
right.axhline(log_loss(truth, model.predict_proba(new)), color="#888888", linestyle=":")
for axes, title in [(left, "accuracy"), (right, "log-loss")]:
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, sizes)
    axes.set(xlabel="labels a class", title=title)
left.legend()
