"""Labels that may be missing, and vectors that describe classes."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils.class_weight import compute_class_weight

from sktart.rows._entries import is_missing, shown, without_arrow


@dataclass(frozen=True)
class ClassVectors:
    """Checked descriptions: labels, and a vector for each, (n, D)."""

    labels: list[Any]
    vectors: NDArray[Any]

    def table(self, classes: NDArray[Any]) -> NDArray[Any]:
        """Return a vector for each class, NaN for a class without any, (C, D)."""
        table = np.full((len(classes), self.vectors.shape[1]), np.nan)
        table[places_of(classes, self.labels)] = self.vectors
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
    if values.ndim != 1 or (values.dtype.kind not in "fcOmM" and unlabelled is None):
        return np.ones(len(values) if values.ndim else 0, dtype=bool), values
    entries = entries_of(values)
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
    if getattr(y, "shape", ())[1:] == (1,) and hasattr(y, "columns"):
        y = y.column(0) if hasattr(y, "column_names") else y[y.columns[0]]
    y = without_arrow(y)
    if isinstance(y, np.ma.MaskedArray) and y.size == len(y):
        entries, is_hidden = entries_of(y.data.ravel()), np.ma.getmaskarray(y).ravel()
        y = [None if hidden else entry for entry, hidden in zip(entries, is_hidden, strict=True)]
    if not isinstance(getattr(y, "dtype", None), np.dtype) and hasattr(y, "to_list"):
        # Extension types of pandas and polars: numpy would turn large integers and truth values into floats.
        y = y.to_list()
    if isinstance(y, list | tuple) and not any(isinstance(entry, list | tuple | np.ndarray) for entry in y):
        # As an array of its own, numpy would turn a marker beside texts into a text.
        return _as_objects(list(y))
    try:
        column: NDArray[Any] = np.asarray(y)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"y must hold one label a row; got {type(y).__name__} ({error}): pass a list or column of labels"
        ) from error
    if column.dtype.kind == "T":  # numpy's texts of any length, which scikit-learn does not know
        column = column.astype(object)
    if column.dtype.names is not None:
        raise ValueError(f"y must hold one label a row; got fields {column.dtype.names}: pass one of them")
    return column.ravel() if column.shape[1:] == (1,) else column


def are_plain(labels: NDArray[Any]) -> bool:
    """Tell whether scikit-learn knows such labels: numbers, truth values and texts, but no dates, bytes or members."""
    if labels.dtype.kind == "O":
        return all(isinstance(label, str) and not isinstance(label, Enum) for label in labels)
    return labels.dtype.kind in "biufU"


def same_labels(predicted: NDArray[Any], y: Any) -> NDArray[np.bool_]:
    """Tell where labels that were predicted, (M,), are those of `y`."""
    wanted = _as_column(y)
    if wanted.shape != predicted.shape:
        raise ValueError(f"y must have a label for each of {len(predicted)} rows; got shape {wanted.shape}")
    pairs = zip(entries_of(predicted), entries_of(wanted), strict=True)
    return np.array([_equals(label, other) for label, other in pairs], dtype=bool)


def _as_objects(entries: list[Any]) -> NDArray[Any]:
    values = np.empty(len(entries), dtype=object)
    values[:] = entries
    return values


def _is_scalar_tensor(entry: Any) -> bool:
    return getattr(entry, "shape", None) == () and not isinstance(entry, np.generic)


def entries_of(values: NDArray[Any]) -> list[Any]:
    """Return labels one by one; of dates in nanoseconds, `tolist` would make integers."""
    entries = list(values) if values.dtype.kind in "mM" else values.tolist()
    return [entry.item() if _is_scalar_tensor(entry) else entry for entry in entries]


def unique_labels(labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the distinct labels, sorted, and the place of each label among them.

    What does not sort by itself, such as members of an Enum, is in the order of its ``repr``.

    Examples
    --------
    >>> unique_labels(np.array([1j, 2, 1j], dtype=object))
    (array([1j, 2], dtype=object), array([0, 1, 0]))
    """
    if labels.dtype.kind != "O":
        return np.unique(labels, return_inverse=True)
    distinct = set(labels.tolist())
    try:
        # To sets, "smaller" means "part of".
        ordered = sorted(distinct, key=_words if any(isinstance(x, frozenset) for x in distinct) else None)
    except TypeError:
        ordered = sorted(distinct, key=_words)
    classes = _as_objects(ordered)
    return classes, places_of(classes, list(labels))


def _words(label: Any) -> list[str]:
    return sorted(map(repr, label)) if isinstance(label, frozenset) else [repr(label)]


def places_of(classes: NDArray[Any], labels: list[Any]) -> NDArray[np.intp]:
    """Return the place of each label among the classes, -1 for a stranger."""
    if classes.dtype.kind in "mM":
        try:
            labels = entries_of(np.array(labels, dtype=classes.dtype))
        except (TypeError, ValueError):  # no dates
            labels = [None] * len(labels)
    places = {label: place for place, label in enumerate(entries_of(classes))}
    return np.array([places.get(label, -1) for label in labels], dtype=np.intp)


def class_factors(
    class_weight: Any, classes: NDArray[Any], codes: NDArray[np.intp], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the factor of each class, (C,), for labelled rows with `codes` and weights.

    Examples
    --------
    >>> class_factors({"b": 3}, np.array(["a", "b"]), np.array([0, 1]), np.ones(2))
    array([1., 3.])
    """
    if class_weight is None:
        return np.ones(len(classes))
    if isinstance(class_weight, str):
        absent = np.setdiff1d(np.arange(len(classes)), codes)
        if len(absent):
            raise ValueError(
                f"class_weight='balanced' needs a labelled row of each class; {classes[absent].tolist()[0]!r} has "
                "none: pass None or a dict of factors"
            )
        every = np.arange(len(classes))
        return compute_class_weight("balanced", classes=every, y=codes, sample_weight=weight)
    wrong = [
        value
        for value in class_weight.values()
        if not (isinstance(value, Real) and 0 < value <= sys.float_info.max)  # type: ignore[operator]
    ]
    if wrong:
        raise ValueError(
            f"class_weight must be positive for each class, and finite; got {shown(wrong[0])} in {shown(class_weight)}"
        )
    factors, places = np.ones(len(classes)), places_of(classes, list(class_weight))
    without = np.setdiff1d(np.arange(len(classes)), places)
    strangers = [key for key, place in zip(class_weight, places, strict=True) if place < 0]
    if strangers and len(without):
        raise ValueError(
            f"class_weight must have labels of y as keys; got {strangers[0]!r}, and no factor for "
            f"{entries_of(classes)[without[0]]!r}: spell it as in y"
        )
    factors[places[places >= 0]] = np.array(list(class_weight.values()), dtype=np.float64)[places >= 0]
    return factors


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
            f"{parameter} must describe at least two classes, as only their differences tell anything; got "
            f"{shown(labels)}"
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
        return unique_labels(labels)
    extra = _of_one_kind(described.labels)
    if len(labels):
        if labels.dtype.kind in "mM" and (places_of(labels, described.labels) >= 0).any():
            extra = np.array(described.labels, dtype=labels.dtype)
        first = entries_of(labels)[0]
        if _is_other_kind(entries_of(extra)[0], first):
            raise ValueError(
                f"class_vectors must use the labels of y; got {described.labels[0]!r} beside {first!r}: use the same "
                "type in both"
            )
        # Labels of rows keep their type, where keys such as 1.0 beside 1 say the same.
        same = extra.astype(labels.dtype)
        extra = np.concatenate([labels, same if (same == extra).all() else extra])
    classes, codes = unique_labels(extra)
    return classes, codes[: len(labels)]


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
        [*entries_of(labels), *entries_of(more)], texts_as_objects="O" in labels.dtype.kind + more.dtype.kind
    )


def _checked_vector(label: Any, value: Any, n_features: int) -> NDArray[Any]:
    try:
        vectors = np.atleast_2d(np.asarray(value.toarray() if issparse(value) else value, dtype=np.float64))
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
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
    try:
        set(labels)
    except TypeError as error:
        raise TypeError(
            f"labels must be hashable, like keys of a dict; got {labels[0]!r:.80} ({error}): turn them into texts"
        ) from error
    # An array of texts loses zeros at their ends.
    is_object = (
        bool(kinds) and kinds[0] is str and (texts_as_objects or any(x.endswith("\0") for x in labels))
    )
    if not is_object and (not labels or kinds[0] in (str, bool, Real)):
        values = np.array(labels)
        is_rounded = all(isinstance(label, int | np.integer) for label in labels) or values.tolist() != labels
        if values.dtype.kind in "biuU" or (values.dtype.kind == "f" and not (labels and is_rounded)):
            return values
    return _as_objects(labels)  # numpy has no type for them, or one that would round them


def _is_other_kind(label: Any, other: Any) -> bool:
    kinds = {_kind(label), _kind(other)}
    return len(kinds) > 1 and kinds != {bool, Real}


def _kind(label: Any) -> type:
    """Return the type of a label, the same for all texts, all truth values and all real numbers."""
    if isinstance(label, Enum):
        return type(label)
    label = bool(label) if isinstance(label, np.bool_) else label
    return next((kind for kind in (str, bool, Real) if isinstance(label, kind)), type(label))
