"""Everything of scikit-learn that holds an estimator, on its own data sets, against the plain estimator."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import DecisionBoundaryDisplay, permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingRandomSearchCV,
    TunedThresholdClassifierCV,
    cross_validate,
    learning_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from sktart import AutoTartClassifier, TartClassifier, TartReasoner, TartTransformer


def split(load, n_rows, step):
    """Standardise some rows, and return those of fit and those of predict."""
    X, y = load(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(X))[:n_rows]
    X, y = StandardScaler().fit_transform(X)[rows], y[rows]
    is_known = np.arange(n_rows) % step == 0
    return X[is_known], y[is_known], X[~is_known], y[~is_known]


DATA = {
    "iris": (*split(load_iris, 150, 3), 0.8),
    "wine": (*split(load_wine, 178, 3), 0.9),
    "digits": (*split(load_digits, 200, 2), 0.75),
    "breast cancer": (*split(load_breast_cancer, 150, 3), 0.85),
}
PLAIN = TartReasoner()
SPLIT = ColumnTransformer(
    [("first", TartTransformer(), slice(2)), ("rest", TartTransformer(), slice(2, None))]
)
SAME = {
    "Pipeline": make_pipeline(TartTransformer(), PLAIN),
    "ColumnTransformer": make_pipeline(SPLIT, PLAIN),
    "FeatureUnion": make_pipeline(FeatureUnion([("all", TartTransformer())]), PLAIN),
    "TartClassifier": TartClassifier(None),
    "GridSearchCV": GridSearchCV(TartReasoner(temperature=3.0), {"temperature": [1.0]}, cv=2),
    "VotingClassifier": VotingClassifier([("one", PLAIN), ("two", PLAIN)], voting="soft"),
    "MultiOutputClassifier": MultiOutputClassifier(PLAIN),
}
OTHER = {
    "StackingClassifier": StackingClassifier(
        [("one", PLAIN), ("two", make_pipeline(TartTransformer(n_components=2), PLAIN))], PLAIN, cv=2
    ),
    "StackingClassifier of logistic regression": StackingClassifier(
        [("one", PLAIN), ("two", LogisticRegression())], cv=2
    ),
    "CalibratedClassifierCV": CalibratedClassifierCV(PLAIN, cv=2),
    "CalibratedClassifierCV, temperature": CalibratedClassifierCV(PLAIN, method="temperature", cv=2),
    "CalibratedClassifierCV, isotonic": CalibratedClassifierCV(
        PLAIN, method="isotonic", ensemble=False, cv=2
    ),
    "OneVsRestClassifier": OneVsRestClassifier(PLAIN),
    "OneVsOneClassifier": OneVsOneClassifier(PLAIN),
    "OutputCodeClassifier": OutputCodeClassifier(PLAIN, code_size=3, random_state=0),
    "BaggingClassifier": BaggingClassifier(PLAIN, n_estimators=3, max_features=0.8, random_state=0),
    "FeatureUnion": make_pipeline(
        FeatureUnion([("raw", TartTransformer()), ("white", TartTransformer(n_components=3, whiten=True))]),
        PLAIN,
    ),
}


@pytest.fixture(params=DATA)
def task(request):
    return DATA[request.param]


small = pytest.mark.parametrize("task", ["wine", "breast cancer"], indirect=True)


def sureness(model, X, y):
    return model.predict_proba(X).max(axis=1).mean()


@pytest.mark.parametrize("name", SAME)
def test_what_adds_nothing_changes_no_bit(name, task):
    X, y, queries, truth, bar = task
    plain, model = clone(PLAIN).fit(X, y), clone(SAME[name])
    if name == "MultiOutputClassifier":
        model.fit(X, np.column_stack([y, y > 0]))
        found, answers = model.predict_proba(queries)[0], model.predict(queries)[:, 0]
    else:
        found, answers = model.fit(X, y).predict_proba(queries), model.predict(queries)
    assert np.array_equal(found, plain.predict_proba(queries))
    assert np.array_equal(answers, plain.predict(queries))
    assert np.mean(answers == truth) > bar


@pytest.mark.parametrize("task", ["digits", "breast cancer"], indirect=True)
@pytest.mark.parametrize("name", OTHER)
def test_what_changes_answers_keeps_them_good(name, task):
    X, y, queries, truth, bar = task
    model = clone(OTHER[name]).fit(X, y)
    assert model.score(queries, truth) > bar - 0.05
    if hasattr(model, "predict_proba"):
        proba = model.predict_proba(queries)
        assert proba.shape == (len(queries), len(model.classes_))
        assert (proba >= 0).all()
        np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-6)
        assert np.array_equal(model.classes_[proba.argmax(axis=1)], model.predict(queries))


@small
def test_halving_search_keeps_the_surer_temperature(task):
    X, y, queries, *_ = task
    search = HalvingRandomSearchCV(
        PLAIN, {"temperature": [1.0, 100.0]}, n_candidates=2, cv=2, scoring=sureness, random_state=0
    ).fit(X, y)
    assert search.best_params_ == {"temperature": 1.0}
    assert np.array_equal(search.predict_proba(queries), clone(PLAIN).fit(X, y).predict_proba(queries))


@small
def test_a_chain_begins_with_the_plain_estimator_and_hands_on_what_it_says(task):
    X, y, queries, *_ = task
    several = np.column_stack([y == 0, y == 1]).astype(int)
    chain = ClassifierChain(PLAIN, order=[0, 1]).fit(X, several)
    first = clone(PLAIN).fit(X, several[:, 0])
    second = clone(PLAIN).fit(np.column_stack([X, several[:, 0]]), several[:, 1])
    said = first.predict(queries)
    expected = [first.predict_proba(queries), second.predict_proba(np.column_stack([queries, said]))]
    assert np.array_equal(chain.predict_proba(queries), np.column_stack([each[:, 1] for each in expected]))


@small
def test_self_training_leaves_labels_and_takes_sure_rows(task):
    X, y, queries, truth, bar = task
    some = np.where(np.arange(len(y)) % 2, y, -1)
    model = SelfTrainingClassifier(PLAIN, threshold=0.8).fit(X, some)
    assert np.array_equal(model.transduction_[some >= 0], y[some >= 0])
    taken = (some < 0) & (model.transduction_ >= 0)
    assert taken.sum() > 3
    assert np.mean(model.transduction_[taken] == y[taken]) > 0.8
    assert model.score(queries, truth) > bar - 0.1
    refitted = clone(PLAIN).fit(X[model.transduction_ >= 0], model.transduction_[model.transduction_ >= 0])
    assert np.array_equal(model.predict_proba(queries), refitted.predict_proba(queries))


@small
def test_bagging_is_the_mean_of_reasoners_on_draws_with_repeats(task):
    X, y, queries, *_ = task
    bag = BaggingClassifier(PLAIN, n_estimators=3, random_state=0).fit(X, y)
    of_draws = [clone(PLAIN).fit(X[rows], y[rows]) for rows in bag.estimators_samples_]
    np.testing.assert_allclose(
        bag.predict_proba(queries),
        np.mean([each.predict_proba(queries) for each in of_draws], axis=0),
        rtol=1e-12,
    )


@small
def test_thresholds_are_python_floats_and_decide(task):
    X, y, queries, *_ = task
    y = (y > 0).astype(int)
    plain = clone(PLAIN).fit(X, y)
    fixed = FixedThresholdClassifier(PLAIN, threshold=0.3, response_method="predict_proba").fit(X, y)
    assert np.array_equal(fixed.predict(queries), (plain.predict_proba(queries)[:, 1] >= 0.3).astype(int))
    tuned = TunedThresholdClassifierCV(PLAIN, cv=2, random_state=0, response_method="predict_proba").fit(X, y)
    assert isinstance(tuned.best_threshold_, float)
    assert np.array_equal(tuned.predict_proba(queries), plain.predict_proba(queries))
    decided = plain.predict_proba(queries)[:, 1] >= tuned.best_threshold_
    assert np.array_equal(tuned.predict(queries), decided.astype(int))
    known = cross_validate(tuned, X, y, cv=2, scoring="balanced_accuracy")["test_score"]
    assert known.min() > 0.7


@small
def test_frozen_is_fitted_once_and_calibrated_as_it_is(task):
    X, y, queries, *_ = task
    fitted = clone(PLAIN).fit(X, y)
    expected = fitted.predict_proba(queries)
    frozen = FrozenEstimator(fitted)
    frozen.fit(X[::-1], np.roll(y, 1))
    assert np.array_equal(frozen.predict_proba(queries), expected)
    assert clone(frozen).estimator is fitted
    calibrated = CalibratedClassifierCV(frozen, method="temperature").fit(X, y).predict_proba(queries)
    # A temperature for all leaves the order of classes.
    assert np.array_equal(calibrated.argsort(axis=1), expected.argsort(axis=1))


@small
def test_cross_validation_is_a_loop_over_fits(task):
    X, y, *_ = task
    found = cross_validate(
        PLAIN, X, y, cv=3, scoring="neg_log_loss", return_indices=True, return_estimator=True
    )
    for model, known, held_out in zip(found["estimator"], *found["indices"].values(), strict=True):
        again = clone(PLAIN).fit(X[known], y[known])
        assert np.array_equal(model.predict_proba(X[held_out]), again.predict_proba(X[held_out]))


@small
def test_learning_curve_rises(task):
    X, y, _, _, bar = task
    sizes, _, scores = learning_curve(
        PLAIN, X, y, cv=3, train_sizes=[0.25, 1.0], shuffle=True, random_state=0
    )
    assert sizes[0] < sizes[1]
    assert scores[0].mean() < scores[1].mean()
    assert scores[1].mean() > bar


@small
def test_permutation_of_a_constant_column_costs_nothing(task):
    X, y, queries, truth, _ = task
    model = clone(PLAIN).fit(np.column_stack([X, np.ones(len(X))]), y)
    rows = np.column_stack([queries, np.ones(len(queries))])
    found = permutation_importance(model, rows, truth, scoring="neg_log_loss", n_repeats=2, random_state=0)
    assert (found.importances[-1] == 0).all()
    assert found.importances_mean[:-1].max() > 0


def test_decision_boundary_draws_the_probabilities():
    plt = pytest.importorskip("matplotlib.pyplot")
    X, y, *_ = DATA["iris"]
    X = X[:, 2:]
    model = clone(PLAIN).fit(X, y > 0)
    display = DecisionBoundaryDisplay.from_estimator(
        model, X, grid_resolution=8, response_method="predict_proba", class_of_interest=True
    )
    grid = np.column_stack([display.xx0.ravel(), display.xx1.ravel()])
    np.testing.assert_array_equal(display.response.ravel(), model.predict_proba(grid)[:, 1])
    labels = DecisionBoundaryDisplay.from_estimator(
        clone(PLAIN).fit(X, y), X, grid_resolution=8, response_method="predict"
    )
    assert set(labels.response.ravel()) == {0, 1, 2}
    plt.close("all")


class Diary:
    """A callback that notes which fits begin and end."""

    max_propagation_depth = None

    def __init__(self):
        self.lines = []

    def setup(self, estimator, context):
        self.lines.append(("setup", type(estimator).__name__))

    def teardown(self, estimator, context):
        self.lines.append(("teardown", type(estimator).__name__))

    def on_fit_task_begin(self, estimator, context, **more):
        self.lines.append(("begin", context.estimator_name))

    def on_fit_task_end(self, estimator, context, **more):
        self.lines.append(("end", context.estimator_name))


OURS = {
    "reasoner": (PLAIN, ["TartReasoner"]),
    "pipeline": (make_pipeline(TartTransformer(), PLAIN), ["TartTransformer", "TartReasoner", "Pipeline"]),
    "raw rows": (TartClassifier(None), ["TartClassifier"]),
    "search": (AutoTartClassifier(max_candidates=1, cv=2, random_state=0), ["AutoTartClassifier"]),
}


@pytest.mark.parametrize("model, ends", OURS.values(), ids=OURS)
def test_callbacks_see_each_fit_of_ours_also_one_that_fails(model, ends):
    X, y, *_ = DATA["iris"]
    model, diary = clone(model), Diary()
    model.set_callbacks(diary).fit(X, y)
    assert [name for what, name in diary.lines if what == "end"] == ends
    assert (diary.lines[0][0], diary.lines[-1][0]) == ("setup", "teardown")
    diary.lines.clear()
    seed = next(name for name in model.get_params() if name.endswith("random_state"))
    with pytest.raises(ValueError, match="random_state must be"):
        model.set_params(**{seed: -1}).fit(X, y)
    assert diary.lines[-1][0] == "teardown"
    assert not [name for what, name in diary.lines if what == "end"]


def test_scores_and_progress_are_watched_without_a_change(capsys):
    X, y, queries, *_ = DATA["iris"]
    monitor = ScoringMonitor(scoring="accuracy")
    model = clone(PLAIN).set_callbacks(monitor).fit(X, y)
    assert monitor.get_logs().data[0]["accuracy"] == model.score(X, y)
    pipeline = make_pipeline(StandardScaler(), TartTransformer(n_components=2), PLAIN)
    search = GridSearchCV(pipeline, {"tartreasoner__temperature": [1.0, 2.0]}, cv=2)
    expected = clone(search).fit(X, y).predict_proba(queries)
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, y)
    assert np.array_equal(search.predict_proba(queries), expected)
    assert "TartReasoner" in capsys.readouterr().out
