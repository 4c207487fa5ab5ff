"""Cross-validation with rows that have no label."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, KFold, LeaveOneGroupOut, LeaveOneOut, cross_val_score

from sktart import LabelledFolds

Y = np.array([0, -1, 1, 0, 1, -1, 0, 1, -1])


@pytest.mark.parametrize("cv", [2, KFold(3), LeaveOneOut()], ids=str)
def test_unlabelled_rows_are_in_each_training_part_and_in_no_test_part(cv):
    folds = list(LabelledFolds(cv).split(None, Y))
    assert len(folds) == LabelledFolds(cv).get_n_splits(None, Y)
    for train, test in folds:
        assert set(np.flatnonzero(Y == -1)) <= set(train)
        assert not set(train) & set(test)
        assert (Y[test] != -1).all()
    assert sorted(np.concatenate([test for _, test in folds])) == [0, 2, 3, 4, 6, 7]


def test_groups_are_those_of_labelled_rows():
    groups = np.array([0, 9, 0, 1, 1, 9, 2, 2, 9])
    assert LabelledFolds(LeaveOneGroupOut()).get_n_splits(None, Y, groups) == 3
    for train, test in LabelledFolds(GroupKFold(3)).split(None, Y, groups):
        assert not set(groups[test]) & set(groups[train])


def test_missing_labels_and_other_markers():
    y = ["a", None, "b", "?", "a", "b"]
    tests = [test.tolist() for _, test in LabelledFolds(2, unlabelled="?").split(None, y)]
    assert sorted(np.concatenate(tests)) == [0, 2, 4, 5]


def test_scores_are_those_of_labelled_rows():
    X = np.random.default_rng(0).normal(size=(9, 2)) + 5 * Y[:, None]

    class Known(LogisticRegression):
        def fit(self, X, y):
            return super().fit(X[y != -1], y[y != -1])

    scores = cross_val_score(Known(), X, Y, cv=LabelledFolds(3))
    np.testing.assert_array_equal(scores, 1.0)


def test_too_few_labels():
    with pytest.raises(
        ValueError, match="label for at least two rows to split; got 1: label more, or check the mark"
    ):
        next(LabelledFolds(2).split(None, [0, -1, -1]))


def test_what_is_no_splitter():
    with pytest.raises(ValueError, match=r"cv must be an integer or a splitter such as KFold\(5\); got \[\]"):
        LabelledFolds([]).get_n_splits(None, Y)


def test_markers_among_texts_in_a_list():
    y = ["a", -1, "b", "a", "b"]
    assert sorted(np.concatenate([test for _, test in LabelledFolds(2).split(None, y)])) == [0, 2, 3, 4]


def test_repr():
    assert repr(LabelledFolds(3, unlabelled="?")) == "LabelledFolds(3, unlabelled='?')"
