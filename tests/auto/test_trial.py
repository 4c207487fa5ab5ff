"""How a candidate answers for held-out rows: in one pass or fold by fold, on one thread or more."""

import sys
import time

import numpy as np
import pytest
from made_columns import make_texts, words
from sklearn.preprocessing import Normalizer
from tiny_knowing import save_knowing

from sktart import TartTransformer
from sktart.auto import _trial
from sktart.auto._candidates import COSTS, LINEAR, REASONER, TREES, Candidate
from sktart.auto._clock import Clock, OutOfTime
from sktart.auto._folds import make_folds
from sktart.auto._models import Labels
from sktart.auto._preparations import PREPARATIONS
from sktart.auto._rows import RowReader
from sktart.auto._scores import Scorer
from sktart.auto._search import Search
from sktart.auto._task import Task, make_task
from sktart.auto._trial import Encoded, try_candidate

RNG = np.random.default_rng(0)
CODES = np.r_[RNG.permutation(np.repeat([0, 1, 2], [20, 20, 8])), [-1] * 6]
X = np.eye(5)[CODES] + RNG.normal(0, 0.5, (54, 5))


def make(codes=CODES, weight=None):
    labels = Labels(np.array(["a", "b", "c"]), codes, weight)
    folds = make_folds(None, codes, None, None, 0)
    return Task(None, labels, folds, np.arange(len(codes)))


def attempt(candidate, task, *, vectors=X, class_vectors=None, n_jobs=None, seconds=None, expected=0.0):
    made = Encoded(None, vectors, class_vectors, 0.0)
    return try_candidate(
        candidate, made, task, seed=0, clock=Clock(seconds), expected=expected, n_jobs=n_jobs
    )


@pytest.mark.parametrize("preparation", ["", "unit rows"])
@pytest.mark.parametrize("weighted", [False, True])
def test_one_pass_gives_the_answers_of_fits(preparation, weighted, monkeypatch):
    monkeypatch.setitem(PREPARATIONS, "unit rows", lambda columns: Normalizer())
    task = make(weight=RNG.integers(1, 4, 54).astype(float) if weighted else None)
    candidate = Candidate((), preparation, REASONER)
    together = attempt(candidate, task)
    monkeypatch.setattr(_trial, "MOST_IN_ONE_PASS", 0)
    one_by_one = attempt(candidate, task)
    assert one_by_one.on_all_rows is None
    np.testing.assert_allclose(together.proba, one_by_one.proba, rtol=0, atol=1e-5)  # float32
    assert np.isnan(together.proba[48:]).all()
    assert not np.isnan(together.proba[:48]).any()
    assert together.fit_seconds > 0
    assert together.predict_seconds > 0
    # The model that came of it is the one that is fitted on all rows.
    template, model = together.on_all_rows
    y = np.append(task.labels.classes.astype(object), None)[CODES]
    options = {"sample_weight": task.labels.weight}
    if preparation:
        options = {} if not weighted else {"classify__sample_weight": task.labels.weight}
    np.testing.assert_array_equal(model.predict_proba(X), template.fit(X, y, **options).predict_proba(X))


def test_one_pass_reads_descriptions(tmp_path, monkeypatch):
    candidate = Candidate((), "", f"{REASONER} {save_knowing(tmp_path / 'knowing')}")
    options = {"class_vectors": dict(zip("abc", np.eye(5)[:3], strict=True))}
    together, without = attempt(candidate, make(), **options), attempt(candidate, make())
    assert together.on_all_rows is not None
    assert abs(together.proba - without.proba)[:48].max() > 1e-3
    monkeypatch.setattr(_trial, "MOST_IN_ONE_PASS", 0)
    one_by_one = attempt(candidate, make(), **options)
    np.testing.assert_allclose(together.proba, one_by_one.proba, rtol=0, atol=1e-5)  # float32


@pytest.mark.parametrize("preparation, classifier", [("scaled", REASONER), ("", LINEAR), ("", TREES)])
def test_folds_on_threads_give_the_same_bits(preparation, classifier):
    candidate = Candidate((), preparation, classifier)
    one, three = (attempt(candidate, make(), n_jobs=n_jobs).proba for n_jobs in (None, 3))
    np.testing.assert_array_equal(one, three)


def test_the_clock_is_asked_before_each_fold(monkeypatch):
    with pytest.raises(OutOfTime, match=r"the first fold would take 9\.0 s"):
        attempt(Candidate((), "", LINEAR), make(), seconds=5.0, expected=9.0)
    clock, asked = Clock(None), []
    monkeypatch.setattr(clock, "check", lambda needed, what: asked.append((needed, what)))
    made = Encoded(None, X, None, 0.0)
    try_candidate(Candidate((), "", LINEAR), made, make(), seed=0, clock=clock, expected=0.0, n_jobs=2)
    assert [what for _, what in asked] == ["the first fold"] + ["the next fold"] * (len(make().folds) - 1)
    assert all(needed > 0 for needed, _ in asked[1:])


def make_search(n=60):
    texts, y = make_texts(n)
    task = make_task(
        RowReader("text"), texts, y, None, None, cv=3, unlabelled=None, descriptions=None, seed=0
    )
    scorer = Scorer("neg_log_loss", task.labels.classes, y, None)
    return Search(task, lambda names: TartTransformer(words), None, Clock(None), scorer, 0, lambda line: None)


def test_what_was_seen_tells_what_the_next_candidate_takes():
    search = make_search()
    assert search._expected(Candidate(("a",), "", LINEAR)) == 0
    search.fit_seconds = {REASONER: 0.5}
    assert search._expected(Candidate(("a",), "", TREES)) == 0.5 * COSTS[TREES]
    search.fit_seconds[TREES] = 2.0
    assert search._expected(Candidate(("b",), "", TREES)) == 2.0
    assert search._expected(Candidate(("b",), "", LINEAR)) == 0.5 * COSTS[LINEAR]


def test_time_is_kept_for_the_mixture_and_the_last_fit():
    search = make_search()
    search.run([Candidate(("a",), "", LINEAR)])
    assert search.clock.reserve > search.results[0].fit_seconds
    fitted_already = make_search()
    fitted_already.run([Candidate(("a",), "", REASONER)])
    (candidate,) = fitted_already.fitted
    assert fitted_already.fit_all(candidate) is fitted_already.fitted[candidate]
    assert 0 < fitted_already.clock.reserve < 10


def test_a_slow_encoder_is_told_by_its_first_rows():
    search = make_search(200)
    search.run([Candidate(("a",), "", REASONER)])
    seen = []

    def slow(texts):
        seen.append(len(texts))
        time.sleep(0.05 * len(texts))
        return words(texts)

    search.make_encoder = lambda names: TartTransformer(slow)
    search.load_seconds, search.clock = 0.0, Clock(5.0)
    search.run([Candidate(("b",), "", REASONER)])
    assert search.failures["b, TartReasoner"].startswith("skipped: reading all rows with b")
    assert sum(seen) <= 12


def test_the_first_model_of_transformers_is_known_to_load_slowly(monkeypatch):
    search = make_search()
    search.run([Candidate(("a",), "", REASONER)])
    search.load_seconds, search.clock = 1.0, Clock(5.0)
    monkeypatch.setitem(sys.modules, "transformers.modeling_utils", None)
    search.run([Candidate(("all-MiniLM-L6-v2",), "", REASONER)])
    assert "all-MiniLM-L6-v2, TartReasoner" not in search.failures
    monkeypatch.delitem(sys.modules, "transformers.modeling_utils")
    search.run([Candidate(("all-mpnet-base-v2",), "", REASONER), Candidate(("wordllama",), "", REASONER)])
    (reason,) = search.failures.values()
    assert reason.startswith("skipped: loading all-mpnet-base-v2 would take 10.0 s")
