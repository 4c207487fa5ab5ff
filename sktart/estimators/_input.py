"""Read what an estimator was given into the rows that its encoder reads."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from sktart.estimators._validation import FLOATS, record_features, validate_numbers
from sktart.rows._clips import as_clips
from sktart.rows._images import as_images
from sktart.rows._modality import modality_of
from sktart.rows._numbers import check_numbers
from sktart.rows._texts import as_texts, is_text_column


def read_rows(
    estimator: BaseEstimator, X: Any, reads: str, name: str, *, sampling_rate: int | None, reset: bool
) -> Any:
    """Return texts as a list of str, images and clips as a sequence, numbers as an array of our own, else `X` itself.

    `reads` is what the encoder reads: "text or image" leaves that to the rows of each call, "any" stands for numeric
    arrays of any shape, "rows" for whatever is given. With `reset` the estimator records the features of numbers, else
    they are compared with the recorded ones.
    """
    if " or " in reads:
        reads = "text" if modality_of(X, sampling_rate) == "text" else reads.removeprefix("text or ")
    if reads == "text":
        return as_texts(X, f"encoder {name}")
    if reads == "image":
        return as_images(X, f"encoder {name}")
    if reads == "audio":
        return as_clips(X, f"encoder {name}", sampling_rate)
    if reads == "rows":
        return _as_given(estimator, X, name, reset=reset)
    given = reads == "numbers"
    check_numbers(X, name, "fit with texts" + " and encoder='all-MiniLM-L6-v2'" * given)
    return validate_numbers(
        estimator,
        X,
        reset=reset,
        accept_sparse="csr" if given else False,
        dtype=FLOATS if given else "numeric",
        allow_nd=not given,
    )


def _as_given(estimator: BaseEstimator, X: Any, name: str, *, reset: bool) -> Any:
    """Leave rows to the encoder's own checks, but for what hardly any takes: one flat column."""
    if hasattr(X, "__array__") and not hasattr(X, "shape"):
        X = np.asarray(X)
    if isinstance(X, list | tuple) and not X:
        raise ValueError(f"{name} needs at least one row; got 0, so pass a longer X")
    if is_text_column(X) or (getattr(X, "ndim", 2) == 1 and X.dtype != object):
        raise ValueError(
            f"{name} reads tables here, one row a sample; got a flat column: pass rows like those of fit, or "
            "Reshape your data to (n, 1)"
        )
    record_features(estimator, X, reset=reset)
    return X
