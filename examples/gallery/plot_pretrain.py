"""
Pretrain a reasoner in half a minute
====================================

Write a recipe, train a small network on made-up tasks, and see how near it comes to Bayes' rule.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

from sktart import TartReasoner

# %%
# A recipe
# --------
# It names the network, the tasks and the training. Here each task has two features and 8 to 32 labelled rows.
# The true weights of a task are w = a z, where z is standard normal and log a uniform.
RECIPE = {
    "name": "mine",
    "seed": 0,
    "network": {
        "family": "gram",
        "width": 32,
        "n_layers": 3,
        "n_heads": 2,
        "mlp_ratio": 2,
        "message_width": 8,
    },
    "prior": [{"family": "logistic", "weight": 1.0, "n_classes": [2, 2], "options": {"n_features": [2, 2]}}],
    "context_rows": [8, 32],
    "query_rows": 16,
    "steps": 120,
    "steps_per_epoch": 10,
    "groups": 2,
    "max_tasks": 32,
    "max_tokens": 2048,
    "muon_learning_rate": 0.01,
    "adamw_learning_rate": 0.003,
    "warmup_steps": 20,
    "weight_decay": 0.01,
    "precision": "float32",
}
folder = Path(tempfile.mkdtemp())
(folder / "recipe.json").write_text(json.dumps(RECIPE))
command = [
    sys.executable,
    "-m",
    "sktart",
    "pretrain",
    str(folder / "recipe.json"),
    "--out",
    str(folder / "mine"),
]
subprocess.run(command, check=True, capture_output=True)
training = json.loads((folder / "mine" / "metrics.json").read_text())["training"]
print(f"{training['steps']} steps in {training['seconds']} s on {training['cores']} cores")

# %%
# The best possible answer
# ------------------------
# Whoever knows how tasks are made can average over all weights, each by how well it explains the labels.
# This is Bayes' rule, and on average nothing is better. With two features, 20,000 draws of weights are enough.
rng = np.random.default_rng(0)
WEIGHTS = rng.normal(size=(20_000, 2)) * np.exp(rng.uniform(np.log(0.5), np.log(10), (20_000, 1)))


def bayes(X, y, queries):
    """Return the probability of class 1."""
    log_likelihood = -np.logaddexp(0, -(2 * y - 1) * (WEIGHTS @ X.T)).sum(axis=1)
    weight = np.exp(log_likelihood - log_likelihood.max())
    return weight / weight.sum() @ (1 / (1 + np.exp(-np.clip(WEIGHTS @ queries.T, -30, 30))))


def task(n_rows=16, n_queries=50):
    """Draw a task like those of the training, with both classes among its labelled rows."""
    while True:
        X, w = rng.normal(size=(n_rows + n_queries, 2)), WEIGHTS[rng.integers(len(WEIGHTS))]
        y = (rng.random(len(X)) < 1 / (1 + np.exp(-X @ w))).astype(int)
        if 0 < y[:n_rows].sum() < n_rows:
            return X[:n_rows], y[:n_rows], X[n_rows:], y[n_rows:]


def loss(p, y):
    """Return the log-loss of probabilities of class 1."""
    return -np.log(np.clip(np.where(y == 1, p, 1 - p), 1e-6, 1)).mean()


methods = {
    "Bayes' rule": bayes,
    "mine": lambda X, y, queries: TartReasoner(folder / "mine").fit(X, y).predict_proba(queries)[:, 1],
    "LogisticRegression": lambda X, y, queries: LogisticRegression().fit(X, y).predict_proba(queries)[:, 1],
}
tasks = [task() for _ in range(40)]
scores = {
    name: np.mean([loss(p(X, y, new), truth) for X, y, new, truth in tasks]) for name, p in methods.items()
}
for name, score in scores.items():
    print(f"{name:<20} log-loss {score:.3f} on 40 new tasks with 16 rows")

# %%
# How training went
# -----------------
# Each point is the mean loss of ten steps. The training tasks have 8 to 32 rows.
figure, axes = plt.subplots()
axes.plot(np.arange(1, 13) * 10, training["loss_by_epoch"], "o-")
axes.set(xlabel="training step", ylabel="log-loss", title="training tasks")

# %%
# One task, three answers
# -----------------------
# Points are 16 labelled rows, the colour is the probability of class 1. Mine looks like Bayes' rule.
X, y, _, _ = tasks[3]
ticks = np.linspace(-3, 3, 60)
plane = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
figure, grid = plt.subplots(1, 3, figsize=(7.2, 2.8), sharey=True)
for (name, probability), axes in zip(methods.items(), grid, strict=True):
    shown = axes.contourf(
        ticks, ticks, probability(X, y, plane).reshape(60, 60), levels=np.linspace(0, 1, 11), cmap="cividis"
    )
    axes.scatter(*X.T, c=y, cmap="gray", edgecolor="white", s=28)
    axes.set(title=f"{name}: {scores[name]:.3f}", aspect="equal")
    axes.grid(visible=False)
figure.colorbar(shown, ax=grid, label="probability of class 1", shrink=0.8)
