"""Read what an estimator was given into the rows that its encoder reads."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator

from sktart._audio_rows import as_clips
from sktart._image_rows import as_images
from sktart._rows import as_texts, holds_text
from sktart._validation import FLOATS, validate_numbers


def read_rows(
    estimator: BaseEstimator, X: Any, reads: str, name: str, *, sampling_rate: int | None, reset: bool
) -> Any:
    """Return texts as a list of str, images and clips as a sequence, numbers as an array of our own.

    Parameters
    ----------
    estimator : BaseEstimator
        Gets ``n_features_in_`` and ``feature_names_in_``, if `X` holds numbers and `reset` is true.
    X : sequence or array-like
    reads : {"text", "image", "audio", "numbers", "any"}
        What the encoder reads; "any" stands for numeric arrays of any shape.
    name : str
        Of the encoder; for the messages.
    sampling_rate : int or None
        Of clips that do not say their own, in hertz.
    reset : bool
        Record the features of numbers, or else compare them with the recorded ones.

    Raises
    ------
    ValueError
        If `X` is something else.
    """
    if reads == "text":
        return as_texts(X, f"encoder {name}")
    if reads == "image":
        return as_images(X, f"encoder {name}")
    if reads == "audio":
        return as_clips(X, f"encoder {name}", sampling_rate)
    if holds_text(X):
        raise ValueError(
            f"{name} reads numbers here, but X holds text; pass numbers, or fit with "
            "texts and an encoder such as encoder='all-MiniLM-L6-v2'"
        )
    given = reads == "numbers"
    return validate_numbers(
        estimator,
        X,
        reset=reset,
        accept_sparse="csr" if given else False,
        dtype=FLOATS if given else "numeric",
        allow_nd=not given,
    )
