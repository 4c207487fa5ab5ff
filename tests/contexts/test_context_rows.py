"""Which rows a context holds."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sktart.contexts._context_rows import ContextRows


def rows_of(codes, x=None, weight=None):
    n_rows = len(codes)
    x = np.arange(float(n_rows))[:, None] if x is None else x
    return ContextRows(x, np.asarray(codes), np.ones(n_rows) if weight is None else weight, np.arange(n_rows))


def draws(codes, **options):
    """Return the numbers of the rows of each context."""
    options = {"max_rows": None, "n_draws": 1, "in_order": True, "random_state": 0} | options
    return [part.numbers for part in rows_of(codes).draw(**options)]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), st.data(), st.integers(1, 4), st.integers(0, 99))
def test_draws_are_stratified(counts, data, n_draws, seed):
    codes = np.random.RandomState(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    size = data.draw(st.integers(len(counts), len(codes)))
    contexts = draws(codes, max_rows=size, n_draws=n_draws, random_state=seed)
    assert len(contexts) == n_draws
    for rows in contexts:
        assert len(np.unique(rows)) == size
        drawn = np.bincount(codes[rows], minlength=len(counts))
        assert (drawn >= 1).all()
        if (np.array(counts) * size >= len(codes)).all():
            np.testing.assert_allclose(drawn, np.array(counts) * size / len(codes), atol=1.51)


def test_draws_differ_and_follow_the_seed():
    codes = np.arange(40) % 2
    options = {"max_rows": 10, "n_draws": 3, "in_order": False}
    first, again, other = (draws(codes, random_state=seed, **options) for seed in (0, 0, 1))
    assert len({tuple(rows) for rows in first}) == 3
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_all_rows_come_first_in_the_order_given():
    contexts = draws([1, 0, 1, 1, 0], max_rows=5, n_draws=4)
    assert contexts[0].tolist() == [0, 1, 2, 3, 4]
    assert all(sorted(rows) == [0, 1, 2, 3, 4] for rows in contexts)
    assert len({tuple(rows) for rows in contexts}) > 1


def test_a_reasoner_that_does_not_see_the_order_gets_one_context():
    (rows,) = draws(np.zeros(6, int), n_draws=5, in_order=False)
    assert rows.tolist() == list(range(6))


def test_equal_rows_of_one_class_are_merged_in_an_order_of_their_own():
    x = np.array([[0.0, 1.0], [-0.0, 1.0], [2.0, 0.0], [0.0, 1.0]])
    rows = rows_of([0, 0, 1, 1], x, np.array([1.0, 2.0, 3.0, 4.0]))
    merged = rows.merged()
    assert len(merged) == 3
    found = {
        (tuple(row), code, w)
        for row, code, w in zip(merged.x.tolist(), merged.codes, merged.weight, strict=True)
    }
    assert found == {((0.0, 1.0), 0, 3.0), ((2.0, 0.0), 1, 3.0), ((0.0, 1.0), 1, 4.0)}
    again = rows.take(np.array([3, 1, 0, 2])).merged()
    for part in ("x", "codes", "weight"):
        np.testing.assert_array_equal(getattr(again, part), getattr(merged, part))


def test_rows_without_labels_are_drawn_and_merged_as_one_class():
    rows = ContextRows(np.array([[1.0], [1.0], [2.0]]), None, np.ones(3), np.arange(3))
    merged = rows.merged()
    assert merged.codes is None
    assert sorted(merged.weight) == [1.0, 2.0]
    (part,) = rows.draw(max_rows=2, n_draws=1, in_order=False, random_state=0)
    assert len(set(part.numbers)) == 2
