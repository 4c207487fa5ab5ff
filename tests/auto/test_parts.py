"""The parts of a search: clock, folds, mixture, scores, candidates and encoders side by side."""

import numpy as np
import pytest
from made_columns import letters, make_texts, words
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold

from sktart import TartTransformer
from sktart.auto._blend import PATIENCE, blend
from sktart.auto._candidates import PRESETS, Candidate, list_candidates
from sktart.auto._clock import Clock, OutOfTime
from sktart.auto._encoders import SideBySide
from sktart.auto._folds import keep_rows, make_folds
from sktart.auto._rows import RowReader
from sktart.auto._scores import Scorer
from sktart.auto._search import CHUNK, Search
from sktart.auto._task import make_task

CODES = np.repeat([0, 1, -1], [12, 8, 5])


def test_clock():
    clock = Clock(10.0)
    clock.check(5.0, "a fold")
    with pytest.raises(OutOfTime, match=r"a fold would take 20\.0 s, and (10\.0|9\.\d) s are left"):
        clock.check(20.0, "a fold")
    clock.grant(15.0)
    clock.check(20.0, "a fold")
    Clock(None).check(1e9, "a fold")


@pytest.mark.parametrize("groups", [None, np.arange(25) // 2])
def test_folds_hold_out_labelled_rows_once_a_repeat_and_train_on_all_others(groups):
    folds = make_folds(None, CODES, groups, None, seed=0)
    held_out = np.concatenate([test for _, test in folds])
    assert np.bincount(held_out, minlength=25).tolist() == [3] * 20 + [0] * 5
    for train, test in folds:
        assert not np.intersect1d(train, test).size
        assert np.union1d(train, test).tolist() == list(range(25))
        if groups is not None:
            assert not np.intersect1d(groups[train[train < 20]], groups[test]).size


def test_there_are_five_folds_or_as_many_as_the_largest_class_allows():
    assert len(make_folds(None, np.repeat([0, 1], [50, 3]), None, None, 0)) == 3 * 5
    assert len(make_folds(None, np.repeat([0, 1], 3), None, None, 0)) == 3 * 3
    assert len(make_folds(None, np.repeat([0, 1], 500), None, None, 0)) == 5
    assert len(make_folds(None, np.repeat([0, 1], 500), None, 3, 0)) == 3


def test_rows_of_rare_classes_are_always_there():
    with pytest.warns(UserWarning, match="2 labelled rows are the only ones of their class"):
        folds = make_folds(None, np.r_[CODES, 2, 3], None, None, 0)
    assert all({25, 26} <= set(train) and not {25, 26} & set(test) for train, test in folds)
    with pytest.warns(UserWarning, match="only ones of their class"):
        assert make_folds(None, np.array([0, 1]), None, None, 0) == []


def test_splits_of_users_count_all_rows():
    rows = np.arange(25)[:, None]
    folds = make_folds(rows, CODES, None, KFold(5), 0)
    assert [test.tolist() for _, test in folds] == [list(range(start, start + 5)) for start in (0, 5, 10, 15)]
    assert all(set(range(20, 25)) <= set(train) for train, _ in folds)
    kept = np.setdiff1d(np.arange(25), [0, 1])
    assert next(test.tolist() for _, test in keep_rows(folds, kept)) == [0, 1, 2]


def test_mixture_takes_what_improves_it():
    y = np.resize([0, 1], 200)
    rng = np.random.default_rng(0)
    noisy = [np.clip(0.5 + (y - 0.5) * 0.3 + rng.normal(0, 0.3, 200), 0.05, 0.95) for _ in range(2)]
    answers = [np.column_stack([1 - p, p]) for p in (*noisy, np.full(200, 0.5))]

    def score(proba):
        return -log_loss(y, proba)

    weights = blend(score, answers, 200)
    assert weights.sum() == pytest.approx(1)
    assert weights[2] == 0
    assert (weights[:2] > 0).all()
    assert score(np.tensordot(weights, answers, 1)) > max(map(score, answers))
    assert blend(score, [answers[0]], 200).tolist() == [1.0]


def test_few_rows_move_the_mixture_little_from_the_default():
    y = np.resize([0, 1], 8)
    unsure, right = np.full((8, 2), 0.5), np.eye(2)[y] * 0.8 + 0.1
    weights = blend(lambda proba: -log_loss(y, proba), [unsure, right], 8)
    assert weights[1] > 0
    assert weights[0] > PATIENCE / (8 + PATIENCE)


def test_scorer_knows_weights_and_classes_without_a_row():
    y = np.array(["a", "b", "a"])
    proba = np.array([[0.5, 0.3, 0.2], [0.2, 0.6, 0.2], [0.1, 0.8, 0.1]])
    classes = np.array(["a", "b", "c"])
    plain = Scorer("neg_log_loss", classes, y, None)
    seen = proba[:, :2] / proba[:, :2].sum(axis=1, keepdims=True)
    assert plain(proba) == pytest.approx(-log_loss(y, seen))
    assert plain.standard_error(proba, 0) > 0
    assert Scorer("accuracy", classes, y, np.array([1.0, 1.0, 0.0]))(proba) == 1.0
    nothing = Scorer("neg_log_loss", classes, y, None)(np.eye(3)[[2, 2, 2]])
    assert nothing == pytest.approx(np.log(0.5))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("kind", ["text", "image", "audio", "numbers", "sparse", "frame"])
def test_candidates_differ_and_begin_with_the_strongest_encoder(kind, preset):
    found = list_candidates(kind, ["strong", "middle", "weak"], preset, ["gram-other"])
    assert len(set(found)) == len(found) <= PRESETS[preset][1]
    assert found[0].name.startswith("strong") or kind in ("numbers", "sparse")
    assert {each.encoders for each in found} <= {
        (),
        ("strong",),
        ("middle",),
        ("weak",),
        ("strong", "weak", "middle"),
    }
    if preset == "thorough":
        assert any(each.classifier == "TartReasoner gram-other" for each in found)


def test_encoders_side_by_side_have_unit_rows():
    texts, _ = make_texts(6)
    union = SideBySide([("words", TartTransformer(words)), ("letters", TartTransformer(letters))]).fit(texts)
    vectors = union.transform(texts)
    assert vectors.shape == (6, 48)
    np.testing.assert_allclose(np.linalg.norm(vectors[:, :32], axis=1), 1, rtol=1e-6)
    other = SideBySide(union.encoders)
    joined = other.assemble(union.encoders_, [each.transform(texts) for each in union.encoders_])
    np.testing.assert_array_equal(joined, vectors)


def _search(encoders, seconds=None, n=200):
    texts, y = make_texts(n)
    calls = []

    def counted(rows):
        calls.append(len(rows))
        return words(rows)

    task = make_task(
        RowReader("text"), texts, y, None, None, cv=2, unlabelled=None, descriptions=None, seed=0
    )
    make_encoder = lambda names: TartTransformer(counted) if names else None  # noqa: E731
    scorer = Scorer("neg_log_loss", task.labels.classes, y, None)
    search = Search(task, make_encoder, None, Clock(seconds), scorer, 0, lambda line: None)
    search.run([Candidate(names, "", "TartReasoner") for names in encoders])
    return search, calls


def test_each_encoder_reads_each_row_once():
    search, calls = _search([("a",), ("a",)])
    assert len(search.results) == 2
    # At most a first look at a few rows comes before.
    assert sum(calls) <= 200 + CHUNK // 4 + 1
    assert search.results[0].predict_seconds > 0


def test_a_slow_encoder_is_left_out_unless_it_is_the_first(monkeypatch):
    search, _ = _search([("a",)])
    slow = TartTransformer(words)
    search.make_encoder = lambda names: slow
    search.clock = Clock(-1.0)
    search.run([Candidate(("b",), "", "TartReasoner")])
    assert search.failures == {"b, TartReasoner": search.failures["b, TartReasoner"]}
    assert search.failures["b, TartReasoner"].startswith("skipped: the time is over")
