"""What a context holds beside labelled rows."""

from dataclasses import replace

import numpy as np

from sktart.contexts._context_rows import ContextRows
from sktart.contexts._known import Known


def known(n_labelled=6, n_pool=20):
    labelled = ContextRows(
        np.eye(n_labelled), np.arange(n_labelled) % 2, np.ones(n_labelled), np.arange(n_labelled)
    )
    pool = ContextRows(np.ones((n_pool, n_labelled)), None, np.ones(n_pool), n_labelled + np.arange(n_pool))
    return Known(labelled, pool, 2)


def draw(given, **options):
    options = {
        "max_rows": None,
        "max_pool": None,
        "n_draws": 1,
        "in_order": False,
        "random_state": 0,
    } | options
    return given.draw(**options)


def test_a_pool_within_the_limit_is_read_whole():
    (drawn,) = draw(known(), max_pool=20)
    assert drawn.pool.numbers.tolist() == list(range(6, 26))


def test_a_larger_pool_is_drawn_once_for_all_contexts_and_follows_the_seed():
    first, second = draw(known(), max_rows=4, max_pool=5, n_draws=2)
    assert len(first.pool) == 5
    assert first.pool.numbers.tolist() == second.pool.numbers.tolist()
    again, other = (draw(known(), max_pool=5, random_state=seed)[0] for seed in (3, 4))
    assert draw(known(), max_pool=5, random_state=3)[0].pool.numbers.tolist() == again.pool.numbers.tolist()
    assert again.pool.numbers.tolist() != other.pool.numbers.tolist()


def test_the_draw_of_labelled_rows_does_not_depend_on_the_pool():
    without = draw(known(n_pool=0), max_rows=4)[0].labelled.numbers
    assert draw(known(), max_rows=4, max_pool=5)[0].labelled.numbers.tolist() == without.tolist()


def test_whether_there_is_more_than_labelled_rows():
    assert known().has_more
    assert not known(n_pool=0).has_more
    assert replace(known(n_pool=0), class_vectors=np.eye(2, 6)).has_more
