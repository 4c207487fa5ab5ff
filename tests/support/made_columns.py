"""Texts and frames for searches, and frozen encoders that cost nothing."""

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import HashingVectorizer

GOOD = ["the parcel came on time", "works as it should", "thanks for the quick answer", "a nice little shop"]
BAD = [
    "it never came and nobody answers",
    "broken after one day",
    "I want my money back",
    "worst shop I know",
]


def words(texts):
    """Encode texts by their words."""
    return HashingVectorizer(n_features=32).transform(texts).toarray()


def letters(texts):
    """Encode texts by their letters."""
    return HashingVectorizer(n_features=16, analyzer="char").transform(texts).toarray()


def make_texts(n=40, seed=0):
    """Make texts that all differ, and labels that most words tell."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.resize(["ham", "spam"], n))
    texts = [f"{rng.choice(GOOD if label == 'ham' else BAD)} {place}" for place, label in enumerate(y)]
    return texts, y


def make_frame(n=60, seed=0):
    """Make texts, numbers, categories and dates, each with gaps, and labels that all of them tell."""
    rng = np.random.default_rng(seed)
    texts, y = make_texts(n, seed)
    is_spam = y == "spam"
    frame = pd.DataFrame(
        {
            "text": texts,
            "price": rng.normal(size=n) + 2 * is_spam,
            "kind": np.where(rng.random(n) < 0.2 + 0.6 * is_spam, "new", "old"),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n), "D"),
        }
    )
    for column, row in (("text", 3), ("price", 5), ("kind", 7), ("when", 9)):
        frame.loc[row, column] = None
    return frame, y
