import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array, random_array
from sklearn import config_context
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.preprocessing import MaxAbsScaler

from sktart.estimators import _projection
from sktart.estimators._projection import Projection, to_dense


def gaussian(n_rows, width, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_rows, width)) * scale + rng.normal(size=width)


def sparse_rows(n_rows, width, seed=0):
    return csr_array(random_array((n_rows, width), density=0.1, rng=np.random.default_rng(seed)))


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("n_components", [None, 1, 5])
@pytest.mark.parametrize("shape", [(40, 8), (10, 30)])
def test_equals_pca_but_for_the_shrinkage(monkeypatch, shape, n_components, whiten):
    monkeypatch.setattr(_projection, "ledoit_wolf_shrinkage", lambda *args, **kwargs: 0.0)
    context, queries = gaussian(*shape), gaussian(*shape, seed=1)
    wanted = n_components or min(shape[0] - 1, shape[1])
    expected = PCA(wanted, whiten=whiten, svd_solver="full").fit(context).transform(queries)
    found = Projection(n_components, whiten=whiten).fit(context).transform(queries)
    assert_allclose(found, expected, rtol=0, atol=1e-10)


def test_whitening_uses_the_ledoit_wolf_covariance():
    context = gaussian(30, 12, scale=np.arange(1, 13))
    white = Projection(whiten=True).fit(context)
    covariance = LedoitWolf().fit(context).covariance_ * 30 / 29  # theirs divides by n, PCA by n - 1
    assert_allclose(white.axes_ @ covariance @ white.axes_.T, np.eye(12), rtol=0, atol=1e-9)


def test_whitening_as_many_components_as_rows_does_not_explode():
    context, queries = gaussian(16, 100), gaussian(200, 100, seed=1)
    white = Projection(16, whiten=True).fit(context)
    assert white.n_components_ == 15
    assert np.abs(white.transform(context)).max() < 10
    assert 0.7 < (white.transform(queries) - white.transform(queries).mean(axis=0)).std() < 1.3
    explosion = PCA(16, whiten=True, svd_solver="full").fit(context).transform(queries)
    assert np.abs(explosion).max() > 1e6


@given(
    n_rows=st.integers(1, 20),
    width=st.integers(1, 20),
    rank=st.integers(0, 20),
    n_components=st.none() | st.integers(1, 25),
    whiten=st.booleans(),
    dtype=st.sampled_from([np.float64, np.float32]),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=100)
def test_components_are_capped_at_the_rank(n_rows, width, rank, n_components, whiten, dtype, seed):
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(n_rows, rank)), rng.normal(size=(rank, width))
    context = (factors[0] @ factors[1] + rng.normal(size=width)).astype(dtype)
    projection = Projection(n_components, whiten=whiten).fit(context)
    cap = min(rank, n_rows - 1, width)
    assert projection.n_components_ == max(1, min(n_components or cap, cap))
    scores = projection.transform(context)
    assert scores.dtype == dtype
    assert np.isfinite(scores).all()
    assert np.abs(scores).max() < 100


@given(st.floats(-1e3, 1e3), st.floats(1e-6, 1e6), st.integers(0, 99), st.booleans())
@settings(deadline=None, max_examples=60)
def test_translation_changes_nothing_and_whitening_forgets_the_scale(shift, scale, seed, whiten):
    scale = scale if whiten else 1.0
    context, queries = gaussian(12, 5, seed=seed), gaussian(4, 5, seed=seed + 100)
    plain = Projection(3, whiten=whiten).fit(context).transform(queries)
    moved = Projection(3, whiten=whiten).fit(scale * (context + shift)).transform(scale * (queries + shift))
    assert_allclose(moved, plain, rtol=0, atol=1e-7)


@pytest.mark.parametrize("context", [np.full((5, 3), 0.1), np.ones((1, 3)), np.full((4, 1), 1e9)])
@pytest.mark.parametrize("whiten", [False, True])
def test_no_spread_gives_one_column_of_zeros(context, whiten):
    projection = Projection(2, whiten=whiten).fit(context)
    assert_array_equal(projection.transform(context + 1), np.zeros((len(context), 1)))


@pytest.mark.parametrize("row", [np.zeros(200), np.ones(200), np.random.default_rng(0).random(200)])
def test_sparse_rows_without_spread(row):
    projection = Projection(4, whiten=True, random_state=0).fit(csr_array(np.tile(row, (60, 1))))
    assert_array_equal(projection.transform(sparse_rows(7, 200)), np.zeros((7, 1)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_components_of_sparse_rows_are_capped_at_the_rank(dtype):
    rng = np.random.default_rng(0)
    context = (rng.normal(size=(60, 2)) @ rng.normal(size=(2, 200))).astype(dtype)
    assert Projection(4, random_state=0).fit(csr_array(context)).n_components_ == 2


@pytest.mark.parametrize("whiten", [False, True])
def test_few_components_of_sparse_rows_equal_dense_pca(monkeypatch, whiten):
    context, queries = sparse_rows(60, 200), sparse_rows(7, 200, seed=1)
    monkeypatch.setattr(_projection, "_MAX_DENSE_BYTES", 0)
    projection = Projection(4, whiten=whiten, random_state=0).fit(context)
    pca = PCA(4, svd_solver="full").fit(context.toarray())
    expected = pca.transform(queries.toarray())
    if whiten:
        reduced = LedoitWolf().fit(pca.transform(context.toarray())).covariance_ * 60 / 59
        expected /= np.sqrt(np.diag(reduced))
    assert_allclose(projection.transform(queries), expected, rtol=0, atol=1e-8)


def test_sparse_solver_starts_from_random_state():
    context = sparse_rows(60, 200)
    first, second = (Projection(4, random_state=3).fit(context).axes_ for _ in range(2))
    assert_array_equal(first, second)


def test_many_components_of_sparse_rows_equal_dense():
    context = sparse_rows(20, 50)
    dense = context.toarray()
    expected = Projection().fit(dense).transform(dense)
    assert_allclose(Projection().fit(context).transform(context), expected, rtol=0, atol=1e-12)


def test_to_dense_refuses_what_is_too_large():
    huge = csr_array((200_000, 100_000))
    with pytest.raises(ValueError, match=r"up to 1 GiB; \(200000, 100000\) would take 149 GiB, so pass"):
        to_dense(huge)


def test_refit_forgets():
    wide, narrow = gaussian(20, 6), gaussian(3, 4, seed=1)
    refitted = Projection(5, whiten=True).fit(wide).fit(narrow)
    assert_array_equal(refitted.transform(narrow), Projection(5, whiten=True).fit(narrow).transform(narrow))


def test_whole_numbers_are_projected_in_float64():
    context = np.arange(12).reshape(4, 3) ** 2
    expected = Projection(2).fit(context * 1.0).transform(context * 1.0)
    assert_array_equal(Projection(2).fit(context).transform(context), expected)


def test_global_pandas_output_does_not_leak_in():
    context = gaussian(20, 6)
    with config_context(transform_output="pandas"):
        scores = Projection(3, whiten=True).fit(context).transform(context)
    assert type(scores) is np.ndarray


def test_rows_are_left_unchanged():
    context = gaussian(20, 6)
    context.flags.writeable = False
    before = context.copy()
    Projection(3, whiten=True).fit(context).transform(context)
    assert_array_equal(context, before)


@pytest.mark.parametrize("shift", [0.0, 1e200])
def test_numbers_that_overflow_are_refused_with_a_cure_that_works(shift):
    rows = np.random.default_rng(0).normal(size=(9, 3)) * 1e200 + shift
    with pytest.raises(
        ValueError, match=r"at most 1e\+150, as they are squared; got .*e\+200: scale them, .*MaxAbs"
    ):
        Projection(whiten=True).fit(rows)
    scaler = MaxAbsScaler().fit(rows)
    assert np.isfinite(
        Projection(whiten=True).fit(scaler.transform(rows)).transform(scaler.transform(rows))
    ).all()


def test_rows_that_overflow_later_are_refused():
    fitted = Projection(whiten=True).fit(np.random.default_rng(0).normal(size=(9, 3)) * 1e-9)
    with pytest.raises(ValueError, match=r"overflow float64; rows have numbers up to 1e\+308: scale them"):
        fitted.transform(np.full((1, 3), 1e308))
