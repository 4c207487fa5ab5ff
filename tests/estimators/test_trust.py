"""Held-out answers, influence, prediction sets, doubt: against refits, and on rows where the truth is known."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import GroupKFold, LeaveOneOut, StratifiedKFold, cross_val_predict
from sklearn.preprocessing import StandardScaler

from sktart import TartClassifier, TartReasoner
from sktart.contexts import _many
from sktart.contexts._many import answer_each
from sktart.estimators import _held_out

X, Y = load_wine(return_X_y=True)
ORDER = np.random.default_rng(0).permutation(len(Y))
X, Y = StandardScaler().fit_transform(X)[ORDER], Y[ORDER]
N = 32


def reasoner(**options):
    return TartReasoner(**{"dtype": "float64", **options})


def same(one, other):
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"class_weight": "balanced", "temperature": 2.0},
        {"max_context": 9, "n_permutations": 2, "random_state": 0},
        {"checkpoint": "tart-decoder-d16", "n_permutations": 2, "random_state": 0},
    ],
    ids=lambda options: "-".join(options) or "default",
)
@pytest.mark.parametrize("cv", [LeaveOneOut(), StratifiedKFold(4)], ids=["one by one", "folds"])
def test_held_out_answers_are_those_of_refits(options, cv):
    found = reasoner(**options).fit(X[:N], Y[:N]).held_out_proba(cv)
    same(found, cross_val_predict(reasoner(**options), X[:N], Y[:N], cv=cv, method="predict_proba"))


def test_held_out_answers_of_weighted_rows_beside_a_pool_and_descriptions():
    weight = 1.0 + np.arange(N) % 3
    labels = np.where(np.arange(N) % 4 == 0, -1, Y[:N])
    vectors = {code: X[code == Y][0] for code in (0, 1)}
    model = reasoner(unlabelled=-1).fit(X[:N], labels, weight, class_vectors=vectors)
    found = model.held_out_proba()
    assert len(found) == len(model.labelled_rows_) == 24
    for place in (0, 13, 23):
        row = model.labelled_rows_[place]
        kept = np.arange(N) != row
        again = reasoner(unlabelled=-1).fit(X[:N][kept], labels[kept], weight[kept], class_vectors=vectors)
        same(found[place], again.predict_proba(X[[row]])[0])


def test_many_rows_are_held_out_in_folds():
    digits, classes = load_digits(return_X_y=True)
    model = TartReasoner().fit(digits[:200], classes[:200])
    found = model.held_out_proba()
    kept, out = next(StratifiedKFold(10).split(digits[:200], classes[:200]))
    again = TartReasoner().fit(digits[:200][kept], classes[:200][kept])
    np.testing.assert_allclose(found[out], again.predict_proba(digits[out]), atol=1e-5)
    assert model.held_out_score() > 0.85


def test_the_only_row_of_a_class_has_no_chance():
    labels = Y[:N].copy()
    labels[3] = 7
    model = TartReasoner().fit(X[:N], labels)
    assert model.held_out_proba()[3, 3] == 0
    assert 3 not in model.label_issues().rows


def test_held_out_score():
    model = reasoner().fit(X[:N], Y[:N])
    proba = model.held_out_proba()
    assert model.held_out_score() == (proba.argmax(axis=1) == Y[:N]).mean()
    assert model.held_out_score("neg_log_loss") == pytest.approx(-log_loss(Y[:N], proba))
    weighted = reasoner().fit(X[:N], Y[:N], 1.0 + (Y[:N] == 0))
    right = weighted.held_out_proba().argmax(axis=1) == Y[:N]
    assert weighted.held_out_score() == pytest.approx(np.average(right, weights=1.0 + (Y[:N] == 0)))


def test_scores_of_labels_that_metrics_do_not_know():
    days = np.array([date(2020, 1, 1 + code) for code in Y[:N]], dtype=object)
    for scoring in ("accuracy", "neg_log_loss"):
        found = reasoner().fit(X[:N], days).held_out_score(scoring)
        assert found == pytest.approx(reasoner().fit(X[:N], Y[:N]).held_out_score(scoring))


def test_a_scorer_without_weights_gets_none():
    model = reasoner().fit(X[:N], Y[:N], 1.0 + (Y[:N] == 0))
    right = model.held_out_proba().argmax(axis=1) == Y[:N]
    assert model.held_out_score(lambda model, X, y: (model.predict(X) == y).mean()) == right.mean()


@pytest.mark.parametrize("class_weight", [{0: 3.0}, "balanced"])
def test_factors_of_classes_with_one_row(class_weight):
    labels = np.where(np.arange(N) == 3, 0, 1 + Y[:N] % 2)
    model = TartReasoner(class_weight=class_weight).fit(X[:N], labels)
    assert model.held_out_proba()[3, 0] == 0
    assert model.predict_set(X[N : N + 2]).shape == (2, 3)
    assert np.isfinite(model.influence(X[N : N + 2])).all()


def test_a_random_state_stays_as_it_is():
    state = np.random.RandomState(0)
    model = reasoner(max_context=9, random_state=state).fit(X[:N], Y[:N])
    before = state.get_state()[1:3]
    first = model.held_out_proba(4)
    assert (state.get_state()[1] == before[0]).all()
    assert state.get_state()[2] == before[1]
    same(model.held_out_proba(4), first)


def test_groups_are_held_out_together():
    model, groups = reasoner().fit(X[:N], Y[:N]), np.arange(N) // 4
    cv = GroupKFold(5)
    expected = cross_val_predict(reasoner(), X[:N], Y[:N], cv=cv, groups=groups, method="predict_proba")
    same(model.held_out_proba(cv, groups), expected)
    same(model.held_out_proba(groups=groups), model.held_out_proba(GroupKFold(8), groups))
    assert (
        model.predict_set(X[N:], groups=groups) == model.predict_set(X[N:], 0.1, GroupKFold(8), groups)
    ).all()


def test_label_issues_finds_planted_errors():
    wrong = np.arange(5, 100, 10)
    labels = Y[:100].copy()
    labels[wrong] = (labels[wrong] + 1) % 3
    issues = TartReasoner().fit(X[:100], labels).label_issues()
    found = np.isin(issues.rows, wrong)
    assert roc_auc_score(found, -issues.probabilities) > 0.97
    assert (issues.suggestions[:8] == Y[issues.rows[:8]]).all()
    assert (issues.labels == labels[issues.rows]).all()
    assert list(pd.DataFrame(issues)) == ["rows", "labels", "probabilities", "suggestions"]


def test_sure_answers_keep_doubtful_rows():
    labels = Y[:N].copy()
    labels[3] = (labels[3] + 1) % 3
    usual, sure = (reasoner(temperature=heat).fit(X[:N], labels) for heat in (1, 0.002))
    assert sure.held_out_proba()[3, labels[3]] == 0
    assert usual.label_issues().rows[0] == sure.label_issues().rows[0] == 3
    assert len(sure.label_issues().rows) == N
    # Log-odds are logits of two classes, so a temperature divides them.
    two = labels > 0
    usual, sure = (reasoner(temperature=heat).fit(X[:N], two) for heat in (1, 0.002))
    for method in ("leave_one_out", "gradient"):
        same(sure.influence(X[N : N + 5], method), 500 * usual.influence(X[N : N + 5], method))


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_sets_cover(alpha):
    digits, classes = load_digits(return_X_y=True)
    covered, sizes = [], []
    for seed in range(6):
        order = np.random.default_rng(seed).permutation(len(classes))
        kept, asked = order[:60], order[60:260]
        sets = TartReasoner().fit(digits[kept], classes[kept]).predict_set(digits[asked], alpha)
        covered += sets[np.arange(200), classes[asked]].tolist()
        sizes += sets.sum(axis=1).tolist()
    assert abs(np.mean(covered) - (1 - alpha)) < 0.04
    assert np.mean(sizes) < 3


def test_few_rows_rule_nothing_out():
    model = TartReasoner().fit(X[:12], Y[:12])
    assert model.predict_set(X[12:20], alpha=0.05).all()
    assert not model.predict_set(X[12:20], alpha=0.3).all()


def test_typicality():
    model = TartReasoner().fit(X[:120], Y[:120])
    assert (model.typicality(X[120:]) <= 0.1).mean() < 0.25
    assert (model.typicality(X[120:] + 6) <= 0.05).all()
    assert model.typicality(X[:5]).shape == (5,)
    alone = TartReasoner().fit(X[:1], Y[:1])
    with pytest.raises(ValueError, match="typicality needs at least two rows in the context; got 1"):
        alone.typicality(X)


def test_distances_are_free_of_translation():
    rows, pool = np.random.default_rng(0).normal(size=(2, 60, 30))
    near, far = (TartReasoner().fit(rows + shift, rows[:, 0] > 0) for shift in (0, 1e8))
    np.testing.assert_allclose(far.typicality(pool + 1e8), near.typicality(pool), atol=0.02)
    assert far.suggest(pool + 1e8, 10).tolist() == near.suggest(pool, 10).tolist()


def test_typicality_of_usual_rows_is_spread_evenly():
    rows = np.random.default_rng(0).normal(size=(2300, 5))
    found = TartReasoner().fit(rows[:300], rows[:300, 0] > 0).typicality(rows[300:])
    assert np.quantile(found, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.07)


def test_suggestions_lead_to_better_answers():
    digits, classes = load_digits(return_X_y=True)
    gain = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(classes))
        known, pool, asked = order[:10], order[10:410], order[410:910]
        model = TartReasoner().fit(digits[known], classes[known])
        scores = []
        for chosen in (pool[model.suggest(digits[pool], 20)], pool[:20]):
            rows = np.concatenate([known, chosen])
            scores.append(
                TartReasoner().fit(digits[rows], classes[rows]).score(digits[asked], classes[asked])
            )
        gain.append(scores[0] - scores[1])
    assert np.mean(gain) > 0.03


def test_suggestions_one_by_one_are_those_at_once_where_doubt_stays():
    model = TartReasoner().fit(X[:10], Y[:10])
    chosen = model.suggest(X[10:60], 5)
    assert len(set(chosen.tolist())) == 5
    assert model.suggest(X[10:60])[0] == chosen[0]


def test_suggestions_before_the_first_label():
    vectors = {code: X[code == Y].mean(axis=0) for code in (0, 1, 2)}
    model = TartReasoner().fit(X[:40], [None] * 40, class_vectors=vectors)
    assert len(set(model.suggest(X[:40], 6).tolist())) == 6


def test_frames_get_no_warning(recwarn):
    frame = pd.DataFrame(X).rename(columns=str)
    TartReasoner().fit(frame[:20], Y[:20]).suggest(frame[20:30])
    assert not recwarn.list


def log_odds(model, rows):
    log_proba = model.predict_log_proba(rows)
    return log_proba - np.log(-np.expm1(log_proba))


def test_influence_by_leaving_out_is_the_difference_to_refits():
    model = reasoner().fit(X[:20], Y[:20])
    found = model.influence(X[20:23])
    assert found.shape == (3, 20, 3)
    for row in (0, 11):
        kept = np.arange(20) != row
        again = reasoner().fit(X[:20][kept], Y[:20][kept])
        same(found[:, row], log_odds(model, X[20:23]) - log_odds(again, X[20:23]))


def test_rows_of_a_class_speak_for_it():
    model = reasoner().fit(X[:40], Y[:40])
    found = model.influence(X[40:80])
    own = np.array([[found[:, Y[:40] == row, code].mean() for code in range(3)] for row in range(3)])
    assert (own.argmax(axis=0) == range(3)).all()


def test_influence_of_the_only_row_of_a_class_is_finite():
    found = reasoner().fit(X[:20], np.arange(20) // 19).influence(X[20:22])
    assert np.isfinite(found).all()
    assert found[0, :, 1].argmax() == 19
    assert (reasoner().fit(X[:5], np.zeros(5)).influence(X[5:6]) == 0).all()


def test_gradients_are_what_little_weight_does():
    weight = 1.0 + np.arange(30) % 2
    model = reasoner().fit(X[:30], Y[:30], weight)
    found = model.influence(X[30:32], "gradient")
    step = 1e-6
    for row in (0, 7):
        less = weight - step * weight * (np.arange(30) == row)
        lost = log_odds(model, X[30:32]) - log_odds(reasoner().fit(X[:30], Y[:30], less), X[30:32])
        np.testing.assert_allclose(found[:, row], lost / step, rtol=1e-3, atol=1e-5)


def test_gradients_agree_with_leaving_out():
    digits, classes = load_digits(return_X_y=True)
    model = TartReasoner().fit(digits[:140], classes[:140] % 3)
    fast, exact = (model.influence(digits[140:143], method) for method in ("auto", "leave_one_out"))
    assert np.corrcoef(fast.ravel(), exact.ravel())[0, 1] > 0.8


def test_copies_share_their_influence():
    twice = reasoner().fit(np.r_[X[:20], X[:1]], np.r_[Y[:20], Y[:1]])
    found = twice.influence(X[20:22], "gradient")
    same(found[:, 0], found[:, 20])


@pytest.mark.parametrize(
    "error, use",
    [
        ("at least two labelled rows are needed", lambda: reasoner().fit(X[:1], Y[:1]).held_out_proba()),
        (
            "cv must hold each labelled row out once; it holds row 0 out 0",
            lambda: fitted().held_out_proba([(range(5), [5])]),
        ),
        ("influence needs two labelled rows.* has 1", lambda: reasoner().fit(X[:1], Y[:1]).influence(X)),
        ("alpha must be a number from 0 to 1; got 1.5", lambda: fitted().predict_set(X, 1.5)),
        ("n must be an integer of at least 1; got 0", lambda: fitted().suggest(X, 0)),
        ("n must be at most the number of rows in X, 3; got 4", lambda: fitted().suggest(X[:3], 4)),
        ("method must be one of 'auto', 'leave_one_out'", lambda: fitted().influence(X, "exact")),
        (
            "holds all labelled rows once.* 2 contexts of 6",
            lambda: fitted(max_context=6, n_permutations=2).influence(X),
        ),
        (
            "method='gradient' takes a reasoner of the gram family.* reads rows without weights",
            lambda: fitted(checkpoint="tart-decoder-d16").influence(X, "gradient"),
        ),
    ],
)
def test_bad_use_is_named(error, use):
    with pytest.raises(ValueError, match=error):
        use()


def fitted(**options):
    return reasoner(**options).fit(X[:20], Y[:20])


def test_not_before_a_fit():
    for method in ("held_out_proba", "held_out_score", "label_issues"):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            getattr(reasoner(), method)()
    for method in ("predict_set", "typicality", "suggest", "influence"):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            getattr(TartClassifier(), method)(X)


def test_a_classifier_of_texts_has_it_all():
    texts = [f"{word} {thing}" for thing in ("film", "plot", "cast", "score") for word in ("good", "bad")]
    labels = ["+", "-"] * 4
    model = TartClassifier(HashingVectorizer(n_features=32)).fit(texts, labels)
    assert model.held_out_score() == 1
    assert model.label_issues().rows.shape == (8,)
    assert model.predict_set(["good end"], alpha=0.3).tolist() == [[True, False]]
    assert model.typicality(["good film", "some other words"]).argmin() == 1
    assert model.suggest(["good film", "unheard of"]).tolist() == [1]
    assert model.influence(["good film"]).shape == (1, 8, 2)


@pytest.mark.parametrize("method", ["predict_set", "typicality", "suggest", "influence"])
def test_no_rows_are_refused_as_predict_refuses_them(method):
    model = TartReasoner().fit(np.eye(4), [0, 1, 0, 1])
    with pytest.raises(TypeError, match="takes a table of numbers; got NoneType"):
        getattr(model, method)(None)


def test_many_contexts_are_read_a_few_at_a_time(monkeypatch):
    model = reasoner().fit(X[:N], Y[:N])
    whole = model.held_out_proba(), model.influence(X[N : N + 2])
    monkeypatch.setattr(_held_out, "MAX_NUMBERS", 5 * X[:N].size)
    sizes = []
    monkeypatch.setattr(
        _many,
        "answer_each",
        lambda net, contexts, asked: sizes.append(len(contexts)) or answer_each(net, contexts, asked),
    )
    same(model.held_out_proba(), whole[0])
    same(model.influence(X[N : N + 2]), whole[1])
    assert max(sizes) == 5
    assert sum(sizes) == 2 * N


def test_many_queries_are_answered_a_few_at_a_time(monkeypatch):
    model = reasoner().fit(X[:N], Y[:N])
    whole = model.predict_set(X[N:])
    monkeypatch.setattr(_many, "MAX_QUERIES", 16)
    asked, answer = [], type(model._fitted.reasoner).answer
    monkeypatch.setattr(
        type(model._fitted.reasoner),
        "answer",
        lambda net, context, x: asked.append(x.shape[1]) or answer(net, context, x),
    )
    assert (model.predict_set(X[N:]) == whole).all()
    assert max(asked) == 16
