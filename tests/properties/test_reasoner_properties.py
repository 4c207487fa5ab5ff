"""TartReasoner on inputs that nobody wrote down: each is answered by finite numbers, or refused in a paragraph."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from strategies import (
    BROKEN,
    CONTAINERS,
    JUNK,
    LABELS,
    answer_or_refuse,
    check_answers,
    examples,
    junk,
    seeds,
    sizes,
    tasks,
)

from sktart import TartReasoner, load, save

# Names of columns are not what these are about.
pytestmark = pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")


@examples
@given(tasks(), st.sampled_from(["float32", "float64"]))
def test_any_task_is_answered_and_left_as_it_was(task, dtype):
    before = copy.deepcopy(task)
    model = TartReasoner(dtype=dtype).fit(task.X, task.codes)
    check_answers(model, task.queries, len(task.queries))
    assert model.score(task.X, task.codes) == np.mean(model.predict(task.X) == task.codes)
    for part in ("X", "codes", "queries"):
        assert np.array_equal(getattr(task, part), getattr(before, part))


@examples
@given(tasks(whole=True), st.sampled_from(list(CONTAINERS)))
def test_the_container_of_rows_changes_no_bit(task, name):
    expected = TartReasoner().fit(task.X, task.codes).predict_proba(task.queries)
    hold = CONTAINERS[name]
    model = TartReasoner().fit(hold(task.X), task.codes)
    assert np.array_equal(model.predict_proba(hold(task.queries)), expected)


@examples
@given(tasks(), st.sampled_from(list(LABELS)))
def test_labels_come_back_as_they_went_in_and_change_no_bit(task, name):
    make, kind = LABELS[name]
    labels = make(task.codes)
    listed = [label for row in task.codes for label in np.ravel(list(make(np.array([row]))))]
    model = TartReasoner().fit(task.X, labels)
    assert {type(label) for label in model.classes_.tolist()} == {kind}
    known = [np.asarray(make(np.array([code])), dtype=object).ravel()[0] for code in np.unique(task.codes)]
    assert set(model.classes_.tolist()) == set(known), listed
    proba = check_answers(model, task.queries, len(task.queries))
    order = [model.classes_.tolist().index(label) for label in known]
    codes = np.array(order)[task.codes]
    assert np.array_equal(TartReasoner().fit(task.X, codes).predict_proba(task.queries), proba)


@examples
@given(tasks(), st.sampled_from(list(LABELS)), seeds)
def test_rows_without_a_label_are_a_pool(task, name, seed):
    hidden = np.random.default_rng(seed).random(len(task.codes)) < 0.4
    hidden[0] = False
    labels = np.asarray(LABELS[name][0](task.codes), dtype=object).ravel()
    labels[hidden] = None
    model = TartReasoner().fit(task.X, labels)
    assert model.unlabelled_rows_.tolist() == np.flatnonzero(hidden).tolist()
    assert set(model.classes_.tolist()) == set(labels[~hidden].tolist())
    check_answers(model, task.queries, len(task.queries))


@examples
@given(tasks(), seeds, st.sampled_from([1e-6, 1e-3, 1.0, 1e3, 1e8]))
def test_any_weights_are_answered_and_repeats_are_weights(task, seed, size):
    rng = np.random.default_rng(seed)
    weight = size * rng.choice([0.0, 1.0, 0.3, 100.0], size=len(task.X))
    weight[0] = 2 * size
    check_answers(TartReasoner().fit(task.X, task.codes, weight), task.queries, len(task.queries))
    counts = rng.integers(4, size=len(task.X))
    counts[0] = 1
    weighed = TartReasoner().fit(task.X, task.codes, counts)
    repeated = TartReasoner().fit(np.repeat(task.X, counts, axis=0), np.repeat(task.codes, counts))
    assert np.array_equal(weighed.predict_proba(task.queries), repeated.predict_proba(task.queries))


@examples
@given(tasks(), sizes, sizes, st.sampled_from(["float32", "float64"]))
def test_huge_and_tiny_numbers_are_answered_or_refused(task, of_rows, of_queries, dtype):
    model = TartReasoner(dtype=dtype)
    if answer_or_refuse(model.fit, task.X * of_rows, task.codes) is not None:
        for queries in (task.queries * of_queries, task.queries * of_rows):
            if answer_or_refuse(model.predict_proba, queries) is not None:
                check_answers(model, queries, len(queries))


@examples
@given(tasks(), st.sampled_from(list(BROKEN)), st.sampled_from(["rows", "queries"]))
def test_rows_that_are_no_table_of_numbers_are_refused(task, name, where):
    model = TartReasoner()
    if where == "rows":
        assert answer_or_refuse(model.fit, BROKEN[name](task.X), task.codes) is None
        with pytest.raises(NotFittedError, match="not fitted"):
            model.predict(task.queries)
    else:
        model.fit(task.X, task.codes)
        expected = model.predict_proba(task.queries)
        for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
            assert answer_or_refuse(getattr(model, method), BROKEN[name](task.queries)) is None
        assert np.array_equal(model.predict_proba(task.queries), expected)


@examples
@given(tasks(), st.sampled_from(["X", "y", "sample_weight", "class_vectors"]), junk)
def test_junk_is_answered_or_refused(task, name, value):
    given = {"X": task.X, "y": task.codes, name: value}
    model = TartReasoner()
    if answer_or_refuse(model.fit, **given) is not None:
        check_answers(model, task.queries, len(task.queries))
    model.fit(task.X, task.codes)
    if answer_or_refuse(model.predict_proba, value) is not None:
        check_answers(model, value, len(value))


@examples
@given(tasks(), st.data())
def test_any_parameters_are_used_or_refused(task, data):
    names = list(TartReasoner().get_params())
    good = {
        "class_weight": ["balanced", {0: 2.0}, {0: 1e-300}, {0: 1e300}],
        "temperature": [1e-3, 1e3, 1, np.float32(0.5)],
        "n_permutations": [2, np.int8(3)],
        "max_context": [4, 10**9],
        "context_selection": ["random", "recent"],
        "unlabelled": [0, -1, "a", np.int64(1)],
        "max_unlabelled": [1, None],
        "batch_size": [1, 17, 10**9],
        "dtype": ["float64", "float16"],
        "device": ["cpu", "meta", "cuda:99", "tpu"],
        "random_state": [0, np.random.RandomState(0), np.random.default_rng(0)],
        "checkpoint": ["gram-base", "nothing", "org/name", "../x", "tart-decoder-d16"],
    }
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
    params = {name: data.draw(st.sampled_from([*good[name], *JUNK])) for name in chosen}
    model = TartReasoner(**params)
    if answer_or_refuse(model.fit, task.X, task.codes) is not None:
        check_answers(model, task.queries, len(task.queries))
        assert answer_or_refuse(clone(model).fit, task.X, task.codes) is not None


@examples
@given(tasks(), seeds, st.integers(2, 5))
def test_descriptions_are_answered(task, seed, n_described):
    rng = np.random.default_rng(seed)
    vectors = {
        int(label): rng.normal(size=(rng.integers(1, 4), task.X.shape[1])) for label in range(n_described)
    }
    hidden = [None] * len(task.codes) if seed % 2 else task.codes
    with_all = {**vectors, **{int(code): rng.normal(size=task.X.shape[1]) for code in task.codes}}
    model = TartReasoner().fit(task.X, hidden, class_vectors=with_all)
    assert model.classes_.tolist() == sorted(with_all)
    check_answers(model, task.queries, len(task.queries))


@examples
@given(tasks(), st.sampled_from(list(LABELS)), st.sampled_from(["float32", "float64"]))
def test_files_pickles_and_copies_give_the_same_bits(tmp_path_factory, task, name, dtype):
    path = tmp_path_factory.getbasetemp() / "model.sktart"
    model = TartReasoner(dtype=dtype).fit(task.X, LABELS[name][0](task.codes))
    expected = model.predict_proba(task.queries)
    save(model, path)
    for again in (load(path), pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert again.classes_.tolist() == model.classes_.tolist()
        assert again.classes_.dtype == model.classes_.dtype
        assert np.array_equal(check_answers(again, task.queries, len(task.queries)), expected)
    unfitted = clone(model)
    with pytest.raises(NotFittedError, match="not fitted"):
        unfitted.predict(task.queries)
    unfitted.fit(task.X, LABELS[name][0](task.codes))
    assert np.array_equal(unfitted.predict_proba(task.queries), expected)
