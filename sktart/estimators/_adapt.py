"""From what a user gave as `adapt` and `y` to an encoder that is trained on labelled rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sktart.encoders import Adaptation, AdaptedEncoder, Encoder, SentenceEncoder
from sktart.estimators._labels import split_labels, unique_labels
from sktart.estimators._validation import Constraint, check_lengths, integer, number, require
from sktart.rows._entries import shown

_SETTINGS = {"steps": integer(1), "learning_rate": number(1e-8, 1), "folds": integer(1)}
ADAPT = Constraint(
    "None, 'contrastive' or a dict of its settings, such as {'steps': 40}",
    lambda value: (
        value is None or isinstance(value, Mapping) or (isinstance(value, str) and value == "contrastive")
    ),
)


def adapted(encoder: Encoder, adapt: Any, random_state: Any) -> AdaptedEncoder:
    """Return an encoder that will be trained."""
    settings = {} if isinstance(adapt, str) else dict(adapt)
    unknown = [name for name in settings if name not in _SETTINGS]
    if unknown:
        raise ValueError(f"adapt must have settings out of {', '.join(_SETTINGS)}; got {shown(unknown[0])}")
    for name, value in settings.items():
        require(f"adapt[{name!r}]", value, _SETTINGS[name])
    if not isinstance(encoder, SentenceEncoder):
        raise ValueError(
            f"adapt must stay None for {encoder.name}, as only models of sentence-transformers can be trained here: "
            "take 'all-MiniLM-L6-v2', another short name or Hub id of such a model, or adapt=None"
        )
    if encoder.options.dtype not in ("float32", "float64"):
        raise ValueError(
            f"dtype must be 'float32' or 'float64' where adapt is not None; got {encoder.options.dtype!r}, in which "
            "small steps of training are lost"
        )
    return AdaptedEncoder(encoder, Adaptation(**settings), check_random_state(random_state).randint(2**31))


def codes_of(X: Any, y: Any) -> NDArray[np.intp]:
    """Return a number for the class of each row, -1 where its label is missing."""
    if y is None:
        raise ValueError("adapt needs labels to train the encoder: call fit(X, y), or pass adapt=None")
    check_lengths(X, y)
    has_label, labels = split_labels(y, None)
    if labels.ndim != 1:
        raise ValueError(f"y must hold one label a row where adapt is not None; got shape {labels.shape}")
    classes, codes = unique_labels(labels)
    if len(classes) < 2:
        raise ValueError(
            f"adapt needs labelled rows of at least two classes; got {len(labels)} of {shown(classes.tolist())}: label "
            "rows of another class, or pass adapt=None"
        )
    every = np.full(len(has_label), -1)
    every[has_label] = codes
    return every
