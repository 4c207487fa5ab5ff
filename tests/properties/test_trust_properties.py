"""What a fitted reasoner says of its own answers, for tasks and arguments that nobody wrote down."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import BROKEN, JUNK, answer_or_refuse, check_answers, examples, tasks

from sktart import TartReasoner

# Names of columns are not what these are about.
pytestmark = [
    pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names"),
    pytest.mark.filterwarnings("ignore:The groups parameter is ignored"),
]


@examples
@given(tasks(max_rows=12), st.sampled_from(["float32", "float64"]))
def test_whatever_is_said_of_a_task_is_finite_and_of_its_shape(task, dtype):
    model = TartReasoner(dtype=dtype).fit(task.X, task.codes)
    before = check_answers(model, task.queries, len(task.queries))
    n_rows, n_queries, n_classes = len(task.X), len(task.queries), len(model.classes_)
    held_out = answer_or_refuse(model.held_out_proba)
    assert (held_out is None) == (n_rows < 2)
    if held_out is not None:
        assert held_out.shape == (n_rows, n_classes)
        np.testing.assert_allclose(held_out.sum(axis=1), 1, rtol=1e-9)
        assert 0 <= model.held_out_score() <= 1
        issues = model.label_issues()
        assert set(issues["rows"]) <= set(range(n_rows))
        assert (np.diff(issues["probabilities"]) >= 0).all()
        assert set(issues["labels"]) | set(issues["suggestions"]) <= set(model.classes_)
        sets = answer_or_refuse(model.predict_set, task.queries, 0.2)
        assert sets is None or (sets.shape, sets.dtype) == ((n_queries, n_classes), np.bool_)
        influence = answer_or_refuse(model.influence, task.queries)
        assert influence is None or influence.shape == (n_queries, n_rows, n_classes)
        assert influence is None or np.isfinite(influence).all()
    typicality = answer_or_refuse(model.typicality, task.queries)
    assert typicality is None or ((typicality >= 0) & (typicality <= 1)).all()
    chosen = answer_or_refuse(model.suggest, task.queries, min(2, n_queries))
    assert chosen is None or len(set(chosen.tolist())) == min(2, n_queries)
    assert np.array_equal(model.predict_proba(task.queries), before)


ARGUMENTS = {
    "held_out_proba": ["cv", "groups"],
    "held_out_score": ["scoring", "cv", "groups"],
    "label_issues": ["cv", "groups"],
    "predict_set": ["alpha", "cv"],
    "influence": ["method"],
    "suggest": ["n"],
    "forget": ["rows"],
    "partial_fit": ["X", "y", "classes", "sample_weight", "class_vectors"],
}


@examples
@given(tasks(max_rows=12), st.data())
def test_any_argument_is_used_or_refused(task, data):
    method = data.draw(st.sampled_from(sorted(ARGUMENTS)))
    name = data.draw(st.sampled_from(ARGUMENTS[method]))
    given = {"X": task.queries} if method in ("predict_set", "influence", "suggest") else {}
    if method == "partial_fit":
        given = {"X": task.X, "y": task.codes}
    model = TartReasoner().fit(task.X, task.codes)
    before = model.predict_proba(task.queries)
    found = answer_or_refuse(getattr(model, method), **{**given, name: data.draw(st.sampled_from(JUNK))})
    if found is None or method not in ("forget", "partial_fit"):
        assert np.array_equal(model.predict_proba(task.queries), before)
    else:
        check_answers(model, task.queries, len(task.queries))


@examples
@given(
    tasks(max_rows=12),
    st.sampled_from(list(BROKEN)),
    st.sampled_from(["predict_set", "influence", "typicality", "suggest", "partial_fit"]),
)
def test_broken_rows_are_refused_by_each_method(task, name, method):
    model = TartReasoner().fit(task.X, task.codes)
    before = model.predict_proba(task.queries)
    more = (task.codes[:1].repeat(len(task.queries)),) if method == "partial_fit" else ()
    assert answer_or_refuse(getattr(model, method), BROKEN[name](task.queries), *more) is None
    assert np.array_equal(model.predict_proba(task.queries), before)
