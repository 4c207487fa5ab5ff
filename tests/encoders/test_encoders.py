import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from sktart.encoders import SHORT_NAMES, ModelOptions, reads_only_text, resolve_encoder
from sktart.encoders._base import as_encodings, encode_distinct
from sktart.encoders.models import _sentence
from sktart.exceptions import EncoderError

MINILM = SHORT_NAMES["all-MiniLM-L6-v2"]


@pytest.mark.parametrize(
    "given, name, reads",
    [
        (None, "encoder=None", "numbers"),
        ("all-MiniLM-L6-v2", "all-MiniLM-L6-v2", "text"),
        (TfidfVectorizer(), "TfidfVectorizer", "text"),
        (make_pipeline(TfidfVectorizer(), StandardScaler()), "Pipeline", "text"),
        (StandardScaler(), "StandardScaler", "rows"),
        (make_union(TfidfVectorizer(), CountVectorizer()), "FeatureUnion", "text"),
        (np.tanh, "tanh", "any"),
    ],
)
def test_resolve(given, name, reads):
    encoder = resolve_encoder(given)
    assert (encoder.name, encoder.reads) == (name, reads)
    assert reads_only_text(given) is (reads == "text")
    assert len(repr(encoder)) < 200


def test_resolve_folders_and_hub_ids(model_folder):
    assert resolve_encoder(model_folder).source == resolve_encoder(str(model_folder)).source == model_folder
    assert resolve_encoder(MINILM.repo).source == MINILM


@pytest.mark.parametrize(
    "given, message",
    [
        ("all-minilm-l6-v2", "did you mean 'all-MiniLM-L6-v2'"),
        ("zzz", "short names are .*all-MiniLM-L6-v2, "),
        ("", "has no modules.json and no config.json"),
        ("./missing/folder", "'./missing/folder' is neither a known short name nor a folder nor a Hub id"),
        (
            Path("missing"),
            "the encoder's folder '.*missing' is not there: copy it to that place, or fit with",
        ),
        (TfidfVectorizer, "must be an instance; got the class TfidfVectorizer, so call it first"),
        (3, "must be None, a name, .* or a callable; got int 3"),
    ],
)
def test_resolve_refuses(given, message):
    with pytest.raises(EncoderError, match=message):
        resolve_encoder(given)


def test_transformer_without_tags_may_read_anything():
    class Plain:
        def fit(self, rows, y=None):
            return self

        def transform(self, rows):
            return [[len(row)] for row in rows]

        def get_params(self, deep=False):
            return {}

    encoder = resolve_encoder(Plain())
    assert encoder.reads == "rows"
    assert_array_equal(encoder.fit_encode(["ab", "c"]), [[2], [1]])


# What encoders return


@pytest.mark.parametrize(
    "result, message",
    [
        (np.zeros(3), r"one vector a row, shape \(3, width\); got shape \(3,\)"),
        (np.zeros((3, 2, 2)), r"got shape \(3, 2, 2\), so pool"),
        (np.zeros((2, 4)), r"got shape \(2, 4\)"),
        (np.zeros((3, 0)), r"got shape \(3, 0\)"),
        (csr_array((2, 4)), r"got shape \(2, 4\)"),
        (None, r"got shape \(\)"),
        ([[1], [2, 3], [4]], "a matrix of numbers; got list"),
        (np.array([["a"], ["b"], ["c"]]), "real numbers; got dtype <U1"),
        (np.zeros((3, 1), dtype=complex), "real numbers; got dtype complex128"),
        (np.array([[1.0], [np.nan], [2.0]]), "finite in float32; got NaN or infinity"),
        (np.array([[1.0], [1e300], [2.0]]), "finite in float32; got NaN or infinity"),
        (csr_array([[1.0], [np.inf], [2.0]]), "finite in float32; got NaN or infinity"),
    ],
)
def test_bad_encodings_are_refused(result, message):
    with pytest.raises(EncoderError, match=f"encoder mine must return .*{message}"):
        as_encodings(result, 3, "mine")


def test_encodings_become_float32():
    assert as_encodings([[1], [2]], 2, "mine").dtype == np.float32
    assert as_encodings(csr_array([[1], [2]]).tocoo(), 2, "mine").dtype == np.float32


def test_encode_distinct_repeats_sparse_rows():
    vectors = {"a": [0.0, 1.0], "b": [2.0, 0.0]}
    encodings = encode_distinct("abba", lambda texts: [vectors[text] for text in texts], "mine")
    assert_array_equal(encodings, [vectors[text] for text in "abba"])
    sparse = encode_distinct(list("abba"), lambda texts: csr_array([vectors[text] for text in texts]), "mine")
    assert_array_equal(sparse.toarray(), encodings)


# Sentence encoders


def test_one_load_serves_all(model_folder, monkeypatch):
    import sentence_transformers

    _sentence._load.cache_clear()
    first = resolve_encoder(model_folder).fit_encode(["good film"])
    monkeypatch.setattr(sentence_transformers, "SentenceTransformer", None)
    assert_array_equal(resolve_encoder(model_folder).fit_encode(["good film"]), first)


def test_equals_sentence_transformers(model_folder, texts):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(model_folder), device="cpu")
    for given in (model_folder, model):
        encodings = resolve_encoder(given, ModelOptions(batch_size=2, device="cpu")).fit_encode(texts)
        assert encodings.dtype == np.float32
        assert_allclose(encodings, model.encode(texts), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "modalities, as_input", [(("text",), str), (("text", "image"), lambda text: {"text": text})]
)
def test_texts_and_options_reach_the_model(texts, modalities, as_input):
    """As texts, even if one looks like the address of an image that the model would read."""
    from sentence_transformers import SentenceTransformer

    class Recorder(SentenceTransformer):
        def encode(self, inputs, **options):
            self.seen = inputs, options["batch_size"], options["device"]
            return np.zeros((len(inputs), 2))

    Recorder.modalities = modalities
    model, texts = Recorder(modules=[torch.nn.Identity()]), ["http://example.org/cat.jpg", *texts]
    resolve_encoder(model, ModelOptions(batch_size=7, device="cpu")).fit_encode(texts)
    assert model.seen == ([as_input(text) for text in texts[:-1]], 7, "cpu")  # the last one comes twice


def test_half_precision_weights_are_read_as_float32(tmp_path, model_folder):
    from sentence_transformers import SentenceTransformer

    SentenceTransformer(str(model_folder), device="cpu").half().save(str(tmp_path / "half"))
    encoder = resolve_encoder(tmp_path / "half", ModelOptions(device="cpu"))
    half = encoder.fit_encode(["good film"])
    assert {weight.dtype.itemsize for weight in encoder._load()[0].parameters()} == {4}
    assert_allclose(half, resolve_encoder(model_folder).fit_encode(["good film"]), rtol=0, atol=0.02)


@pytest.mark.parametrize("dtype, error", [("float64", 1e-6), ("bfloat16", 0.05)])
def test_precision(model_folder, dtype, error):
    texts = ["good film", "a very bad plot"]
    encoder = resolve_encoder(model_folder, ModelOptions(device="cpu", dtype=dtype))
    vectors = encoder.fit_encode(texts)
    assert vectors.dtype == np.float32
    assert {str(weight.dtype) for weight in encoder._load()[0].parameters()} == {f"torch.{dtype}"}
    assert_allclose(vectors, resolve_encoder(model_folder).fit_encode(texts), rtol=0, atol=error)
    plain = resolve_encoder(model_folder)
    plain.fit(texts)
    assert encoder.identity() != plain.identity()


def test_minilm_knows_what_texts_mean(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    vectors = resolve_encoder("all-MiniLM-L6-v2", ModelOptions(device="cpu")).fit_encode(
        [
            "The film was wonderful.",
            "I loved this movie.",
            "Interest rates rose by half a point.",
            "The central bank tightened its policy.",
        ]
    )
    similar = vectors @ vectors.T
    assert vectors.shape == (4, 384)
    assert_allclose(np.diag(similar), 1, rtol=0, atol=1e-5)
    assert min(similar[0, 1], similar[2, 3]) > similar[:2, 2:].max() + 0.2
