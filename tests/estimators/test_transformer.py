import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import transform_elsewhere
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array, csr_matrix, issparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import get_tags

from sktart.encoders.models import _sentence
from sktart.estimators import _projection
from sktart.estimators._transformer import TartTransformer
from sktart.exceptions import EncoderError

STRINGS = np.dtypes.StringDType


def lengths(texts):
    """Encode texts, told apart by two counts."""
    return np.array([[len(text), text.count("o")] for text in texts])


# What X may be


@pytest.mark.parametrize(
    "container",
    [
        list,
        tuple,
        np.array,
        lambda texts: np.array(texts, dtype=object),
        lambda texts: np.array(texts, dtype=STRINGS()),
        lambda texts: np.array(texts)[:, np.newaxis],
        lambda texts: np.char.encode(np.array(texts), "utf-8"),
        pd.Series,
        pd.Index,
        lambda texts: pd.Series(texts, dtype=object),
        lambda texts: pd.Series(texts, dtype="string"),
        lambda texts: pd.Series(texts, dtype="category"),
        lambda texts: pd.Series(texts, index=[7, 7, 7, 7, 7]),
        lambda texts: pd.DataFrame({"text": texts}),
        pl.Series,
        lambda texts: pl.Series(texts, dtype=pl.Categorical),
        lambda texts: pl.DataFrame({"text": texts}),
    ],
)
def test_any_container_of_texts(container):
    texts = ["good film", "bad film", "a very good plot", "très bon", "good film"]
    transformer = TartTransformer(lengths)
    assert_array_equal(transformer.fit_transform(container(texts)), lengths(texts))
    assert_array_equal(transformer.transform(container(texts)), lengths(texts))


@pytest.mark.parametrize(
    "X",
    [
        ["a", None, "b", float("nan")],
        np.array(["a", None, "b", np.nan], dtype=object),
        np.array(["a", np.nan, "b", np.nan], dtype=STRINGS(na_object=np.nan)),
        pd.Series(["a", None, "b", np.nan]),
        pd.Series(["a", pd.NA, "b", pd.NaT], dtype=object),
        pd.Series(["a", pd.NA, "b", pd.NA], dtype="string"),
        pd.DataFrame({"text": ["a", None, "b", None]}),
        pl.Series(["a", None, "b", None]),
        pl.DataFrame({"text": ["a", None, "b", None]}),
    ],
)
def test_missing_texts_are_refused(X):
    with pytest.raises(ValueError, match=r"misses 2, in rows \[1, 3\]: drop these rows or fill them"):
        TartTransformer(lengths).fit(X)


@pytest.mark.parametrize(
    "X, message",
    [
        ("a bare text", r"got the single text 'a bare text', so pass \['a bare text'\]"),
        (b"bytes", "got the single text b'bytes'"),
        ([None, None], r"misses 2, in rows \[0, 1\]"),
        ([], "needs at least one text; got 0"),
        (np.array([], dtype=str), "needs at least one text; got 0"),
        (["a", 3], r"reads text, but row 1 holds 3 \(int\); turn it into text by str"),
        (["a", {}], r"reads text, but row 1 holds \{\} \(dict\); pass a flat sequence of str, or let"),
        ([b"a", b"\xff"], r"row 1 is no valid Unicode .* decode its bytes with errors='replace'"),
        (["a", "\ud800"], r"row 1 is no valid Unicode .* decode its bytes with errors='replace'"),
        ([["a", "b"]], r"got X of shape \(1, 2\): pass one column, or give each its own TartTransformer"),
        ([0.5, 1.5], r"row 0 holds 0.5 \(float\); .*or pass a table of numbers, .* to encoder=None"),
        (np.zeros((3, 2)), r"got numbers of shape \(3, 2\), so pass texts, or let encoder=.auto. choose"),
        (np.array(3), r"got numbers of shape \(\)"),
        (csr_matrix((3, 1)), r"got numbers of shape \(3, 1\)"),
        (pd.DataFrame({"a": ["x"], "b": ["y"]}), r"\(1, 2\): pass one column, .*\.ColumnTransformer"),
        (pl.DataFrame({"a": ["x"], "b": [1.0]}), r"\(1, 2\): pass one column, .*\.ColumnTransformer"),
        ({"a", "b"}, r"got set, so pass list\(X\)"),
        (iter("ab"), r"got str_\w*iterator, so pass list\(X\)"),
    ],
)
def test_what_a_text_encoder_refuses(X, message, model_folder):
    with pytest.raises(ValueError, match=message):
        TartTransformer(model_folder).fit(X)


@pytest.mark.parametrize("container", [pl.Series, lambda texts: pl.DataFrame({"text": texts}), pd.Series])
def test_zeros_at_the_end_of_a_text_stay(container):
    texts = ["a\0", "a"]
    assert_array_equal(TartTransformer(lengths).fit_transform(container(texts)), lengths(texts))


def test_a_message_shows_one_line_of_what_it_got():
    with pytest.raises(ValueError, match=r"row 1 holds array\(\[\[\[0\., 0\.\], \[0\., 0\.\]\], \[\[0"):
        TartTransformer(lengths).fit(["a", np.zeros((2, 2, 2))])


TEXT_TO_NUMBERS = "encoder=None takes numbers; got text, row 0: .*; fit with texts and encoder='all-MiniLM"


@pytest.mark.parametrize(
    "encoder, X, message",
    [
        (None, "text", TEXT_TO_NUMBERS),
        (None, ["a", "b"], TEXT_TO_NUMBERS),
        (None, [["a"], ["b"]], TEXT_TO_NUMBERS),
        (None, np.array(["a"]), TEXT_TO_NUMBERS),
        (None, [1.0, "a"], "encoder=None takes numbers; got text beside numbers, row 1: 'a'"),
        (
            None,
            pd.DataFrame({"a": [1], "b": ["x"]}),
            "got text in column 'b', row 0: 'x'; encode columns one by",
        ),
        (np.sqrt, np.eye(2), "sqrt takes numbers; got text, row 0: 'a'; fit with texts$"),
        (StandardScaler(), [], "StandardScaler needs at least one row; got 0"),
        (StandardScaler(), np.arange(3.0), "got a flat column: .* Reshape your data"),
    ],
)
def test_what_encoders_of_tables_refuse(encoder, X, message):
    with pytest.raises(ValueError, match=message):
        TartTransformer(encoder).fit(X).transform(["a"])


def test_transform_wants_the_kind_of_rows_that_fit_saw(texts):
    with pytest.raises(ValueError, match=r"encoder lengths reads text; got numbers of shape \(2, 3\)"):
        TartTransformer(lengths).fit(texts).transform(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"StandardScaler reads tables here, .* got a flat column"):
        TartTransformer(StandardScaler()).fit(np.eye(3)).transform(texts)


MIXED = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [2.0, np.nan, 1, 0], "c": list("xyxz")})


@pytest.mark.parametrize(
    "encoder, X",
    [
        (SimpleImputer(), MIXED[["a", "b"]]),
        (make_column_transformer((StandardScaler(), ["a"]), (OneHotEncoder(), ["c"])), MIXED),
        (OneHotEncoder(), MIXED[["c"]]),
        (TruncatedSVD(2, random_state=0), csr_array(np.eye(4, 5))),
        (DictVectorizer(), [{"a": 1.0}, {"b": 2.0}, {"a": 1.0}, {"c": "x"}]),
        (StandardScaler(), [[1.0, 2.0], [3.0, 5.0]]),
    ],
)
def test_a_wrapped_transformer_gets_the_rows_as_they_are(encoder, X):
    alone = clone(encoder).fit(X).transform(X)
    features = TartTransformer(encoder).fit(X).transform(X)
    assert_allclose(features, alone.toarray() if issparse(alone) else alone, rtol=1e-6)


def test_columns_of_a_wrapped_transformer_are_compared_by_name():
    fitted = TartTransformer(SimpleImputer()).fit(MIXED[["a", "b"]])
    assert list(fitted.feature_names_in_) == ["a", "b"]
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.transform(MIXED[["b", "a"]])


def test_images_reach_a_function():
    images = np.random.default_rng(0).integers(0, 255, size=(5, 4, 4), dtype=np.uint8)
    features = TartTransformer(lambda X: X.reshape(len(X), -1)).fit_transform(images)
    assert_array_equal(features, images.reshape(5, 16))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=4), min_size=1, max_size=20))
def test_each_distinct_text_is_encoded_once_per_call(texts):
    calls = []

    def encode(rows):
        calls.append(rows)
        return lengths(rows)

    transformer = TartTransformer(encode)
    features = transformer.fit_transform(texts)
    assert len(calls) == 1
    assert sorted(calls[0]) == sorted(set(texts))
    assert_array_equal(features, lengths(texts))
    transformer.transform(texts)
    assert len(calls) == 2


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(5)), st.integers(0, 4))
def test_rows_are_transformed_each_on_its_own(order, row):
    texts = np.array(["good film", "bad film", "a very good plot", "the plot", "good"])
    transformer = TartTransformer(TfidfVectorizer(), n_components=3, whiten=True).fit(texts)
    features = transformer.transform(texts)
    assert_allclose(transformer.transform(texts[list(order)]), features[list(order)], rtol=0, atol=1e-6)
    assert_allclose(transformer.transform(texts[[row]]), features[[row]], rtol=0, atol=1e-6)


# Encoders


def test_sklearn_transformer_is_cloned_and_fitted(texts):
    vectorizer = TfidfVectorizer()
    features = TartTransformer(vectorizer).fit_transform(texts)
    assert features.dtype == np.float32
    assert_allclose(features, TfidfVectorizer().fit_transform(texts).toarray(), rtol=0, atol=1e-6)
    assert not hasattr(vectorizer, "vocabulary_")


def test_sklearn_transformer_gets_y():
    class NeedsY(StandardScaler):
        def fit(self, X, y):
            self.seen_ = y
            return super().fit(X)

    assert TartTransformer(NeedsY()).fit(np.eye(3), [1, 2, 3]).encoder_.transformer.seen_ == [1, 2, 3]


def test_sparse_encodings_are_reduced_without_being_made_dense(monkeypatch):
    words = np.array([f"w{i}" for i in range(300)])
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(words, size=12)) for _ in range(60)]
    monkeypatch.setattr(_projection, "_MAX_DENSE_BYTES", 1000)
    features = TartTransformer(TfidfVectorizer(), n_components=3, random_state=0).fit_transform(texts)
    expected = PCA(3, svd_solver="full").fit_transform(TfidfVectorizer().fit_transform(texts).toarray())
    assert_allclose(np.abs(features), np.abs(expected), rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match="so pass n_components, or an encoder with fewer columns"):
        TartTransformer(TfidfVectorizer()).fit_transform(texts)


@pytest.mark.parametrize("n_components", [None, 2])
def test_sparse_numbers_pass(n_components):
    X = np.random.default_rng(0).normal(size=(8, 4)) * np.eye(8, 4)
    expected = TartTransformer(n_components=n_components).fit_transform(X)
    for sparse in (csr_matrix(X), csr_matrix(X).tocoo()):
        features = TartTransformer(n_components=n_components).fit_transform(sparse)
        assert_allclose(features, expected, rtol=0, atol=1e-12)


def test_encodings_are_checked_in_fit_and_transform(texts):
    with pytest.raises(EncoderError, match="encoder fewer must return one vector a row"):
        TartTransformer(lambda_named("fewer", lambda rows: lengths(rows[1:]))).fit(texts)
    transformer = TartTransformer(lambda_named("by_rows", lambda rows: np.zeros((len(rows), len(rows)))))
    with pytest.raises(EncoderError, match="by_rows must return the width it had in fit, 4; got 2, so use"):
        transformer.fit(texts).transform(["a", "b"])


def lambda_named(name, function):
    function.__name__ = name
    return function


def test_without_encoder_precision_is_kept():
    X = np.random.default_rng(0).normal(size=(6, 3))
    assert_array_equal(TartTransformer().fit_transform(X), X)
    for dtype in (np.float32, np.float64):
        assert TartTransformer(n_components=2).fit_transform(X.astype(dtype)).dtype == dtype
    assert TartTransformer().fit_transform(np.eye(3, dtype=int)).dtype == np.float64
    assert TartTransformer(StandardScaler()).fit_transform(X).dtype == np.float32


def test_result_is_no_view_of_the_input():
    X = np.random.default_rng(0).normal(size=(6, 3))
    before = X.copy()
    TartTransformer().fit_transform(X)[:] = 0
    assert_array_equal(X, before)


def test_function_cannot_write_to_the_input():
    X = np.ones((3, 2))
    X.flags.writeable = False

    def spoil(rows):
        rows += 1
        return rows

    assert_array_equal(TartTransformer(spoil).fit_transform(X), np.full((3, 2), 2))
    assert_array_equal(X, np.ones((3, 2)))


def test_refit_forgets(texts):
    transformer = TartTransformer(TfidfVectorizer(), n_components=2, whiten=True).fit(texts)
    transformer.set_params(encoder=lengths, n_components=None, whiten=False)
    assert_array_equal(transformer.fit(texts).transform(texts), lengths(texts))
    assert transformer.projection_ is None


# scikit-learn's ways


def test_feature_names_and_frames(texts):
    index = list("vwxyz")
    transformer = TartTransformer(lengths).set_output(transform="pandas")
    frame = transformer.fit_transform(pd.Series(texts, index=index))
    assert list(frame.columns) == ["tarttransformer0", "tarttransformer1"]
    assert list(frame.index) == index
    assert_array_equal(transformer.transform(texts), lengths(texts))
    polars = clone(transformer).set_output(transform="polars").fit(texts).transform(pl.Series(texts))
    assert isinstance(polars, pl.DataFrame)
    assert polars.columns == list(transformer.get_feature_names_out())
    assert transformer.n_features_out_ == 2


def test_attributes_of_the_input_only_for_numbers(texts):
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 5.0]})
    transformer = TartTransformer(lambda_named("any_rows", lambda rows: np.ones((len(rows), 2)))).fit(frame)
    assert transformer.n_features_in_ == 2
    assert list(transformer.feature_names_in_) == ["a", "b"]
    transformer.fit(texts)
    assert not hasattr(transformer, "n_features_in_")
    assert not hasattr(transformer, "feature_names_in_")


@pytest.mark.parametrize(
    "encoder, text", [("all-MiniLM-L6-v2", True), (CountVectorizer(), True), (None, False), (np.tanh, False)]
)
def test_tags(encoder, text):
    tags = get_tags(TartTransformer(encoder)).input_tags
    assert (tags.string, tags.one_d_array, tags.two_d_array) == (text, text, True)


def test_search_over_encoder_parameters_in_processes(texts):
    pipeline = make_pipeline(TartTransformer(CountVectorizer(), n_components=2), LogisticRegression())
    grid = {"tarttransformer__encoder__analyzer": ["word", "char"]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(texts * 2, [1, 0, 1, 0, 1] * 2)
    assert search.best_score_ == 1


def test_one_load_serves_a_whole_search(texts, model_folder):
    _sentence._load.cache_clear()
    pipeline = make_pipeline(TartTransformer(model_folder, device="cpu"), LogisticRegression())
    search = GridSearchCV(pipeline, {"tarttransformer__n_components": [None, 2]}, cv=2)
    search.fit(texts * 2, [1, 0, 1, 0, 1] * 2)
    assert _sentence._load.cache_info().misses == 1


def test_each_text_column_has_its_own(texts):
    frame = pd.DataFrame({"title": texts, "body": texts[::-1]})
    columns = ColumnTransformer([(name, TartTransformer(lengths), name) for name in frame])
    expected = np.hstack([lengths(texts), lengths(texts[::-1])])
    assert_array_equal(columns.fit_transform(frame), expected)


# Persistence


def test_pickle_holds_the_name_and_loads_in_a_new_process(tmp_path, texts, model_folder):
    transformer = TartTransformer(str(model_folder), n_components=2, device="cpu").fit(texts)
    pickled = pickle.dumps(transformer)
    assert len(pickled) < 3000
    features = transform_elsewhere(pickled, tmp_path, texts)
    assert_allclose(features, transformer.transform(texts), rtol=0, atol=1e-6)


def test_instance_is_used_pickled_and_cloned(texts, model_folder):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(model_folder), device="cpu")
    transformer = TartTransformer(model).fit(texts)
    assert transformer.encoder_.source is model
    features = transformer.transform(texts)
    assert_array_equal(pickle.loads(pickle.dumps(transformer)).transform(texts), features)
    assert_array_equal(clone(transformer).fit_transform(texts), features)


def test_minilm_by_its_short_name():
    texts = ["wonderful film", "great movie", "awful film", "terrible movie"]
    model = make_pipeline(TartTransformer("all-MiniLM-L6-v2", device="cpu"), LogisticRegression(C=100))
    model.fit(texts, ["good", "good", "bad", "bad"])
    assert list(model.predict(["I loved it", "I hated it"])) == ["good", "bad"]


def test_failed_fit_leaves_no_mixture_with_a_former_one():
    transformer = TartTransformer().fit([[0.0, 1.0], [1.0, 0.0]])
    with pytest.raises(ValueError, match="NaN"):
        transformer.set_params(n_components=1).fit([[np.nan, 1.0]])
    with pytest.raises(NotFittedError, match="not fitted yet"):
        transformer.transform([[0.0, 1.0]])
