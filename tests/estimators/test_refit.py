"""Threads that share an estimator: answers come from one fit, the former or the new one."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from sktart import AutoTartClassifier, TartClassifier, TartReasoner, TartTransformer
from sktart.estimators._refit import at_one_moment, fits_aside

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 4))
PROBLEMS = [np.where(X[:, 0] > 0, "ham", "spam"), 7 - np.arange(40) % 3]
SOME_ROWS = [RNG.permutation(40)[:size] for size in (1, 3, 17, 40)]
TEXTS = [f"{'good' if row > 0 else 'bad'} {row:.2f}" for row in X[:, 0]]


class Gate:
    """A function from texts to vectors that waits, once it was told to, until it is opened."""

    def __init__(self):
        self.is_closed, self.entered, self.opened = False, threading.Event(), threading.Event()

    def __call__(self, texts):
        if self.is_closed and threading.current_thread() is not threading.main_thread():
            self.entered.set()
            assert self.opened.wait(60)
        return np.array([[len(text), text.count("o"), text.count("1")] for text in texts], dtype=float)

    def __deepcopy__(self, memo):
        return self


@contextmanager
def refitting(model, gate, rows, y):
    """Run the body while another thread is in the middle of a fit, and end that fit after it."""
    gate.is_closed = True
    with ThreadPoolExecutor(1) as pool:
        fit = pool.submit(model.fit, rows, y)
        try:
            assert gate.entered.wait(60)
            yield fit
        finally:
            gate.opened.set()


@pytest.mark.parametrize(
    "make",
    [
        TartTransformer,
        TartClassifier,
        lambda gate: AutoTartClassifier(encoders=[gate], max_candidates=1, random_state=0),
    ],
    ids=["transformer", "classifier", "AutoML"],
)
def test_the_former_fit_answers_until_the_new_one_is_there(make):
    gate = Gate()
    model = make(gate).fit(TEXTS, PROBLEMS[0])
    ask = model.transform if isinstance(model, TartTransformer) else model.predict
    before = ask(TEXTS)
    with refitting(model, gate, TEXTS, PROBLEMS[1]) as fit:
        np.testing.assert_array_equal(ask(TEXTS), before)
    assert fit.result() is model
    if not isinstance(model, TartTransformer):
        assert set(model.predict(TEXTS)) <= {5, 6, 7}


def test_the_former_fit_answers_for_rows_of_its_width():
    gate = Gate()

    class Slow(TartReasoner):
        def _load(self, n_features):
            gate([])
            return super()._load(n_features)

    model = Slow().fit(X, PROBLEMS[0])
    before = model.predict_proba(X)
    with refitting(model, gate, X[:, :3], PROBLEMS[1]) as fit:
        model.set_params(temperature=2.0)
        np.testing.assert_array_equal(model.predict_proba(X), before)
    assert fit.result() is model
    assert model.temperature == 2.0
    assert model.predict_proba(X[:, :3]).shape == (40, 3)
    with pytest.raises(ValueError, match="X has 4 features, but Slow is expecting 3"):
        model.predict_proba(X)


def test_a_fit_that_fails_leaves_nothing_of_a_former_one():
    model = TartReasoner().fit(X, PROBLEMS[0])
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full((2, 2), np.nan), [0, 1])
    assert vars(model) == vars(TartReasoner())
    with pytest.raises(NotFittedError, match="not fitted yet"):
        model.predict(X)


def test_answers_never_mix_two_fits():
    models = [TartReasoner().fit(X, y) for y in PROBLEMS]
    labels, probas = (
        [model.predict(X).tolist() for model in models],
        [model.predict_proba(X) for model in models],
    )
    shared, stop = TartReasoner().fit(X, PROBLEMS[0]), threading.Event()

    def refit():
        while not stop.is_set():
            for y in PROBLEMS:
                shared.fit(X, y)

    with ThreadPoolExecutor(2) as pool:
        fits = [pool.submit(refit) for _ in range(2)]
        try:
            for _ in range(100):
                assert shared.predict(X).tolist() in labels
                found = shared.predict_proba(X)
                assert any(np.array_equal(found, proba) for proba in probas)
        finally:
            stop.set()
        assert [fit.result() for fit in fits] == [None, None]


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is told by Linux only")
def test_eight_threads_get_the_answers_of_one_and_keep_no_memory():
    models = [TartReasoner().fit(X, y) for y in PROBLEMS]
    expected = [model.predict_proba(X) for model in models]

    def ask(turn):
        rows = SOME_ROWS[turn % len(SOME_ROWS)]
        return np.array_equal(models[turn % 2].predict_proba(X[rows]), expected[turn % 2][rows])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(200)))
        before = resident_bytes()
        assert all(pool.map(ask, range(800)))
    assert resident_bytes() - before < 2**24


class Counting:
    """What both decorators promise, without a network."""

    @fits_aside("total_", "words_")
    def fit(self, rows, words=None):
        self.total_ = sum(rows)
        if words:
            self.words_ = words
        self.extra = len(rows)
        return self

    @at_one_moment
    def ask(self, meanwhile):
        first = self.total_
        meanwhile()
        return first, self.total_


def test_a_method_sees_one_moment_and_a_fit_replaces_all_that_it_makes():
    model = Counting().fit([1, 2], words="many")
    assert model.ask(lambda: model.fit([5])) == (3, 3)
    assert vars(model) == {"total_": 5, "extra": 1}
    with pytest.raises(TypeError, match="unsupported operand"):
        model.fit(["text"])
    assert vars(model) == {"extra": 1}
