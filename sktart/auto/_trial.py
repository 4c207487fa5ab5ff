"""What a candidate says of rows that it has not seen: fold by fold, or all folds of a reasoner in one pass."""

from __future__ import annotations

import pickle
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, get_tags

from sktart.auto._candidates import Candidate
from sktart.auto._clock import Clock
from sktart.auto._folds import Fold
from sktart.auto._models import build_model, fit_model, predict_all
from sktart.auto._task import Task
from sktart.estimators._classifier import plain_settings
from sktart.estimators._held_out import log_proba_of_refits
from sktart.estimators._reasoner import TartReasoner

# Rows of a search whose folds are read in one pass: with more, one after the other is as fast.
MOST_IN_ONE_PASS = 256


@dataclass
class Encoded:
    """A fitted encoder, and what it made of all rows and descriptions."""

    encoder: Any
    vectors: Any
    class_vectors: Mapping[Any, NDArray[Any]] | None
    seconds_a_row: float

    @property
    def columns(self) -> list[str]:
        """Names of columns, if there are any."""
        return list(getattr(self.vectors, "columns", []))


@dataclass(frozen=True)
class Trial:
    """What came of a candidate behind its encoders.

    Parameters
    ----------
    proba : ndarray of shape (N, C)
        Of all rows that were held out; NaN for others.
    fit_seconds : float
        Of one fit.
    predict_seconds : float
        Of a row.
    megabytes : float
        Of the fitted model.
    on_all_rows : (estimator, estimator) or None
        The unfitted model, and the same fitted on all rows, where that came of it.
    """

    proba: NDArray[np.float64]
    fit_seconds: float
    predict_seconds: float
    megabytes: float
    on_all_rows: tuple[Any, Any] | None = None


def try_candidate(
    candidate: Candidate,
    made: Encoded,
    task: Task,
    *,
    seed: int,
    clock: Clock,
    expected: float,
    n_jobs: int | None,
) -> Trial:
    """Let a candidate answer for the rows that each fold holds out.

    Parameters
    ----------
    candidate : Candidate
    made : Encoded
    task : Task
    seed : int
    clock : Clock
        Is asked before each fold.
    expected : float
        Seconds that the first fold may take, by what was seen of others.
    n_jobs : int or None
        Folds at a time, on threads: the vectors are there once, and no process has to load torch.
    """
    clock.check(expected, "the first fold")
    labelled = task.labels.labelled
    template = build_model(candidate, task.labels.codes[labelled], made.columns, seed)
    if _reads_in_one_pass(template, task):
        return _in_one_pass(template, made, task)
    began = time.monotonic()
    done = [_answer_fold(candidate, made, task, seed, task.folds[0])]
    needed = time.monotonic() - began

    def next_fold(fold: Fold) -> tuple[NDArray[np.float64], float, float, Any]:
        clock.check(needed, "the next fold")
        return _answer_fold(candidate, made, task, seed, fold)

    done += Parallel(n_jobs, backend="threading")(delayed(next_fold)(fold) for fold in task.folds[1:])
    proba = _mean_of_folds(task, [answers for answers, *_ in done])
    n_asked = sum(len(answers) for answers, *_ in done)
    _, fit_seconds, _, model = done[-1]
    asking = sum(seconds for *_, seconds, _ in done) / n_asked
    return Trial(proba, fit_seconds, asking, len(pickle.dumps(model)) / 1e6)


@plain_settings
def _answer_fold(
    candidate: Candidate, made: Encoded, task: Task, seed: int, fold: Fold
) -> tuple[NDArray[np.float64], float, float, Any]:
    """Return answers for the rows of a fold, the seconds of fit and answers, and the model."""
    train, test = fold
    began = time.monotonic()
    known = task.labels.take(train)
    template = build_model(candidate, known.codes[known.codes >= 0], made.columns, seed)
    model = fit_model(template, _safe_indexing(made.vectors, train), known, made.class_vectors)
    fitted = time.monotonic()
    answers = predict_all(model, _safe_indexing(made.vectors, test), task.labels.classes)
    return answers, fitted - began, time.monotonic() - fitted, model


def _reads_in_one_pass(template: Any, task: Task) -> bool:
    """Tell whether folds share all that is learned of rows, and one pass through the reasoner is faster."""
    *preparations, classifier = _steps(template)
    learns = any(get_tags(each).requires_fit for each in preparations)
    is_small = len(task.labels.codes) <= MOST_IN_ONE_PASS
    return isinstance(classifier, TartReasoner) and is_small and not learns


def _in_one_pass(template: Any, made: Encoded, task: Task) -> Trial:
    """Answer for all folds at once; the answers are those of fits on each, but for the rounding of float32."""
    labels, classes = task.labels, task.labels.classes
    began = time.monotonic()
    model = fit_model(template, made.vectors, labels, made.class_vectors)
    fit_seconds = time.monotonic() - began
    *preparations, reasoner = _steps(model)
    vectors = made.vectors
    for each in preparations:
        vectors = each.transform(vectors)
    kept = [
        np.flatnonzero(np.isin(reasoner.labelled_rows_, train, assume_unique=True)) for train, _ in task.folds
    ]
    queries = [np.asarray(_safe_indexing(vectors, test), dtype=np.float64) for _, test in task.folds]
    found = log_proba_of_refits(reasoner, reasoner._kept(), kept, queries)
    answers = []
    for log_proba in found:
        proba = np.zeros((len(log_proba), len(classes)))
        proba[:, np.searchsorted(classes, reasoner.classes_.astype(classes.dtype))] = np.exp(log_proba)
        answers.append(proba)
    began = time.monotonic()
    test = task.folds[0][1]
    predict_all(model, _safe_indexing(made.vectors, test), classes)
    asking = (time.monotonic() - began) / len(test)
    return Trial(
        _mean_of_folds(task, answers), fit_seconds, asking, len(pickle.dumps(model)) / 1e6, (template, model)
    )


def _steps(model: Any) -> list[Any]:
    return [step for _, step in model.steps] if isinstance(model, Pipeline) else [model]


def _mean_of_folds(task: Task, answers: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    total = np.zeros((len(task.labels.codes), len(task.labels.classes)))
    times = np.zeros(len(task.labels.codes))
    for (_, test), proba in zip(task.folds, answers, strict=True):
        total[test] += proba
        times[test] += 1
    with np.errstate(invalid="ignore"):
        return total / times[:, None]
