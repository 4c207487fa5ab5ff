"""TartTransformer on rows that nobody wrote down: numbers in any container, texts of any characters."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from strategies import (
    BROKEN,
    CONTAINERS,
    JUNK,
    answer_or_refuse,
    examples,
    junk,
    letters,
    sizes,
    tasks,
    texts,
)

from sktart import TartTransformer

# Names of columns are not what these are about.
pytestmark = pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")

WIDTHS = st.sampled_from([None, 1, 2, 100])


@examples
@given(tasks(whole=True), st.sampled_from(list(CONTAINERS)), WIDTHS, st.booleans())
def test_the_container_of_numbers_changes_no_digit(task, name, n_components, whiten):
    hold, model = CONTAINERS[name], TartTransformer(n_components=n_components, whiten=whiten)
    expected = clone(model).fit(task.X).transform(task.queries)
    given = hold(task.X)
    found = model.fit(given).transform(hold(task.queries))
    assert found.shape == (len(task.queries), model.n_features_out_)
    assert len(model.get_feature_names_out()) == model.n_features_out_
    # Some containers are read in float32, and whitening divides by what rounding leaves.
    tolerance = 1e-9 if found.dtype == np.float64 else 2e-3 * max(1, np.abs(expected).max())
    if found.shape == expected.shape:
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=tolerance)
    np.testing.assert_allclose(
        clone(model).fit_transform(given), model.transform(given), rtol=1e-9, atol=1e-12
    )


@examples
@given(tasks(), sizes, sizes, WIDTHS, st.booleans())
def test_huge_and_tiny_numbers_are_projected_or_refused(task, of_rows, of_queries, n_components, whiten):
    model = TartTransformer(n_components=n_components, whiten=whiten)
    if answer_or_refuse(model.fit, task.X * of_rows) is not None:
        for queries in (task.queries * of_queries, task.queries * of_rows):
            found = answer_or_refuse(model.transform, queries)
            assert found is None or np.isfinite(found).all()


@examples
@given(tasks(), st.sampled_from(sorted(BROKEN.keys() - {"sparse", "sparse frame"})), st.booleans())
def test_rows_that_are_no_table_of_numbers_are_refused_by_both_methods(task, name, is_fitted):
    model = TartTransformer(n_components=1)
    if is_fitted:
        model.fit(task.X)
        assert answer_or_refuse(model.transform, BROKEN[name](task.queries)) is None
        assert model.transform(task.queries).shape == (len(task.queries), 1)
    else:
        assert answer_or_refuse(model.fit, BROKEN[name](task.X)) is None
        with pytest.raises(NotFittedError, match="not fitted"):
            model.transform(task.queries)


COLUMNS = {
    "list": list,
    "tuple": tuple,
    "objects": lambda rows: np.array(rows, dtype=object),
    "series": pd.Series,
    "string": lambda rows: pd.Series(rows, dtype="string"),
    "frame": lambda rows: pd.DataFrame({"text": rows}),
    "polars": pl.Series,
    "polars frame": lambda rows: pl.DataFrame({"text": rows}),
}


@examples
@given(st.lists(texts, min_size=1, max_size=8), st.sampled_from(list(COLUMNS)), WIDTHS)
def test_any_texts_in_any_column_give_the_same_vectors(rows, name, n_components):
    model = TartTransformer(letters, n_components=n_components)
    expected = model.fit(rows).transform(rows)
    given = COLUMNS[name](rows)
    assert np.array_equal(clone(model).fit(given).transform(given), expected)
    assert np.array_equal(pickle.loads(pickle.dumps(model)).transform(given), expected)
    if n_components is None:
        assert np.array_equal(expected, letters(rows))


@examples
@given(st.lists(texts, min_size=1, max_size=4), junk, st.booleans())
def test_what_is_no_column_of_texts_is_refused_or_read(rows, value, alone):
    model = TartTransformer(letters).fit(rows)
    found = answer_or_refuse(model.transform, value if alone else [*rows, value])
    assert found is None or np.isfinite(found).all()
    assert np.array_equal(model.transform(rows), letters(rows))


@examples
@given(tasks(), st.data())
def test_any_parameters_of_the_transformer_are_used_or_refused(task, data):
    good = {
        "encoder": [None, "auto", letters, "no-such-model", "../nowhere", np.tanh, (1, 2)],
        "protocol": ["stream", "loo", "other"],
        "prompt": ["{text}", {"template": "{text}"}],
        "pooling": ["mean", "median"],
        "layer": [-1, 3],
        "n_components": [1, 10**9, np.int64(2)],
        "whiten": [True, np.True_, 1],
        "dtype": ["float64", "int8"],
        "memory": [3.5],
        "device": ["cpu", "tpu", "meta"],
        "random_state": [0, np.random.RandomState(0)],
    }
    names = sorted(TartTransformer().get_params())
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
    # Names of modules and folders are files to be made, or models to be fetched.
    params = {name: data.draw(st.sampled_from([*good.get(name, []), *JUNK])) for name in chosen}
    if isinstance(params.get("memory"), str):
        params["memory"] = None
    model = TartTransformer(**{"local_files_only": True, **params})
    rows = task.X if params.get("encoder") is not letters else [str(row) for row in task.X]
    found = answer_or_refuse(model.fit_transform, rows)
    assert found is None or (found.shape[0] == len(task.X) and np.isfinite(found).all())
