"""An encoder that is trained on the labelled rows."""

import pickle

import numpy as np
import pytest
from conftest import WORDS, build_sentence_transformer
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sktart import TartClassifier, TartTransformer, load, save

QUICK = {"steps": 3, "learning_rate": 0.01}


def made_texts(n, seed=0):
    """Texts of five words each, whose class is whether "good" comes before "bad"."""
    rng = np.random.default_rng(seed)
    labels, texts = np.arange(n) % 2, []
    others = [word for word in WORDS if word not in ("good", "bad")]
    for label in labels:
        words = rng.choice(others, 4).tolist()
        words.insert(rng.integers(5), ("good", "bad")[label])
        texts.append(" ".join(words))
    return texts, np.array(["pos", "neg"])[labels]


if __name__ == "__main__":
    import sys
    from pathlib import Path
    import tempfile, time

    folder = build_sentence_transformer(Path(tempfile.mkdtemp()) / "x")
    texts, y = made_texts(40)
    new, truth = made_texts(400, 1)
    for lr in (0.003, 0.01, 0.03):
        for steps in (40, 100):
            t = time.process_time()
            f = TartTransformer(folder, adapt={"steps": steps, "learning_rate": lr}, random_state=0)
            A = f.fit_transform(texts, y)
            g = TartTransformer(folder)
            acc = [
                LogisticRegression(C=100).fit(a, y).score(t.transform(new), truth)
                for a, t in ((A, f), (f.transform(texts), f), (g.fit_transform(texts), g))
            ]
            lab = np.random.default_rng(3).permutation(y)
            h = TartTransformer(folder, adapt={"steps": steps, "learning_rate": lr}, random_state=0)
            B = h.fit_transform(texts, lab)
            from sklearn.model_selection import cross_val_score

            print(
                lr,
                steps,
                acc,
                "leak",
                cross_val_score(LogisticRegression(C=100), B, lab, cv=5).mean(),
                cross_val_score(LogisticRegression(C=100), h.transform(texts), lab, cv=5).mean(),
                time.process_time() - t,
                flush=True,
            )
