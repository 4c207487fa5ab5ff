"""A reasoner that is fitted, asked, saved, copied and fitted again in any order answers as one that was fitted once."""

import copy
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from strategies import check_answers, examples, seeds

from sktart import TartReasoner, load, save

N_FEATURES = 3


def made_rows(seed, n_rows, n_classes):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n_rows, N_FEATURES))
    return rows, rng.integers(n_classes, size=n_rows), rng.integers(1, 4, size=n_rows)


class LifeCycle(RuleBasedStateMachine):
    """What the model should know is kept as rows; `fresh` is fitted on them at once.

    A method that changes what is known is one rule: call it, and change `rows`, `codes` and `weight` alike. `numbers`
    are those by which `forget` knows the rows.
    """

    @initialize(dtype=st.sampled_from(["float32", "float64"]), temperature=st.sampled_from([0.5, 1.0]))
    def begin(self, dtype, temperature):
        self.model = TartReasoner(dtype=dtype, temperature=temperature)
        self.rows = None
        self.queries = np.random.default_rng(0).normal(size=(5, N_FEATURES))

    @rule(seed=seeds, n_rows=st.integers(1, 12), n_classes=st.integers(1, 3))
    def fit(self, seed, n_rows, n_classes):
        self.rows, self.codes, self.weight = made_rows(seed, n_rows, n_classes)
        self.numbers, self.n_given = np.arange(n_rows), n_rows
        assert self.model.fit(self.rows, self.codes, self.weight) is self.model

    @rule(seed=seeds, n_rows=st.integers(1, 5), n_classes=st.integers(1, 4))
    def partial_fit(self, seed, n_rows, n_classes):
        new = made_rows(seed, n_rows, n_classes)
        if self.rows is None:
            self.rows, self.codes, self.weight = new
            self.numbers, self.n_given = np.arange(n_rows), n_rows
        else:
            former = (self.rows, self.codes, self.weight, self.numbers)
            new_numbers = self.n_given + np.arange(n_rows)
            self.rows, self.codes, self.weight, self.numbers = map(
                np.concatenate, zip(former, (*new, new_numbers), strict=True)
            )
            self.n_given += n_rows
        self.model.partial_fit(*new[:2], sample_weight=new[2])

    @precondition(lambda self: self.rows is not None)
    @rule(data=st.data())
    def forget(self, data):
        places = st.lists(st.integers(0, len(self.rows) - 1), max_size=len(self.rows) - 1)
        gone = data.draw(places)
        self.model.forget(self.numbers[gone])
        self.rows, self.codes, self.weight, self.numbers = (
            np.delete(part, gone, axis=0) for part in (self.rows, self.codes, self.weight, self.numbers)
        )

    @precondition(lambda self: self.rows is not None)
    @rule(how=st.sampled_from(["width", "gone", "all", "nan"]))
    def change_in_vain(self, how):
        method, arguments = {
            "width": (self.model.partial_fit, (np.zeros((1, N_FEATURES + 1)), [0])),
            "nan": (self.model.partial_fit, (np.full((1, N_FEATURES), np.nan), [0])),
            "gone": (self.model.forget, ([self.n_given],)),
            "all": (self.model.forget, (self.numbers,)),
        }[how]
        with pytest.raises(ValueError, match=r"features|row|NaN"):
            method(*arguments)

    @rule(bad=st.sampled_from(["X", "y", "sample_weight", "temperature"]))
    def fit_in_vain(self, bad):
        given = {"X": np.eye(3), "y": [0, 1, 0], "sample_weight": None}
        before = self.model.temperature
        if bad == "temperature":
            self.model.set_params(temperature=-1.0)
        else:
            given[bad] = {"X": [[np.nan] * 3] * 3, "y": [0.5, 1.5, 2.5], "sample_weight": [-1, 1, 1]}[bad]
        with pytest.raises(ValueError, match=r"must|Unknown label type|NaN"):
            self.model.fit(**given)
        self.model.set_params(temperature=before)
        self.rows = None

    @precondition(lambda self: self.rows is not None)
    @rule()
    def predict(self):
        proba = check_answers(self.model, self.queries, len(self.queries))
        fresh = clone(self.model).fit(self.rows, self.codes, self.weight)
        np.testing.assert_allclose(proba, fresh.predict_proba(self.queries), rtol=0, atol=1e-9)
        assert self.model.classes_.tolist() == sorted(set(self.codes.tolist()))

    @precondition(lambda self: self.rows is not None)
    @rule(weights=st.booleans())
    def save_and_load(self, weights):
        with tempfile.TemporaryDirectory() as folder:
            save(self.model, Path(folder) / "model.sktart", weights=weights)
            self.model = load(Path(folder) / "model.sktart")

    @rule(how=st.sampled_from([copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))]))
    def copy_it(self, how):
        self.model = how(self.model)

    @rule()
    def clone_it(self):
        params = self.model.get_params()
        self.model = clone(self.model)
        assert self.model.get_params() == params
        self.rows = None

    @precondition(lambda self: self.rows is not None)
    @rule()
    def ask_in_vain(self):
        with pytest.raises(ValueError, match=f"expecting {N_FEATURES} features"):
            self.model.predict(np.ones((1, N_FEATURES + 1)))

    @invariant()
    def is_fitted_or_says_so(self):
        if self.rows is None and hasattr(self, "model"):
            with pytest.raises(NotFittedError, match="not fitted"):
                self.model.predict(self.queries)


TestLifeCycle = LifeCycle.TestCase
TestLifeCycle.settings = settings(examples, stateful_step_count=12)
