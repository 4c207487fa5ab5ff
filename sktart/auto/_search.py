"""The search: each candidate answers for rows that it has not seen, until the time is over."""

from __future__ import annotations

import itertools
import logging
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing
from threadpoolctl import threadpool_limits

from sktart.auto._blend import MOST_ROUNDS
from sktart.auto._candidates import ADAPTED, COSTS, Candidate
from sktart.auto._clock import Clock, OutOfTime, Skipped
from sktart.auto._models import build_model, encode_descriptions, fit_model
from sktart.auto._preparations import reason_to_skip
from sktart.auto._scores import N_RESAMPLES, Scorer
from sktart.auto._task import Task
from sktart.auto._trial import Encoded, try_candidate
from sktart.encoders import is_slow_to_load

# Rows that an encoder reads between two looks at the clock, and the first of them, which tell how fast it is.
CHUNK, FIRST_CHUNK = 64, 4
# The first encoder that needs transformers takes so many times longer to load than one of a package, roughly.
SLOW_LOAD = 10.0
# Training an encoder takes as long as reading so many rows, or less.
ROWS_OF_TRAINING = 10_000
# A fit on all rows takes so many times longer than one on those of a fold.
ALL_ROWS = 1.5

# With two threads of BLAS, logistic regression on 512 rows takes ten times as long as with one.
one_blas_thread = partial(threadpool_limits, 1, user_api="blas")

log = logging.getLogger("sktart")


@dataclass
class Result:
    """What became of a candidate.

    Parameters
    ----------
    candidate : Candidate
    proba : ndarray of shape (N, C)
        Of labelled rows that it had not seen; NaN for those that were never held out.
    standard_error : float
        Of the score.
    fit_seconds : float
        Of one fit behind the encoder.
    predict_seconds : float
        Of 1,000 rows, encoder included.
    megabytes : float
        Of the fitted model without its encoder.
    """

    candidate: Candidate
    proba: NDArray[np.float64]
    standard_error: float
    fit_seconds: float
    predict_seconds: float
    megabytes: float


@dataclass
class Search:
    """Tries candidates one after the other.

    Parameters
    ----------
    task : Task
    make_encoder : callable
        From the names of a candidate's encoders to an unfitted transformer of `rows`.
    class_descriptions : dict or None
    clock : Clock
    scorer : Scorer
        Of rows that are held out.
    seed : int
    tell : callable
        Gets a line for each candidate that is done.
    n_jobs : int or None
        Folds at a time.
    """

    task: Task
    make_encoder: Callable[[tuple[str, ...]], Any]
    class_descriptions: Mapping[Any, list[str]] | None
    clock: Clock
    scorer: Scorer | None
    seed: int
    tell: Callable[[str], None]
    n_jobs: int | None = None
    results: list[Result] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    encoded: dict[tuple[str, ...], Encoded] = field(default_factory=dict)
    too_slow: dict[tuple[str, ...], str] = field(default_factory=dict)
    fitted: dict[Candidate, tuple[Any, Any]] = field(default_factory=dict)
    # The longest that a fit of each classifier has taken, a load of an encoder, and a score of a candidate.
    fit_seconds: dict[str, float] = field(default_factory=dict)
    load_seconds: float = 0.0
    score_seconds: float = 0.0

    def run(self, candidates: Sequence[Candidate]) -> None:
        """Fill `results` and `failures`; a candidate that fails, or is too slow, does not end the search."""
        for candidate in candidates:
            if self.encoded and self.clock.left <= 0:
                self.failures[candidate.name] = "skipped: the time is over"
                continue
            try:
                with warnings.catch_warnings():
                    # Folds of few rows make scikit-learn warn of what the search knows.
                    warnings.simplefilter("ignore")
                    result = self._try(candidate)
            except Skipped as reason:
                self.failures[candidate.name] = f"skipped: {reason}"
            except Exception as error:
                # Whatever a library raises is told, and the others go on.
                self.failures[candidate.name] = f"{type(error).__name__}: {error}"
                log.info("%s failed", candidate.name, exc_info=True)
            else:
                self.results.append(result)
                self._keep_reserve()
                self.tell(f"{candidate.name}: done, {max(self.clock.left, 0):.0f} s left")
                continue
            self.tell(f"{candidate.name}: {self.failures[candidate.name]}")

    def encode(self, names: tuple[str, ...]) -> Encoded:
        """Return what encoders make of all rows, each of them run once."""
        if names in self.too_slow:
            raise OutOfTime(self.too_slow[names])
        if names not in self.encoded:
            if len(names) > 1:
                parts = [self.encode((name,)) for name in names]
                self.encoded[names] = self._joined(names, parts)
            else:
                self.encoded[names] = self._encode(names)
        return self.encoded[names]

    def check_descriptions_are_read(self, candidates: Sequence[Candidate]) -> None:
        """Refuse descriptions of classes that no encoder has read."""
        is_read = any(made.class_vectors for made in self.encoded.values())
        if self.class_descriptions is not None and self.results and not is_read:
            raise ValueError(
                "class_descriptions need an encoder that reads texts beside the rows; none of "
                f"{[each.name for each in candidates]} has one: name one in encoders=, or leave them out"
            )

    def fit_all(self, candidate: Candidate) -> tuple[Any, Any]:
        """Return what stands behind a candidate's encoders, unfitted, and fitted on all rows."""
        if candidate in self.fitted:
            return self.fitted[candidate]
        made = self.encode(candidate.encoders)
        codes = self.task.labels.codes[self.task.labels.labelled]
        with warnings.catch_warnings(), one_blas_thread():
            warnings.simplefilter("ignore")
            template = build_model(candidate, codes, made.columns, self.seed)
            return template, fit_model(template, made.vectors, self.task.labels, made.class_vectors)

    def _encode(self, names: tuple[str, ...]) -> Encoded:
        encoder = self.make_encoder(names)
        if encoder is None:
            return Encoded(None, self.task.rows, None, 0.0)
        # Without the first encoder there would be no model at all: its time does not count.
        is_first = not any(made.encoder is not None for made in self.encoded.values())
        n_rows = len(self.task.labels.codes)
        if not is_first:
            slower = SLOW_LOAD if is_slow_to_load(names[0]) else 1.0
            self.clock.check(slower * self.load_seconds, f"loading {names[0]}")
        began = time.monotonic()
        encoder.fit(_safe_indexing(self.task.rows, np.arange(min(n_rows, FIRST_CHUNK))))
        loaded = time.monotonic()
        self.load_seconds = max(self.load_seconds, loaded - began)
        parts: list[Any] = []
        for start, stop in itertools.pairwise((0, *range(FIRST_CHUNK, n_rows, CHUNK), n_rows)):
            seconds = (time.monotonic() - loaded) / max(start, 1)
            if not is_first:
                self._check_reading(names, seconds * (n_rows - start))
            chunk = np.arange(start, stop)
            parts.append(encoder.transform(_safe_indexing(self.task.rows, chunk)))
        if is_first:
            self.clock.grant(time.monotonic() - began)
        seconds = (time.monotonic() - loaded) / n_rows
        return Encoded(encoder, _stack(parts), encode_descriptions(encoder, self.class_descriptions), seconds)

    def _check_reading(self, names: tuple[str, ...], seconds: float) -> None:
        try:
            self.clock.check(seconds, f"reading all rows with {'+'.join(names)}")
        except OutOfTime as late:
            self.too_slow[names] = str(late)
            raise

    def _joined(self, names: tuple[str, ...], parts: list[Encoded]) -> Encoded:
        encoder = self.make_encoder(names)
        vectors = encoder.assemble([part.encoder for part in parts], [part.vectors for part in parts])
        seconds = sum(part.seconds_a_row for part in parts)
        return Encoded(encoder, vectors, encode_descriptions(encoder, self.class_descriptions), seconds)

    def _try(self, candidate: Candidate) -> Result:
        made = self.encode(candidate.encoders)
        if candidate.encoders and (reason := reason_to_skip(candidate.preparation, made.vectors)):
            raise Skipped(reason)
        with one_blas_thread():
            trial = try_candidate(
                candidate,
                made,
                self.task,
                seed=self.seed,
                clock=self.clock,
                expected=self._expected(candidate),
                n_jobs=self.n_jobs,
            )
        began = time.monotonic()
        assert self.scorer is not None
        labelled = trial.proba[self.task.labels.labelled]
        error = self.scorer.standard_error(labelled[np.isfinite(labelled[:, 0])], self.seed)
        self.score_seconds = max(self.score_seconds, (time.monotonic() - began) / N_RESAMPLES)
        longest = self.fit_seconds.get(candidate.kind_of_cost, 0.0)
        self.fit_seconds[candidate.kind_of_cost] = max(longest, trial.fit_seconds)
        if trial.on_all_rows is not None:
            self.fitted[candidate] = trial.on_all_rows
        a_row = trial.predict_seconds + made.seconds_a_row
        return Result(candidate, labelled, error, trial.fit_seconds, 1000 * a_row, trial.megabytes)

    def _expected(self, candidate: Candidate) -> float:
        """Return the seconds that a fit may take: as long as the longest of its kind, or a guess by another kind."""
        seen = self.fit_seconds
        if candidate.kind_of_cost in seen:
            return seen[candidate.kind_of_cost]
        alone = self.encoded.get((candidate.preparation.removeprefix(ADAPTED),))
        if alone is not None:  # an encoder that is trained, and has read all rows before
            return ROWS_OF_TRAINING * alone.seconds_a_row
        cost = COSTS.get(candidate.kind_of_cost, 1.0)
        return max((cost / COSTS.get(name, 1.0) * seconds for name, seconds in seen.items()), default=0.0)

    def _keep_reserve(self) -> None:
        """Keep the time in which candidates are mixed, and the first of them, which begins the mixture, is fitted."""
        mixing = MOST_ROUNDS * len(self.results) * self.score_seconds
        first = self.results[0]
        last_fit = 0.0 if first.candidate in self.fitted else ALL_ROWS * first.fit_seconds
        self.clock.reserve = mixing + last_fit


def _stack(parts: list[Any]) -> Any:
    if hasattr(parts[0], "columns"):
        import pandas as pd

        return pd.concat(parts)
    return np.concatenate(parts)
