import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import build_sentence_transformer
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


def test_resolve_folder(model_folder):
    for folder in (model_folder, str(model_folder)):
        assert resolve_encoder(folder).source == model_folder


def test_hub_id_of_a_short_name_is_the_short_name():
    assert resolve_encoder(MINILM.repo).source == MINILM


@pytest.mark.parametrize(
    "given, message",
    [
        ("all-minilm-l6-v2", "did you mean 'all-MiniLM-L6-v2'"),
        ("zzz", "short names are all-MiniLM-L6-v2, "),
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


def test_batch_size_reaches_the_model(texts):
    from sentence_transformers import SentenceTransformer

    class Recorder(SentenceTransformer):
        def encode(self, inputs, **options):
            self.seen = inputs, options
            return np.zeros((len(inputs), 2))

    model = Recorder(modules=[torch.nn.Identity()])
    resolve_encoder(model, ModelOptions(batch_size=7, device="cpu")).fit_encode(texts)
    inputs, options = model.seen
    assert inputs == ["good film", "bad film", "a very good plot", "the plot was bad"]
    assert options["batch_size"] == 7
    assert options["device"] == "cpu"


def test_texts_stay_texts_for_a_model_that_reads_images():
    from sentence_transformers import SentenceTransformer

    class Multimodal(SentenceTransformer):
        modalities = ("text", "image")

        def encode(self, inputs, **options):
            self.seen = inputs
            return np.zeros((len(inputs), 2))

    model = Multimodal(modules=[torch.nn.Identity()])
    resolve_encoder(model).fit_encode(["http://example.org/cat.jpg"])
    assert model.seen == [{"text": "http://example.org/cat.jpg"}]


def test_half_precision_weights_are_read_as_float32(tmp_path, model_folder):
    from sentence_transformers import SentenceTransformer

    SentenceTransformer(str(model_folder), device="cpu").half().save(str(tmp_path / "half"))
    encoder = resolve_encoder(tmp_path / "half", ModelOptions(device="cpu"))
    half = encoder.fit_encode(["good film"])
    assert {weight.dtype.itemsize for weight in encoder._load()[0].parameters()} == {4}
    assert_allclose(half, resolve_encoder(model_folder).fit_encode(["good film"]), rtol=0, atol=0.02)


def test_other_weights_than_in_fit_are_refused(tmp_path):
    folder = build_sentence_transformer(tmp_path / "first")
    encoder = resolve_encoder(folder)
    encoder.fit_encode(["good film"])
    shutil.copytree(build_sentence_transformer(tmp_path / "second", seed=1), folder, dirs_exist_ok=True)
    os.utime(folder / "model.safetensors", ns=(2**62, 2**62))
    with pytest.raises(EncoderError, match=r"must have the weights it had in fit, sha256 .* or fit again"):
        encoder.encode(["good film"])


def test_broken_folder(tmp_path, model_folder):
    folder = tmp_path / "broken"
    shutil.copytree(model_folder, folder)
    (folder / "model.safetensors").write_bytes(b"truncated")
    with pytest.raises(EncoderError, match=r"can load; .*broken.* failed with .*download it again"):
        resolve_encoder(folder).fit_encode(["good film"])


@pytest.mark.parametrize("shown", [True, False])
def test_loading_is_silent_and_leaves_the_progress_bar_as_it_was(model_folder, capfd, shown):
    from transformers.utils import logging

    was = logging.is_progress_bar_enabled()
    (logging.enable_progress_bar if shown else logging.disable_progress_bar)()
    _sentence._load.cache_clear()
    try:
        capfd.readouterr()
        resolve_encoder(model_folder).fit_encode(["good film"])
        assert capfd.readouterr() == ("", "")
        assert logging.is_progress_bar_enabled() is shown
    finally:
        (logging.enable_progress_bar if was else logging.disable_progress_bar)()


def test_unknown_device(model_folder):
    with pytest.raises(ValueError, match=r"device must be 'auto' or a device .* got 'tpu9'"):
        resolve_encoder(model_folder, ModelOptions(device="tpu9")).fit_encode(["good film"])


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


def test_resolving_imports_no_torch():
    code = (
        "import sys; from sktart.encoders import resolve_encoder; resolve_encoder('all-MiniLM-L6-v2');"
        "sys.exit('torch' in sys.modules or 'sentence_transformers' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False)
    assert run.returncode == 0
