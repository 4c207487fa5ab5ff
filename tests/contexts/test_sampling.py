"""Which rows a context holds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sktart.contexts._sampling import draw_contexts


@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), st.data(), st.integers(1, 4), st.integers(0, 99))
def test_draws_are_stratified(counts, data, n_draws, seed):
    codes = np.random.RandomState(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    size = data.draw(st.integers(len(counts), len(codes)))
    contexts = draw_contexts(codes, max_rows=size, n_draws=n_draws, in_order=True, random_state=seed)
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
    first = draw_contexts(codes, random_state=0, **options)
    assert len({tuple(rows) for rows in first}) == 3
    again = draw_contexts(codes, random_state=0, **options)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any(
        (a != b).any() for a, b in zip(first, draw_contexts(codes, random_state=1, **options), strict=True)
    )


def test_all_rows_come_first_in_the_order_given():
    codes = np.array([1, 0, 1, 1, 0])
    contexts = draw_contexts(codes, max_rows=5, n_draws=4, in_order=True, random_state=0)
    assert contexts[0].tolist() == [0, 1, 2, 3, 4]
    assert all(sorted(rows) == [0, 1, 2, 3, 4] for rows in contexts)
    assert len({tuple(rows) for rows in contexts}) > 1


def test_a_reasoner_that_does_not_see_the_order_gets_one_context():
    (rows,) = draw_contexts(np.zeros(6, int), max_rows=None, n_draws=5, in_order=False, random_state=0)
    assert rows.tolist() == list(range(6))


@pytest.mark.parametrize("size", [3, 6])
def test_rare_classes_are_kept(size):
    codes = np.array([0] * 50 + [1, 2])
    (rows,) = draw_contexts(codes, max_rows=size, n_draws=1, in_order=True, random_state=0)
    assert set(codes[rows]) == {0, 1, 2}
