"""Which rows a classifier is shown and with which labels, and which rows it is asked about."""

from __future__ import annotations

import zlib

import numpy as np

from benchmarks.fewshot.readers import DataSet

SHARES = ("balanced", "natural", "skewed", "shifted")
POOL_SHARES = ("same", "other")
SKEW = 10  # how many rows of class 0 come with one row of each other class
MIN_QUERIES = 10  # fewer say nothing
MAX_TRIES = 10_000


def class_counts(n: int, weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Split `n` in proportion to `weights`, at least one a class; ties for the remainder are drawn."""
    ideal = n * weights / weights.sum()
    counts = np.floor(ideal).astype(int)
    by_remainder = np.lexsort((rng.random(len(weights)), counts - ideal))
    counts[by_remainder[: n - counts.sum()]] += 1
    while (counts == 0).any():
        counts[counts.argmax()] -= 1
        counts[counts.argmin()] += 1
    return counts


def take(rows: np.ndarray, y: np.ndarray, counts: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """Draw `counts[c]` of `rows` from each class c, shuffled; None where a class has too few."""
    of_class = [rows[y[rows] == c] for c in range(len(counts))]
    if any(len(pool) < count for pool, count in zip(of_class, counts, strict=True)):
        return None
    chosen = [rng.choice(pool, count, replace=False) for pool, count in zip(of_class, counts, strict=True)]
    return rng.permutation(np.concatenate(chosen))


def take_at_random(rows: np.ndarray, y: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray | None:
    """Draw `n` of `rows` without regard to class, again and again until every class is there."""
    n_classes = y.max() + 1
    for _ in range(MAX_TRIES if len(rows) >= n else 0):
        chosen = rng.choice(rows, n, replace=False)
        if len(np.unique(y[chosen])) == n_classes:
            return chosen
    return None


def draw(
    data: DataSet, n_labels: int, shares: str, seed: int, max_queries: int = 500
) -> tuple[np.ndarray, np.ndarray] | None:
    """Draw context rows and query rows of the same class shares; None where the data set cannot give them.

    Where shares are "shifted", the context is balanced and queries are skewed.
    The draw depends on the arguments only: a run on some data sets repeats the numbers of a run on all.
    """
    y = data.y
    n_classes = int(y.max()) + 1
    if n_labels < 2 * n_classes:
        return None
    rng = np.random.default_rng([seed, n_labels, SHARES.index(shares), zlib.crc32(data.name.encode())])
    weights = np.ones(n_classes)
    if shares == "skewed":
        weights[0] = SKEW
    query_weights = weights.copy()
    if shares == "shifted":
        query_weights[0] = SKEW
    every = np.arange(len(y))
    pool = every if data.is_test is None else np.flatnonzero(~data.is_test)
    if shares == "natural":
        context = take_at_random(pool, y, n_labels, rng)
    else:
        context = take(pool, y, class_counts(n_labels, weights, rng), rng)
    if context is None:
        return None

    rest = np.setdiff1d(every, context) if data.is_test is None else np.flatnonzero(data.is_test)
    if shares == "natural":
        return context, rng.permutation(rest)[:max_queries]
    available = np.bincount(y[rest], minlength=n_classes)
    n_queries = min(max_queries, int((available * query_weights.sum() / query_weights).min()))
    if n_queries < max(MIN_QUERIES, n_classes):
        return None
    return context, take(rest, y, class_counts(n_queries, query_weights, rng), rng)


def draw_pool(
    data: DataSet, context: np.ndarray, queries: np.ndarray, n_rows: int, shares: str, seed: int
) -> np.ndarray:
    """Draw up to `n_rows` rows without labels, neither of the context nor among the queries.

    They have the class shares of the context, or with "other" shares that are drawn. Where a class has too few rows,
    there are fewer of all, so that the shares stay.
    """
    rng = np.random.default_rng(
        [seed, n_rows, POOL_SHARES.index(shares), zlib.crc32(f"pool of {data.name}".encode())]
    )
    free = np.setdiff1d(np.arange(len(data.y)), np.concatenate([context, queries]))
    free = free if data.is_test is None else free[~data.is_test[free]]
    n_classes = int(data.y.max()) + 1
    wanted = np.bincount(data.y[context], minlength=n_classes) / len(context)
    if shares == "other":
        wanted = rng.dirichlet(np.ones(n_classes))
    available = np.bincount(data.y[free], minlength=n_classes)
    wanted = np.where(available > 0, wanted, 0)
    n_rows = min(n_rows, int((available[wanted > 0] / wanted[wanted > 0]).min()))
    counts = np.floor(n_rows * wanted).astype(int)
    return rng.permutation(
        np.concatenate(
            [rng.choice(free[data.y[free] == c], counts[c], replace=False) for c in range(n_classes)]
        )
    )


def noisy_labels(data: DataSet, context: np.ndarray, noise: float, seed: int) -> np.ndarray:
    """Return the labels of a context, a share `noise` of them (rounded) replaced by any other class.

    The rows with a wrong label are among those of every larger share. Where a class would vanish, one of its rows
    keeps its label.
    """
    y = data.y[context]
    n_classes = int(data.y.max()) + 1
    rng = np.random.default_rng([seed, len(y), zlib.crc32(f"noise in {data.name}".encode())])
    wrong = rng.permutation(len(y))[: round(noise * len(y))]
    shift = rng.integers(1, n_classes, len(y))
    noisy = y.copy()
    noisy[wrong] = (y + shift)[wrong] % n_classes
    while (missing := np.setdiff1d(y, noisy)).size:
        row = np.flatnonzero(y == missing[0])[0]
        noisy[row] = y[row]
    return noisy
