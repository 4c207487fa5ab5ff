"""Labels that may be missing, and vectors that describe classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from sktart.rows._entries import is_missing


@dataclass(frozen=True)
class ClassVectors:
    """Checked descriptions: labels, and a vector for each, (n, D)."""

    labels: list[Any]
    vectors: NDArray[Any]

    def table(self, classes: NDArray[Any]) -> NDArray[Any]:
        """Return a vector for each class, NaN for a class without any, (C, D)."""
        table = np.full((len(classes), self.vectors.shape[1]), np.nan)
        table[np.searchsorted(classes, np.asarray(self.labels, dtype=classes.dtype))] = self.vectors
        return table


def split_labels(y: Any, unlabelled: Any) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    """Tell which rows have a label, (n,), and return those labels.

    A label is absent where it is None, NaN or what pandas has for it, or where it equals the marker `unlabelled`.

    Examples
    --------
    >>> split_labels(["spam", None, "ham"], None)
    (array([ True, False,  True]), array(['spam', 'ham'], dtype='<U4'))
    >>> split_labels([1, 0, -1], -1)[1]
    array([1, 0])
    """
    values = _as_column(y)
    if values.ndim != 1 or (values.dtype.kind not in "fOmM" and unlabelled is None):
        return np.ones(len(values) if values.ndim else 0, dtype=bool), values
    entries = values.tolist()
    has_label = np.array(
        [not (is_missing(entry) or _equals(entry, unlabelled)) for entry in entries], dtype=bool
    )
    if values.dtype.kind != "O":
        return has_label, values[has_label]
    labels = _of_one_kind(
        [entry for entry, keep in zip(entries, has_label, strict=True) if keep],
        # Texts of a list become an array of texts, those of a column of objects stay what they are.
        texts_as_objects=not isinstance(y, list | tuple),
    )
    return has_label, labels


def _as_column(y: Any) -> NDArray[Any]:
    """Return labels as an array of one dimension, if they have one, with each entry as it is."""
    if isinstance(y, np.ma.MaskedArray):
        y = [None if hidden else entry for entry, hidden in zip(y.data, np.ma.getmaskarray(y), strict=True)]
    if getattr(y, "shape", ())[1:] == (1,) and hasattr(y, "columns"):
        y = y[y.columns[0]]
    if not isinstance(getattr(y, "dtype", None), np.dtype):
        # Extension types of pandas, polars and Arrow: numpy would turn large integers and truth values into floats.
        of_list = next((getattr(y, name) for name in ("to_pylist", "to_list") if hasattr(y, name)), None)
        y = y if of_list is None else of_list()
    if isinstance(y, list | tuple) and not any(isinstance(entry, list | tuple | np.ndarray) for entry in y):
        # As an array of its own, numpy would turn a marker beside texts into a text.
        values = np.empty(len(y), dtype=object)
        values[:] = y
        return values
    column: NDArray[Any] = np.asarray(y)
    if column.dtype.kind == "T":  # numpy's texts of any length, which scikit-learn does not know
        column = column.astype(object)
    return column.ravel() if column.shape[1:] == (1,) else column


def check_class_vectors(class_vectors: Any, n_features: int, unlabelled: Any) -> ClassVectors:
    """Check descriptions of classes.

    Parameters
    ----------
    class_vectors : dict
        From labels to arrays of shape (D,), or (k, D) for several of one class, which are averaged.
    n_features : int
        D.
    unlabelled : object
        The marker of rows without a label, which is no class.

    Raises
    ------
    ValueError
        If there are fewer than two labels, one is no single value, missing or the marker, or a vector has another
        width, holds anything but finite numbers, or is zero.
    """
    if not isinstance(class_vectors, Mapping):
        raise ValueError(
            f"class_vectors must be a dict from labels to vectors; got {type(class_vectors).__name__}: "
            "pass {label: vector, ...}"
        )
    check_described(list(class_vectors), unlabelled, "class_vectors")
    vectors = [_checked_vector(label, value, n_features) for label, value in class_vectors.items()]
    return ClassVectors(list(class_vectors), np.stack(vectors))


def check_described(labels: list[Any], unlabelled: Any, parameter: str) -> None:
    """Check which classes are described, by `class_vectors` or `class_descriptions`."""
    if len(labels) < 2:
        raise ValueError(
            f"{parameter} must describe at least two classes, as only their differences tell anything; got {labels!r}"
        )
    compound = [label for label in labels if np.ndim(label)]
    if compound:
        raise ValueError(
            f"{parameter} must have single values as labels; got {compound[0]!r}: use a text in its place"
        )
    wrong = [label for label in labels if is_missing(label) or _equals(label, unlabelled)]
    if wrong:
        raise ValueError(
            f"{parameter} must not describe {wrong[0]!r}, which marks rows without a label: "
            "rename that class, or choose another marker by unlabelled="
        )


def merge_labels(labels: NDArray[Any], described: ClassVectors | None) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return all classes, sorted, and the code of each label."""
    if described is None:
        return np.unique(labels, return_inverse=True)
    extra = _of_one_kind(described.labels)
    if len(labels) and (labels.dtype.kind in "OUS") != (extra.dtype.kind in "OUS"):
        raise ValueError(
            f"class_vectors must use the labels of y; got {described.labels[0]!r} beside {labels[:1].tolist()[0]!r}: "
            "use the same type in both"
        )
    if len(labels):
        # Labels of rows keep their type, where keys such as 1.0 beside 1 say the same.
        same = extra.astype(labels.dtype)
        extra = np.concatenate([labels, same if (same == extra).all() else extra])
    classes = np.unique(extra)
    return classes, np.searchsorted(classes, labels)


def join_labels(labels: NDArray[Any], more: NDArray[Any]) -> NDArray[Any]:
    """Return labels of two calls in one array; they must be of one kind.

    Examples
    --------
    >>> join_labels(np.array(["a"]), np.array(["bc"])).tolist()
    ['a', 'bc']
    """
    if not len(labels) or not len(more):
        return labels if len(labels) else more
    if labels.dtype.kind == more.dtype.kind and labels.dtype.kind != "O":
        return np.concatenate([labels, more])
    return _of_one_kind(
        [*labels.tolist(), *more.tolist()], texts_as_objects="O" in labels.dtype.kind + more.dtype.kind
    )


def _checked_vector(label: Any, value: Any, n_features: int) -> NDArray[Any]:
    try:
        vectors = np.atleast_2d(np.asarray(value.toarray() if issparse(value) else value, dtype=np.float64))
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"class_vectors must hold numbers; that of {label!r} is {value!r}: for texts take "
            "TartClassifier(class_descriptions=...), which encodes them"
        ) from error
    if vectors.ndim != 2 or not len(vectors) or vectors.shape[1] != n_features:
        raise ValueError(
            f"class_vectors must have the shape ({n_features},) or (k, {n_features}), as wide as X; that of {label!r} "
            f"has {np.shape(value)}: encode descriptions and rows by the same encoder"
        )
    if not np.isfinite(vectors).all() or not vectors.any(axis=1).all():
        kind = "zero" if np.isfinite(vectors).all() else "not finite"
        raise ValueError(
            f"class_vectors must be finite and not zero; one of {label!r} is {kind}: leave that class out of the dict "
            "if nothing describes it"
        )
    return vectors.mean(axis=0)


def _equals(entry: Any, marker: Any) -> bool:
    if marker is None or isinstance(entry, bool | np.bool_) != isinstance(marker, bool | np.bool_):
        return False
    return type(entry == marker) in (bool, np.bool_) and bool(entry == marker)


def _of_one_kind(labels: list[Any], *, texts_as_objects: bool = False) -> NDArray[Any]:
    """Return labels as an array that gives them back as they are, and do not turn numbers beside texts into texts."""
    kinds = [_kind(label) for label in labels]
    other = next((place for place, kind in enumerate(kinds) if kind != kinds[0]), None)
    if other is not None:
        raise ValueError(
            f"labels must be of one kind; got {labels[0]!r} beside {labels[other]!r}: turn all but the missing ones "
            "into one type, for instance by str"
        )
    # An array of texts loses zeros at their ends.
    is_object = (
        bool(kinds) and kinds[0] == "text" and (texts_as_objects or any(x.endswith("\0") for x in labels))
    )
    if not is_object and (not labels or kinds[0] in ("text", "truth value", "number")):
        values = np.array(labels)
        if values.dtype.kind in "biuU" or not all(isinstance(label, int | np.integer) for label in labels):
            return values
    values = np.empty(len(labels), dtype=object)  # numpy has no type for them, or one that would round them
    values[:] = labels
    return values


def _kind(label: Any) -> str:
    if isinstance(label, str):
        return "text"
    if isinstance(label, bool | np.bool_):
        return "truth value"
    return "number" if isinstance(label, Real) else type(label).__name__
