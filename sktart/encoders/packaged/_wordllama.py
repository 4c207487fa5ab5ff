"""Token vectors without context, from the package wordllama: English texts, thousands a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def load(weights: Path, tokenizer_file: Path, *, device: None) -> Callable[[list[str]], NDArray[np.float32]]:
    """Return the function that turns B texts into the means of their tokens' vectors, of shape (B, 256).

    A text without tokens becomes zeros.
    """
    # Importing the package configures logging for the whole process, and its own loader asks the Hub.
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    table = load_file(weights)["embedding.weight"].astype(np.float32)
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def encode(texts: list[str]) -> NDArray[np.float32]:
        rows = [row.ids for row in tokenizer.encode_batch(texts, add_special_tokens=False)]
        return np.stack([table[row].sum(axis=0) / np.float32(max(len(row), 1)) for row in rows])

    return encode
