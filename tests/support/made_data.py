"""Data sets for the scripts of benchmarks/: one in memory, and files in the formats of their folder."""

import numpy as np
import pandas as pd

from benchmarks.fewshot import readers


def make_data(counts=(300, 200, 100), test=(60, 50, 40), name="wine"):
    """Gaussian classes of these many context rows and test rows; the name is that of a data set with a split."""
    y = np.repeat(np.tile(np.arange(len(counts)), 2), [*counts, *test])
    is_test = np.arange(len(y)) >= sum(counts)
    X = np.random.default_rng(0).normal(size=(len(y), 5)) + y[:, None]
    return readers.DataSet(name, "table", X, y, is_test, "columns")


def write_texts(path, texts, y, is_test):
    table = pd.DataFrame({"split": np.where(is_test, "test", "train"), "text": texts, "label": y})
    table.to_csv(path, index=False)


def write_images(path, images, y, is_test):
    parts = (("train", ~is_test), ("test", is_test))
    arrays = {
        f"{key}_{name}": rows[chosen] for key, rows in (("X", images), ("y", y)) for name, chosen in parts
    }
    np.savez(path, **arrays)


def write_clips(path, clips, y, is_test, **more):
    offsets = np.cumsum([0, *map(len, clips)])
    arrays = {"audio": np.concatenate(clips), "offsets": offsets, "label": y, "is_test": is_test}
    np.savez(path, **arrays, sample_rate=8000, **more)
