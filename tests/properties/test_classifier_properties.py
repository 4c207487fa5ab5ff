"""TartClassifier on texts of any characters and descriptions of any classes."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from strategies import (
    BROKEN,
    CONTAINERS,
    LABELS,
    answer_or_refuse,
    check_answers,
    examples,
    junk,
    letters,
    seeds,
    tasks,
    texts,
)

from sktart import TartClassifier, TartReasoner, TartTransformer, load, save

# Names of columns are not what these are about.
pytestmark = pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")


@examples
@given(tasks(whole=True), st.sampled_from(list(CONTAINERS)), st.sampled_from([None, 1, 3]))
def test_it_is_the_pipeline_of_both(task, name, n_components):
    hold = CONTAINERS[name]
    model = TartClassifier(None, n_components=n_components).fit(hold(task.X), task.codes)
    pipeline = make_pipeline(TartTransformer(n_components=n_components), TartReasoner())
    expected = pipeline.fit(hold(task.X), task.codes).predict_proba(hold(task.queries))
    assert np.array_equal(check_answers(model, hold(task.queries), len(task.queries)), expected)


@examples
@given(st.lists(texts, min_size=2, max_size=10), st.sampled_from(list(LABELS)), seeds)
def test_texts_and_labels_of_any_kind_are_answered_saved_and_pickled(tmp_path_factory, rows, name, seed):
    rng = np.random.default_rng(seed)
    codes = np.unique(rng.integers(3, size=len(rows)), return_inverse=True)[1]
    model = TartClassifier(letters).fit(rows, LABELS[name][0](codes))
    proba = check_answers(model, rows, len(rows))
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict_proba(rows), proba)
    path = tmp_path_factory.getbasetemp() / "classifier.sktart"
    save(model, path)
    assert np.array_equal(load(path, trusted=["strategies"]).predict_proba(rows), proba)
    with pytest.raises(NotFittedError, match="not fitted"):
        clone(model).predict(rows)


@examples
@given(
    st.lists(texts, min_size=1, max_size=10),
    st.dictionaries(
        st.one_of(texts, st.integers(), st.booleans(), st.none()),
        st.one_of(texts, st.lists(texts, max_size=3)),
        max_size=4,
    ),
    seeds,
)
def test_any_descriptions_are_read_or_refused(rows, said, seed):
    rng = np.random.default_rng(seed)
    labels = [[*said, None][place] for place in rng.integers(len(said) + 1, size=len(rows))]
    model = TartClassifier(letters, class_descriptions=said)
    if answer_or_refuse(model.fit, rows, labels) is not None:
        check_answers(model, rows, len(rows))
        assert set(model.classes_.tolist()) == set(said)


@examples
@given(tasks(), st.sampled_from(list(BROKEN)), st.sampled_from(["rows", "queries"]))
def test_broken_rows_are_refused_and_change_nothing(task, name, where):
    model = TartClassifier(None)
    # Sparse rows of numbers are made dense.
    is_read = name in ("sparse", "sparse frame")
    if where == "rows":
        assert (answer_or_refuse(model.fit, BROKEN[name](task.X), task.codes) is not None) == is_read
    else:
        expected = model.fit(task.X, task.codes).predict_proba(task.queries)
        answers = answer_or_refuse(model.predict_proba, BROKEN[name](task.queries))
        assert np.array_equal(answers, expected) if is_read else answers is None
        assert np.array_equal(model.predict_proba(task.queries), expected)


@examples
@given(
    st.lists(texts, min_size=2, max_size=6),
    junk,
    st.sampled_from(["y", "sample_weight", "encoder", "unlabelled"]),
)
def test_junk_for_the_classifier_is_answered_or_refused(rows, value, name):
    params = {name: value} if name in ("encoder", "unlabelled") else {}
    model = TartClassifier(**{"encoder": letters, **params})
    given = {"X": rows, "y": np.arange(len(rows)) % 2, **({} if params else {name: value})}
    if answer_or_refuse(model.fit, **given) is not None:
        check_answers(model, rows, len(rows))
