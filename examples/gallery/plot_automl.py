"""
Let sktart choose, and read its report
======================================

``AutoTartClassifier`` tries encoders and classifiers on held-out rows. A leaderboard and a page say what it found.

The extras ``e5``, ``wordllama`` and ``auto`` bring two encoders and the search.
"""

import html
import importlib
import inspect
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sktart import AutoTartClassifier
from sktart.auto import write_report

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
drawn = {topic: rng.permutation(sentences(modules))[:20] for topic, modules in TOPICS.items()}
texts = [text for topic in drawn for text in drawn[topic]]
labels = np.repeat(list(drawn), 20)

# %%
# A search
# --------
# Name encoders, or leave it to ``"auto"``, which takes those on this machine. Nothing is downloaded.
# Usually ``time_limit`` ends a search. Without one, the same call gives the same model.
model = AutoTartClassifier(
    time_limit=None, max_candidates=6, encoders=["multilingual-e5-small", "wordllama"], random_state=0
)
model.fit(texts, labels)
model.leaderboard_[["candidate", "log_loss", "accuracy", "predict_seconds", "weight"]].round(2)

# %%
# Score against time
# ------------------
# Filled dots are part of the mixture that was kept; a line is one standard error. A good answer in a tenth of a
# millisecond may be worth more than a better one that takes a hundred times as long.
board = model.leaderboard_[::-1]
figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.2), sharey=True)
places, filled = np.arange(len(board)), np.where(board["weight"] > 0, "C0", "white")
left.errorbar(board["log_loss"], places, xerr=board["standard_error"], fmt="none", color="#BBBBBB")
left.scatter(board["log_loss"], places, color=filled, edgecolor="C0", s=60, zorder=3)
right.barh(places, board["predict_seconds"], height=0.5, color="C1")
left.set_yticks(places, board["candidate"].str.replace("multilingual-e5-small", "e5").str.replace(", ", "\n"))
left.set(title="log-loss on held-out rows")
right.set(title="seconds for 1,000 answers", xscale="log")

# %%
# The report
# ----------
# One page that needs no network: calibration, confusions, labels to check, and which rows to label next.
path = Path(tempfile.mkdtemp()) / "report.html"
write_report(model, texts, labels, path)


class Report:
    """Shows a page in a frame."""

    def _repr_html_(self):
        page = html.escape(path.read_text())
        style = "width: 100%; height: 32rem; border: 1px solid gray"
        return f'<iframe title="report" srcdoc="{page}" style="{style}"></iframe>'


Report()
