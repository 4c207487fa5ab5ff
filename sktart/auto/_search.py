"""The search: each candidate answers for rows that it has not seen, until the time is over."""

from __future__ import annotations

import logging
import pickle
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing

from sktart.auto._candidates import Candidate
from sktart.auto._clock import Clock, OutOfTime
from sktart.auto._models import build_model, encode_descriptions, fit_model, predict_all
from sktart.auto._task import Task

# Rows that an encoder reads between two looks at the clock.
CHUNK = 64

log = logging.getLogger("sktart")


@dataclass
class Result:
    """What became of a candidate.

    Parameters
    ----------
    candidate : Candidate
    proba : ndarray of shape (N, C)
        Of labelled rows that it had not seen; NaN for those that were never held out.
    fit_seconds : float
        Of one fit behind the encoder.
    predict_seconds : float
        Of 1,000 rows, encoder included.
    megabytes : float
        Of the fitted model without its encoder.
    """

    candidate: Candidate
    proba: NDArray[np.float64]
    fit_seconds: float
    predict_seconds: float
    megabytes: float


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
    seed : int
    tell : callable
        Gets a line for each candidate that is done.
    """

    task: Task
    make_encoder: Callable[[tuple[str, ...]], Any]
    class_descriptions: Mapping[Any, list[str]] | None
    clock: Clock
    seed: int
    tell: Callable[[str], None]
    results: list[Result] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    encoded: dict[tuple[str, ...], Encoded] = field(default_factory=dict)
    too_slow: dict[tuple[str, ...], str] = field(default_factory=dict)

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
            except OutOfTime as late:
                self.failures[candidate.name] = f"skipped: {late}"
            except Exception as error:
                # Whatever a library raises is told, and the others go on.
                self.failures[candidate.name] = f"{type(error).__name__}: {error}"
                log.info("%s failed", candidate.name, exc_info=True)
            else:
                self.results.append(result)
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

    def fit_all(self, candidate: Candidate) -> Any:
        """Fit what stands behind a candidate's encoders on all rows."""
        made = self.encode(candidate.encoders)
        codes = self.task.labels.codes[self.task.labels.labelled]
        with warnings.catch_warnings():
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
            self.clock.check(0.0, f"loading {'+'.join(names)}")
        began = time.monotonic()
        encoder.fit(_safe_indexing(self.task.rows, np.arange(min(n_rows, CHUNK // 4))))
        loaded = time.monotonic()
        parts: list[Any] = []
        for start in range(0, n_rows, CHUNK):
            seconds = (time.monotonic() - loaded) / max(start, 1)
            if not is_first:
                self._check_reading(names, seconds * (n_rows - start))
            chunk = np.arange(start, min(start + CHUNK, n_rows))
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
        labels = self.task.labels
        total = np.zeros((len(labels.codes), len(labels.classes)))
        held_out = np.zeros(len(labels.codes))
        seconds = [0.0, 0.0]  # of the last fit, and of all predictions
        for train, test in self.task.folds:
            self.clock.check(seconds[0], "the next fold")
            began = time.monotonic()
            known = labels.take(train)
            template = build_model(candidate, known.codes[known.codes >= 0], made.columns, self.seed)
            model = fit_model(template, _safe_indexing(made.vectors, train), known, made.class_vectors)
            fitted = time.monotonic()
            total[test] += predict_all(model, _safe_indexing(made.vectors, test), labels.classes)
            held_out[test] += 1
            seconds = [fitted - began, seconds[1] + time.monotonic() - fitted]
        with np.errstate(invalid="ignore"):
            proba = total / held_out[:, None]
        a_row = seconds[1] / held_out.sum() + made.seconds_a_row
        size = len(pickle.dumps(model)) / 1e6
        return Result(candidate, proba[labels.labelled], seconds[0], 1000 * a_row, size)


def _stack(parts: list[Any]) -> Any:
    if hasattr(parts[0], "columns"):
        import pandas as pd

        return pd.concat(parts)
    return np.concatenate(parts)
