"""What rows are, by looking at them."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image
from scipy.sparse import csr_array

from sktart.rows._modality import modality_of

PIXELS = np.zeros((4, 6), dtype=np.uint8)
SAMPLES = np.zeros(30, dtype=np.float32)
TEXTS = ["good film", "bad film"]


@pytest.mark.parametrize(
    "rows, modality",
    [
        (TEXTS, "text"),
        (np.array(TEXTS), "text"),
        (np.array([TEXTS], dtype=object).T, "text"),
        (pd.Series(TEXTS), "text"),
        (pd.DataFrame({"text": TEXTS}), "text"),
        (pl.Series(TEXTS), "text"),
        (["good film", None], "text"),
        (["see cat.jpg", "and a dog"], "text"),
        ([None, "good film"], "text"),
        (["x" * 5000], "text"),
        (["a\0b"], "text"),
        ([PIXELS, PIXELS[:2]], "image"),
        (np.zeros((3, 4, 6), dtype=np.uint8), "image"),
        (np.zeros((3, 4, 6, 3), dtype=np.uint8), "image"),
        ([Image.fromarray(PIXELS)], "image"),
        ([Image.fromarray(PIXELS), None, PIXELS], "image"),
        ([{"array": SAMPLES, "sampling_rate": 8000}], "audio"),
        ([None, {"array": SAMPLES, "sampling_rate": 8000}], "audio"),
        ([SAMPLES, SAMPLES[:5]], "audio"),
        ([[1.0, 2.0], [3.0, 4.0]], "numbers"),
        (np.zeros((3, 2)), "numbers"),
        (np.zeros((3, 2), dtype=np.uint8), "numbers"),
        (csr_array((3, 2)), "numbers"),
        (pd.DataFrame({"a": [1, 2], "b": [3.0, 4.0]}), "numbers"),
        ([], "numbers"),
        (iter([1.0]), "numbers"),
    ],
)
def test_rows(rows, modality):
    assert modality_of(rows) == modality


@pytest.mark.parametrize("rows", [[SAMPLES], np.zeros((3, 30)), [np.zeros(9, dtype=np.int16)]])
def test_plain_arrays_are_sound_where_a_rate_says_so(rows):
    assert modality_of(rows, sampling_rate=8000) == "audio"
    assert modality_of(rows) == "numbers"


@pytest.mark.parametrize("suffix, modality", [(".JPG", "image"), (".wav", "audio"), (".txt", "text")])
def test_files_are_told_by_their_suffix(tmp_path, suffix, modality):
    for number in range(2):
        (tmp_path / f"{number}{suffix}").touch()
    paths = sorted(tmp_path.iterdir())
    assert modality_of(paths) == modality_of(list(map(str, paths))) == modality
    if modality != "text":
        with pytest.raises(
            ValueError,
            match=rf"rows that end like files of {modality} must be such files; there is no 'missing",
        ):
            modality_of([*paths, Path(f"missing{suffix}")])
