"""scikit-learn's checks for what test_common leaves out, and under its global settings."""

from collections import Counter

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from sktart import AutoTartClassifier, TartClassifier, TartReasoner, TartTransformer

SETTINGS = [{"transform_output": output, "enable_metadata_routing": True} for output in ("pandas", "polars")]
X, Y = load_iris(return_X_y=True)
X, Y = X[::3], Y[::3]
TEXTS, SIGNS = ["good film", "bad film", "good plot", "bad plot"] * 5, ["+", "-", "+", "-"] * 5
DECODER = TartReasoner("tart-decoder-d16", max_context=65, random_state=0)
WIDER = {"check_sample_weight_equivalence_on_dense_data": "it has 30 features, and this decoder reads 16"}


@pytest.mark.filterwarnings("ignore:checkpoint 'tart-decoder-d16' was trained on features of unit variance")
@parametrize_with_checks(
    [TartClassifier(None), DECODER],
    expected_failed_checks=lambda estimator: WIDER if isinstance(estimator, TartReasoner) else {},
    xfail_strict=True,
)
def test_scikit_learn_contract_of_the_classifier_and_the_other_family(estimator, check):
    check(estimator)


def failures(estimator):
    """Count failures of scikit-learn's checks by name."""
    lines = check_estimator(estimator, on_skip=None, on_fail=None)
    return Counter(line["check_name"] for line in lines if line["status"] == "failed")


# Some checks do not take frames as answers, so that scikit-learn's own estimators fail them as well.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings["transform_output"])
@pytest.mark.parametrize(
    "estimator",
    [TartReasoner(), TartTransformer(), TartTransformer(n_components=2, whiten=True)],
    ids=str,
)
def test_no_setting_fails_a_check_that_scikit_learns_own_estimators_pass(estimator, settings):
    peer = LogisticRegression() if is_classifier(estimator) else PCA(n_components=2)
    with config_context(**settings):
        assert failures(estimator) <= failures(peer)


MODELS = {
    "reasoner": (TartReasoner(), X, Y),
    "numbers": (TartClassifier(None, n_components=2), X, Y),
    "texts and descriptions": (
        TartClassifier(HashingVectorizer(n_features=8), class_descriptions={"+": "good", "-": "bad"}),
        TEXTS,
        SIGNS,
    ),
    "search": (AutoTartClassifier(max_candidates=2, cv=2, time_limit=None, random_state=0), X, Y),
}


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings["transform_output"])
@pytest.mark.parametrize("model, rows, labels", MODELS.values(), ids=MODELS)
def test_settings_change_no_bit_and_may_differ_between_fit_and_predict(model, rows, labels, settings):
    weight = np.arange(len(labels)) % 3
    plain = clone(model).fit(rows, labels, weight)
    expected = plain.predict_proba(rows)
    with config_context(**settings):
        changed = clone(model).fit(rows, labels, weight)
        assert np.array_equal(changed.predict_proba(rows), expected)
        assert np.array_equal(plain.predict_proba(rows), expected)
    assert np.array_equal(changed.predict_proba(rows), expected)
    assert getattr(changed, "failures_", {}) == {}


def test_frames_between_steps_change_no_bit():
    pipeline = make_pipeline(TartTransformer(n_components=2), TartReasoner())
    expected = clone(pipeline).fit(X, Y).predict_proba(X)
    for settings in SETTINGS:
        with config_context(**settings):
            pipeline.fit(X, Y)
            assert np.array_equal(pipeline.predict_proba(X), expected)
        assert pipeline[-1].feature_names_in_.tolist() == ["tarttransformer0", "tarttransformer1"]


def test_weights_and_descriptions_are_routed_to_where_they_are_asked_for():
    weight = np.arange(len(Y)) % 2 + 1.0
    vectors = {label: X[Y == label].mean(axis=0) for label in np.unique(Y)}
    silent = make_pipeline(TartTransformer(), TartReasoner())
    with config_context(enable_metadata_routing=True):
        asking = TartReasoner().set_fit_request(sample_weight=True, class_vectors=True)
        pipeline = make_pipeline(TartTransformer(), asking)
        routed = clone(pipeline).fit(X, Y, sample_weight=weight, class_vectors=vectors).predict_proba(X)
        with pytest.raises(
            ValueError, match=r"(?s)sample_weight.*not explicitly set as requested or not requested"
        ):
            silent.fit(X, Y, sample_weight=weight)
        found = cross_validate(
            pipeline,
            X,
            Y,
            cv=3,
            scoring=make_scorer(accuracy_score).set_score_request(sample_weight=True),
            params={"sample_weight": weight},
            return_estimator=True,
            return_indices=True,
        )
    assert np.array_equal(routed, TartReasoner().fit(X, Y, weight, class_vectors=vectors).predict_proba(X))
    for model, rows in zip(found["estimator"], found["indices"]["train"], strict=True):
        expected = TartReasoner().fit(X[rows], Y[rows], weight[rows]).predict_proba(X)
        assert np.array_equal(model.predict_proba(X), expected)
