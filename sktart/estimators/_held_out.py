"""What a reasoner says of rows that it has not read: held-out answers, and what follows from them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from copy import copy, deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GroupKFold, LeaveOneOut, StratifiedKFold, check_cv

from sktart.estimators._labels import entries_of, places_of

if TYPE_CHECKING:
    from sktart.estimators._given import Given
    from sktart.estimators._reasoner import TartReasoner

# With more labelled rows, they are held out in folds and no longer one by one.
MAX_ONE_BY_ONE = 128
N_FOLDS = 10
# Of the rows of contexts that are held together; each number is there several times, in 8 bytes.
MAX_NUMBERS = 2**24

Fold = tuple[NDArray[np.intp], NDArray[np.intp]]


class Answers(ClassifierMixin, BaseEstimator):
    """Probabilities that are known already, as an estimator that scorers take; its rows are numbers of theirs."""

    def __init__(self, classes: NDArray[Any], proba: NDArray[np.float64]) -> None:
        self.classes_ = classes
        self.proba = proba

    def fit(self, X: Any, y: Any) -> Answers:
        """Do nothing."""
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Look probabilities up."""
        return self.proba[X]

    def predict(self, X: Any) -> NDArray[Any]:
        """Look the most probable label up."""
        return self.classes_[self.proba[X].argmax(axis=1)]


def make_folds(codes: NDArray[np.intp], cv: Any, groups: Any, *, max_one_by_one: int) -> list[Fold]:
    """Return kept and held-out places of labelled rows, each of which is held out once."""
    n_rows = len(codes)
    if n_rows < 2:
        raise ValueError(
            f"at least two labelled rows are needed to hold one out; got {n_rows}: label more rows"
        )
    if cv is None and groups is not None:
        cv = GroupKFold(min(N_FOLDS, len(np.unique(groups))))
    elif cv is None:
        # Classes with fewer rows are simply not in each fold.
        n_folds = min(N_FOLDS, int(np.bincount(codes).max()))
        cv = LeaveOneOut() if n_rows <= max_one_by_one or n_folds < 2 else StratifiedKFold(n_folds)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class in y")
        folds = list(check_cv(cv, codes, classifier=True).split(np.zeros((n_rows, 1)), codes, groups))
    times = np.bincount(np.concatenate([test for _, test in folds]), minlength=n_rows)
    if (times != 1).any():
        row = int(np.argmax(times != 1))
        raise ValueError(
            f"cv must hold each labelled row out once; it holds row {row} out {times[row]} times: take one of "
            "scikit-learn's splitters into folds, such as StratifiedKFold"
        )
    return folds


def log_proba_of_refits(
    model: TartReasoner,
    given: Given,
    kept: Sequence[NDArray[Any]],
    queries: Sequence[NDArray[Any]],
    *,
    keep_factors: bool = False,
) -> Iterator[NDArray[np.float64]]:
    """Yield the log-probabilities (M, C) that refits on some of the labelled rows would give to queries of their own.

    A class of which a part has no row has none there, and the probability 0. Factors of classes are those of the part,
    as "balanced" makes them, or with `keep_factors` those of `model`.
    """
    size = max(1, MAX_NUMBERS // (given.known.labelled.x.size + given.known.pool.x.size))
    for some in (slice(first, first + size) for first in range(0, len(kept), size)):
        parts = [given.holding(rows) for rows in kept[some]]
        yield from _answers_of_parts(model, parts, queries[some], keep_factors)


def _answers_of_parts(
    model: TartReasoner, parts: Sequence[Given], queries: Sequence[NDArray[Any]], keep_factors: bool
) -> list[NDArray[np.float64]]:
    from sktart.contexts._many import answer_each
    from sktart.contexts._net import averaged, log_probabilities

    reasoner = model._fitted.reasoner
    drawing = copy(model)
    drawing.random_state = deepcopy(model.random_state)  # a RandomState of the user stays as it is
    drawn = [drawing._draw_contexts(reasoner, part.known) for part in parts]
    asked = [rows for contexts, rows in zip(drawn, queries, strict=True) for _ in contexts]
    logits = iter(answer_each(reasoner, [context for contexts in drawn for context in contexts], asked))
    answers = []
    for part, contexts, rows in zip(parts, drawn, queries, strict=True):
        places = places_of(model.classes_, entries_of(part.classes))
        if keep_factors or isinstance(model.class_weight, Mapping):
            shift = model._fitted.log_prior_shift[places]
        else:
            shift = part.log_prior_shift(model.class_weight)
        found = log_probabilities(
            model._fitted.temperature, shift, averaged([next(logits) for _ in contexts])
        )
        answer = np.full((len(rows), len(model.classes_)), -np.inf)
        answer[:, places] = found.numpy()
        answers.append(answer)
    return answers


def held_out_log_proba(model: TartReasoner, cv: Any, groups: Any) -> NDArray[np.float64]:
    """Return the log-probabilities (N, C) of labelled rows, each from a context without it."""
    given = model._kept()
    rows = given.known.labelled
    assert rows.codes is not None
    folds = make_folds(rows.codes, cv, groups, max_one_by_one=MAX_ONE_BY_ONE)
    answer = np.empty((len(rows), len(given.classes)))
    queries = [rows.x[out].astype(np.float64) for _, out in folds]
    answers = log_proba_of_refits(model, given, [kept for kept, _ in folds], queries)
    for (_, out), found in zip(folds, answers, strict=True):
        answer[out] = found
    return answer


def prediction_sets(
    model: TartReasoner, X: NDArray[Any], alpha: float, cv: Any, groups: Any
) -> NDArray[np.bool_]:
    """Return which labels are in the set of each query, (M, C), by the jackknife+ over folds, known as CV+."""
    given = model._kept()
    codes, x = given.known.labelled.codes, given.known.labelled.x.astype(np.float64)
    assert codes is not None
    folds = make_folds(codes, cv, groups, max_one_by_one=N_FOLDS)
    n_surer = np.zeros((len(X), len(given.classes)), dtype=int)
    for kept, out in folds:  # one by one, as X may be large
        (found,) = log_proba_of_refits(model, given, [kept], [np.concatenate([x[out], X])])
        own = found[np.arange(len(out)), codes[out]]
        # For how many rows was the own label more probable than a label is for a query?
        n_surer += len(out) - np.searchsorted(np.sort(own), found[len(out) :], side="right")
    return n_surer < (1 - alpha) * (len(codes) + 1)
