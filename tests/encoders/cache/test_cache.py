import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import tiny_models
from counting import HUNDRED, Counting
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktart.encoders import ModelOptions, resolve_encoder, with_memory
from sktart.encoders.cache._cached import CachedEncoder, digest_row
from sktart.encoders.in_context._encoder import InContextEncoder
from sktart.encoders.models import _sentence
from sktart.encoders.models._sentence import SentenceEncoder
from sktart.encoders.models._transformers import TransformersEncoder
from sktart.estimators._transformer import TartTransformer
from sktart.exceptions import EncoderError
from sktart.rows._clips import Clip

TARGETS = np.arange(100) % 3 == 0  # of HUNDRED
LABELS = [1, 0, 1, 0, 1]  # of `texts`


@pytest.fixture
def counting(tmp_path):
    return Counting(tmp_path / "log")


@pytest.fixture
def encoded(monkeypatch):
    """Return a list to which each row that a model encodes is appended."""
    rows = []
    encodes = [(encoder, "encode") for encoder in (SentenceEncoder, TransformersEncoder, InContextEncoder)]
    for encoder, name in [*encodes, (InContextEncoder, "encode_context")]:

        def recorded(self, *given, method=encoder.__dict__[name]):
            rows.extend(given[0] if given else ["context"])
            return method(self, *given)

        monkeypatch.setattr(encoder, name, recorded)
    return rows


@pytest.fixture(scope="module")
def gpt_folder(tmp_path_factory):
    return tiny_models.build_causal_lm(tmp_path_factory.mktemp("gpt") / "model", "gpt_neo", positions=128)


# A hundred texts are encoded a hundred times


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_nested_searches_encode_each_text_once_and_score_as_without_a_cache(tmp_path, counting, n_jobs):
    model = make_pipeline(TartTransformer(counting, memory=tmp_path / "cache"), LogisticRegression())
    search = GridSearchCV(model, {"tarttransformer__n_components": [1, 2]}, cv=2, n_jobs=n_jobs)
    scores = cross_val_score(search, HUNDRED, TARGETS, cv=2)
    assert sorted(counting.calls()) == sorted(HUNDRED)
    search.set_params(estimator__tarttransformer__memory=None)
    assert_array_equal(scores, cross_val_score(search, HUNDRED, TARGETS, cv=2))


def test_the_next_session_encodes_nothing_and_loads_no_model(tmp_path, counting, model_folder, texts):
    expected = TartTransformer(counting, memory=tmp_path).fit_transform(HUNDRED)
    vectors = TartTransformer(model_folder, memory=tmp_path).fit_transform(texts)
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[2] / "support")!r})
import numpy as np
from counting import Counting, HUNDRED
from sktart import TartTransformer
from sktart.encoders import resolve_encoder
resolve_encoder("all-MiniLM-L6-v2")
features = TartTransformer(Counting({counting.log!r}), memory={str(tmp_path)!r}).fit_transform(HUNDRED)
np.save({str(tmp_path / "features.npy")!r}, features)
vectors = TartTransformer({str(model_folder)!r}, memory={str(tmp_path)!r}).fit_transform({texts!r})
np.save({str(tmp_path / "vectors.npy")!r}, vectors)
sys.exit("torch" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    assert len(counting.calls()) == 100
    assert_array_equal(np.load(tmp_path / "features.npy"), expected)
    assert_array_equal(np.load(tmp_path / "vectors.npy"), vectors)


def test_missing_rows_are_encoded_in_one_call_and_distinct_ones_once(tmp_path, counting):
    transformer = TartTransformer(counting, memory=tmp_path).fit(["a", "b"])
    assert_array_equal(transformer.transform(["c", "a", "dd", "c"])[:, 0], [1, 1, 2, 1])
    assert counting.calls() == ["a", "b", "c", "dd"]


def test_arrays_are_cached_row_by_row(tmp_path):
    seen = []

    def double(rows):
        seen.append(len(rows))
        return 2 * rows

    double.cache_key = "double"  # what it has seen is no part of what it does
    X = np.arange(6.0).reshape(3, 2)
    new = np.vstack([X[::-1], X[:1] + 1])
    transformer = TartTransformer(double, memory=tmp_path)
    assert_array_equal(transformer.fit_transform(X), 2 * X)
    assert_array_equal(transformer.transform(new), 2 * new)
    assert seen == [3, 1]


# What memory may be


def test_a_joblib_memory_shares_the_folder(tmp_path, counting):
    for memory in (tmp_path, str(tmp_path), joblib.Memory(str(tmp_path), verbose=0)):
        transformer = clone(TartTransformer(counting, memory=memory)).fit(["a"])
        pickle.loads(pickle.dumps(transformer)).transform(["a"])
    assert counting.calls() == ["a"]
    assert (tmp_path / "joblib" / "sktart" / "vectors.sqlite3").is_file()


@pytest.mark.parametrize("kind", [str, Path])
def test_a_joblib_memory_clears_the_entries(tmp_path, counting, kind):
    memory = joblib.Memory(kind(tmp_path), verbose=0)  # of a path, it keeps its entries in the folder itself
    TartTransformer(counting, memory=memory).fit(["a"]).transform(["a"])
    memory.clear(warn=False)
    TartTransformer(counting, memory=memory).fit(["a"])
    assert counting.calls() == ["a", "a"]


def test_no_location_is_no_cache(counting):
    memory = joblib.Memory(location=None)
    assert not isinstance(TartTransformer(counting, memory=memory).fit(["a"]).encoder_, CachedEncoder)


@pytest.mark.parametrize("memory", [3, "", TfidfVectorizer(), object()])
def test_other_memory_is_refused(memory):
    with pytest.raises(ValueError, match=r"memory must be None, the path of a folder, or a joblib.Memory"):
        TartTransformer(len, memory=memory).fit(["a"])


def test_numbers_pass_through_without_an_entry(tmp_path):
    X = np.eye(3)
    assert_array_equal(TartTransformer(memory=tmp_path / "cache").fit_transform(X), X)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("encoder", [TfidfVectorizer(), StandardScaler()])
def test_what_learns_from_the_rows_is_refused(tmp_path, encoder):
    with pytest.raises(ValueError, match=r"on the rows, so pass memory=None here, .*Pipeline\(.*memory"):
        TartTransformer(encoder, memory=tmp_path).fit(["a", "b"])


def test_a_folder_that_cannot_be_written_is_refused_before_the_work(tmp_path, counting):
    (tmp_path / "file").write_text("")
    with pytest.raises(EncoderError, match=r"memory must be a folder that can be read and written; .*/file/"):
        TartTransformer(counting, memory=tmp_path / "file").fit(["a"])
    assert counting.calls() == []


def test_sparse_encodings_are_refused(tmp_path):
    def sparse(texts):
        return csr_array(np.ones((len(texts), 2)))

    with pytest.raises(EncoderError, match="memory keeps dense vectors; encoder sparse returns sparse ones"):
        TartTransformer(sparse, memory=tmp_path).fit(["a"])


def test_another_width_than_in_the_cache_is_refused(tmp_path):
    widths = iter([2, 3])

    def encoder(texts):
        return np.ones((len(texts), next(widths)))

    encoder.cache_key = "one width"
    transformer = TartTransformer(encoder, memory=tmp_path).fit(["a"])
    with pytest.raises(EncoderError, match="must return vectors of one width; got 2 and 3 for rows of one"):
        transformer.transform(["a", "b"])


# Rows


def test_rows_of_different_content_have_different_hashes():
    rows = [
        *("1", b"1", 1, 1.0, "", "\ud800", ["1"], ["1", ""]),
        *(np.array(1), np.array([1]), np.array([1.0]), np.array([[1]]), np.array([1], dtype=np.int8)),
        *(Clip(np.zeros(3), 8000), Clip(np.zeros(3), 16000), Clip(np.zeros(4), 8000)),
    ]
    assert len({digest_row(row) for row in rows}) == len(rows)
    assert digest_row(np.ones((4, 2))[::2]) == digest_row(np.ones((2, 2)))


@pytest.mark.parametrize("row", [object(), np.array([None])])
def test_rows_of_other_kinds_are_refused(row):
    with pytest.raises(EncoderError, match="memory= must hash each row, so rows must be texts, arrays"):
        digest_row(row)


# What makes another encoder of a model


def test_a_model_is_neither_run_nor_loaded_again(tmp_path, model_folder, texts, encoded, monkeypatch):
    first = TartTransformer(model_folder, memory=tmp_path).fit_transform(texts)
    assert len(encoded) == 4
    assert_allclose(first, TartTransformer(model_folder).fit_transform(texts), rtol=0, atol=1e-5)
    encoded.clear()
    monkeypatch.setattr(_sentence, "_load", None)
    again = TartTransformer(str(model_folder), memory=tmp_path, batch_size=1, device="cpu")
    assert_array_equal(again.fit(texts).transform(texts[::-1]), first[::-1])
    # Content counts, not the name.
    shutil.copytree(model_folder, tmp_path / "copy")
    assert_array_equal(TartTransformer(tmp_path / "copy", memory=tmp_path).fit_transform(texts), first)
    assert encoded == []


def test_an_instance_is_known_by_its_content(tmp_path, model_folder, texts, encoded):
    import torch
    from sentence_transformers import SentenceTransformer

    def fit(model):
        TartTransformer(model, memory=tmp_path).fit(texts).transform(texts)

    model, same = (SentenceTransformer(str(model_folder), device="cpu") for _ in range(2))
    for given in (model, model, same):
        fit(given)
    assert len(encoded) == 4
    model.max_seq_length = 3
    with pytest.warns(UserWarning, match="4 of 4 texts are longer than the 3 tokens"):
        fit(model)
    assert len(encoded) == 8
    with torch.no_grad():
        next(model.parameters()).data.mul_(2)
    with pytest.warns(UserWarning, match="4 of 4 texts are longer than the 3 tokens"):
        fit(model)
    assert len(encoded) == 12


@pytest.mark.parametrize(
    "file", ["model.safetensors", "1_Pooling/config.json", "tokenizer.json", "sentence_bert_config.json"]
)
def test_each_file_of_a_model_counts(tmp_path, model_folder, file):
    folder = shutil.copytree(model_folder, tmp_path / "model")
    before = identity(folder)
    (folder / file).write_bytes((folder / file).read_bytes() + b" ")
    assert identity(folder) != before


def identity(encoder, **options):
    resolved = resolve_encoder(encoder, ModelOptions(**options))
    resolved.fit(["a good film"])
    return resolved.identity()


@pytest.mark.parametrize(
    "options, same",
    [
        *(({name: value}, False) for name, value in [("pooling", "last"), ("layer", 1), ("max_length", 2)]),
        *(({"dtype": dtype}, False) for dtype in ("bfloat16", "float64")),
        ({"batch_size": 1, "device": "cpu", "progress": False}, True),
        ({"pooling": "mean", "layer": -1}, True),  # what they are by default
    ],
)
def test_only_options_that_matter_count(gpt_folder, options, same):
    assert (identity(gpt_folder, **options) == identity(gpt_folder)) is same


def test_transformers_models_are_cached(tmp_path, gpt_folder, texts, encoded):
    from transformers import AutoModel, AutoTokenizer

    named = TartTransformer(gpt_folder, memory=tmp_path).fit_transform(texts)
    assert_array_equal(TartTransformer(gpt_folder, memory=tmp_path, batch_size=1).fit_transform(texts), named)
    assert len(encoded) == 4
    pair = AutoModel.from_pretrained(gpt_folder), AutoTokenizer.from_pretrained(gpt_folder)
    for _ in range(2):
        given = TartTransformer(pair, memory=tmp_path).fit(texts).transform(texts)
        assert_allclose(given, named, rtol=0, atol=1e-5)
    assert len(encoded) == 8


def test_images_stay_in_their_files_and_count_by_content(tmp_path, encoded):
    from PIL import Image

    folder = tiny_models.build(tmp_path / "vit", "vit")
    pixels = np.random.default_rng(0).integers(0, 256, (3, 9, 7, 3), dtype=np.uint8)
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray(image).save(path)
    transformer = TartTransformer(folder, memory=tmp_path)
    from_files = transformer.fit_transform(paths[:2])
    assert_array_equal(transformer.transform(list(pixels[:2])), from_files)
    assert len(encoded) == 2
    assert_array_equal(transformer.transform(paths)[:2], from_files)
    plain = TartTransformer(folder).fit_transform(paths)
    assert_allclose(transformer.transform(paths), plain, rtol=0, atol=1e-5)
    assert len(encoded) == 6  # of which 3 without a cache


# Protocols


def test_the_context_counts(tmp_path, gpt_folder, texts, encoded):
    cached, plain = (TartTransformer(gpt_folder, memory=memory) for memory in (tmp_path, None))

    def compare(X, y, new):
        encoded.clear()
        features = cached.fit_transform(X, y), cached.transform(texts[:2])
        assert encoded == new
        expected = plain.fit_transform(X, y), plain.transform(texts[:2])
        for ours, theirs in zip(features, expected, strict=True):
            assert_allclose(ours, theirs, rtol=0, atol=1e-5)

    everything = ["context", *texts[:2]]
    for protocol, prompt in [("vanilla", None), ("loo", None), ("loo", "Text: {text}\nMood: {label}\n")]:
        for transformer in (cached, plain):
            transformer.set_params(protocol=protocol, prompt=prompt)
        compare(texts, LABELS, everything)
        compare(texts, LABELS, [])
        compare(texts, [*LABELS[:-1], 0], everything)
        compare(texts[::-1], LABELS[::-1], everything)


def test_a_context_all_of_whose_rows_are_kept_reads_new_ones(tmp_path, gpt_folder, texts, encoded):
    expected = TartTransformer(gpt_folder, protocol="vanilla").fit(texts, LABELS).transform(["new one"])
    cached = TartTransformer(gpt_folder, protocol="vanilla", memory=tmp_path).fit(texts, LABELS)
    encoded.clear()
    fitted = pickle.loads(pickle.dumps(cached.fit(texts, LABELS)))
    assert_allclose(fitted.transform(["new one"]), expected, rtol=0, atol=1e-5)
    assert encoded == ["new one"]


def test_repr_names_both(tmp_path):
    encoder = with_memory(resolve_encoder(len), tmp_path)
    store = f"VectorStore('{tmp_path}/joblib/sktart')"
    assert repr(encoder) == f"CachedEncoder(CallableEncoder(len), {store})"
