"""Centre, rank-capped PCA, optional shrunk whitening."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.decomposition import PCA
from sklearn.utils.sparsefuncs import mean_variance_axis

_MAX_DENSE_BYTES = 2**30
# Squares of larger numbers, or their sums, are no longer finite.
MOST = 1e150

Rows = Any  # dense or CSR, of shape (n, D); scipy has no types


def to_dense(rows: Rows) -> NDArray[Any]:
    """Make sparse rows dense, unless that takes more than a gibibyte.

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> to_dense(csr_array([[0, 1.5]]))
    array([[0. , 1.5]])
    """
    if not issparse(rows):
        return rows
    n_bytes = rows.shape[0] * rows.shape[1] * rows.dtype.itemsize
    if n_bytes > _MAX_DENSE_BYTES:
        raise ValueError(
            f"sparse features are made dense up to {_MAX_DENSE_BYTES / 2**30:.3g} GiB; "
            f"{rows.shape} would take {n_bytes / 2**30:.3g} GiB, so "
            "pass n_components, or an encoder with fewer columns"
        )
    return rows.toarray()


class Projection:
    """Principal components of the context, at most as many as it determines.

    Parameters
    ----------
    n_components : int or None
        Number of components wanted; None for all. Fewer remain if the centred rows have a lower numerical
        rank, which is at most n - 1.
    whiten : bool
        Divide each component by its standard deviation in a shrunk estimate of the covariance.
    random_state : int, RandomState or None
        Where the iterative solver for sparse rows starts.

    Attributes
    ----------
    mean_ : ndarray of shape (D,)
        What is subtracted from each row.
    axes_ : ndarray of shape (n_components_, D)
        Principal axes, scaled if `whiten`. Rows without spread have the one axis 0.
    n_components_ : int
        Number of columns that `transform` returns.

    Examples
    --------
    >>> rows = np.array([[0.0, 0.0, 5.0], [2.0, 0.0, 5.0], [4.0, 0.0, 5.0]])
    >>> Projection(n_components=2).fit(rows).transform(rows)
    array([[-2.],
           [ 0.],
           [ 2.]])
    """

    def __init__(self, n_components: int | None = None, *, whiten: bool = False, random_state: Any = None):
        self.n_components = n_components
        self.whiten = whiten
        self.random_state = random_state

    def fit(self, rows: Rows) -> Self:
        """Find mean and axes of `rows`, an array or CSR matrix of shape (n, D)."""
        n_rows, width = rows.shape
        limit = min(self.n_components or width, n_rows - 1, width)
        # ARPACK is made for few components of many; otherwise the exact solver is also the faster one.
        keep_sparse = issparse(rows) and 2 * limit < min(n_rows, width)
        table = (rows if keep_sparse else to_dense(rows)).astype(np.float64)
        largest = abs(table).max()
        if largest > MOST:
            raise ValueError(
                f"principal components need numbers of at most {MOST:g}, as they are squared; got {largest:.3g}: scale "
                "them, for instance with MaxAbsScaler()"
            )
        self.mean_ = np.asarray(table.mean(axis=0)).ravel()
        axes, variances = self._principal_axes(table, limit, np.finfo(_float_type(rows)).eps)
        if self.whiten and len(axes):
            spread = _scores(table, self.mean_, axes) if keep_sparse else table - self.mean_
            axes = axes / np.sqrt(_shrink(variances, spread))[:, np.newaxis]
        self.axes_ = axes if len(axes) else np.zeros((1, width))
        self.n_components_ = len(self.axes_)
        return self

    def transform(self, rows: Rows) -> NDArray[Any]:
        """Project `rows` of shape (n, D) to (n, n_components_), in their own precision."""
        with np.errstate(over="ignore", invalid="ignore"):
            scores = _scores(rows, self.mean_, self.axes_).astype(_float_type(rows), copy=False)
        if not np.isfinite(scores).all():
            raise ValueError(
                f"principal components overflow {scores.dtype}; rows have numbers up to {abs(rows).max():.3g}: scale "
                "them, for instance with MaxAbsScaler()"
            )
        return scores

    def _principal_axes(self, table: Rows, limit: int, eps: float) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return axes and variances above the noise that rounding to `eps` leaves in `table`."""
        n_rows, width = table.shape
        exact = np.finfo(np.float64).eps
        sparse = issparse(table)
        # ARPACK works on the square of the matrix, so that it has half of the digits.
        digit = max(eps, np.sqrt(exact)) if sparse else eps
        # Rounding every entry moves singular values by about this much.
        noise = digit * abs(table).max() * (np.sqrt(n_rows) + np.sqrt(width))
        spread = mean_variance_axis(table, axis=0)[1] if sparse else table.var(axis=0)
        if np.sqrt(n_rows * spread.sum()) <= noise:
            return np.zeros((0, width)), np.zeros(0)
        pca = PCA(limit, svd_solver="arpack" if sparse else "full", random_state=self.random_state).fit(table)
        values = pca.singular_values_
        kept = values > max(noise, max(n_rows, width) * exact * values.max())
        return pca.components_[kept], pca.explained_variance_[kept]


def _float_type(rows: Rows) -> np.dtype[Any]:
    """Return the float type of `rows`, float64 for whole numbers."""
    return rows.dtype if rows.dtype.kind == "f" else np.dtype(np.float64)


def _scores(rows: Rows, mean: NDArray[Any], axes: NDArray[Any]) -> NDArray[Any]:
    """Return coordinates of shape (n, k) along `axes` of shape (k, D), without making `rows` dense."""
    if issparse(rows):
        return rows @ axes.T - mean @ axes.T
    return (rows - mean) @ axes.T


def _shrink(variances: NDArray[Any], spread: NDArray[Any]) -> NDArray[Any]:
    """Pull `variances` to the mean variance of the centred `spread`, as far as Ledoit and Wolf advise.

    Eigenvalues of few rows are too large in front and too small at the end; dividing by the small ones blows
    up every row that was not among them.
    """
    mean_variance = (spread**2).sum() / (len(spread) - 1) / spread.shape[1]
    shrinkage = ledoit_wolf_shrinkage(spread, assume_centered=True)
    return (1 - shrinkage) * variances + shrinkage * mean_variance
