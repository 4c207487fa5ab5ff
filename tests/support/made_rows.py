"""Rows of a few-shot run, for the tests that have made benchmarks/ importable."""

import numpy as np
import pandas as pd

from benchmarks.fewshot.acceptance import PLAIN
from benchmarks.fewshot.methods import OURS, REFERENCE


def row(method, log_loss, accuracy=0.5, ece=0.1, seed=0, dataset="one", labels=8, **other):
    """Make what a run writes for one fit."""
    about = {"split": "development", "modality": "text", "encoder": "e5", "classes": 2}
    about |= {"pool": 0, "pool_shares": "same"}
    about |= {"shares": "balanced", "noise": 0.0, "dataset": dataset, "labels": labels, "seed": seed}
    about |= {"method": method, "accuracy": accuracy, "log_loss": log_loss, "brier": log_loss / 2, "ece": ece}
    return about | {"auroc": accuracy, "fit_seconds": 0.1, "predict_seconds": 0.1} | other


def table(*rows):
    return pd.DataFrame(rows)


def random_table(methods=(OURS, REFERENCE, PLAIN, "5-NN"), datasets=3, seeds=2, labels=(8, 16)):
    rng = np.random.default_rng(0)
    return table(
        *(
            row(name, *rng.uniform(0.3, 0.9, 2), rng.uniform(0, 0.2), seed, f"set {i}", n)
            for name in methods
            for i in range(datasets)
            for n in labels
            for seed in range(seeds)
        )
    )
