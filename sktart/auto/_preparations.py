"""What is learned of rows, or of their vectors, before a classifier reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from sktart.auto._candidates import ADAPTED, COMPONENTS, UNIT_ROWS, WORD_COUNTS
from sktart.auto._table import TableVectors
from sktart.auto._texts import VECTOR
from sktart.estimators._transformer import TartTransformer

# Of a vector of text, for trees; and of sparse rows, for a reasoner.
N_COMPONENTS, MOST_COMPONENTS = 20, 128


class UnitRadius(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Centre rows, and scale them to a root mean square length of 1.

    So columns of numbers and vectors of texts have the same say in inner products.
    """

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the mean and the length."""
        rows = np.asarray(X, dtype=np.float64)
        self.n_features_in_ = rows.shape[1]
        self.mean_ = rows.mean(axis=0)
        radius = np.sqrt(np.square(rows - self.mean_).sum(axis=1).mean())
        self.radius_ = float(radius) if radius > 0 else 1.0
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return the rows (n, D)."""
        return (np.asarray(X, dtype=np.float64) - self.mean_) / self.radius_


def _scaled_table() -> Any:
    return make_pipeline(
        TableVectors(),
        SimpleImputer(add_indicator=True, keep_empty_features=True),
        StandardScaler(),
        UnitRadius(),
    )


def _mixed(columns: Sequence[str], of_vectors: Any, of_others: Any) -> ColumnTransformer:
    parts = {True: ("texts", of_vectors), False: ("others", of_others)}
    named = {is_vector: [name for name in columns if (VECTOR in name) == is_vector] for is_vector in parts}
    return ColumnTransformer(
        [(*parts[key], names) for key, names in named.items() if names], sparse_threshold=0.0
    )


def reason_to_skip(preparation: str, vectors: Any) -> str | None:
    """Return why a preparation would change nothing of vectors, or None.

    Examples
    --------
    >>> reason_to_skip("unit rows", np.eye(3))
    'rows are of unit length already'
    """
    if preparation == UNIT_ROWS and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3):
        return "rows are of unit length already"
    if preparation == COMPONENTS and vectors.shape[1] <= MOST_COMPONENTS:
        return f"rows have no more than {MOST_COMPONENTS} columns"
    return None


def make_preparation(name: str, columns: Sequence[str], seed: int) -> Any:
    """Return what is learned before the classifier, unfitted; None for nothing.

    Parameters
    ----------
    name : str
        That of a candidate's preparation.
    columns : sequence of str
        Names of the columns of rows, if any.
    seed : int
        Of an encoder that is trained.
    """
    if name.startswith(ADAPTED):
        encoder = name.removeprefix(ADAPTED)
        # The search has it at hand already.
        return TartTransformer(
            encoder, adapt="contrastive", local_files_only=True, progress=False, random_state=seed
        )
    return PREPARATIONS[name](columns)


# Each takes the names of columns, if rows have any.
PREPARATIONS: dict[str, Callable[[Sequence[str]], Any]] = {
    "": lambda columns: None,
    "scaled": lambda columns: StandardScaler(),
    UNIT_ROWS: lambda columns: Normalizer(),
    COMPONENTS: lambda columns: TartTransformer(n_components=MOST_COMPONENTS),
    WORD_COUNTS: lambda columns: TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2)),
    "table": lambda columns: _scaled_table(),
    "table of numbers": lambda columns: TableVectors(),
    "mixed": lambda columns: _mixed(columns, UnitRadius(), _scaled_table()),
    "mixed numbers": lambda columns: _mixed(
        columns, TartTransformer(n_components=N_COMPONENTS), TableVectors()
    ),
}
