"""Models that put texts and images, or texts and sound, into one space, against direct calls of transformers."""

import pickle

import numpy as np
import pytest
import torch
import transformers as tf
from conftest import transform_elsewhere
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from tiny_models import build

from sktart.encoders._resolve import resolve_encoder
from sktart.encoders.models._paired import PairedEncoder
from sktart.estimators._transformer import TartTransformer
from sktart.exceptions import EncoderError

RNG = np.random.default_rng(0)
RATE = 16_000
TEXTS = ["good film", "a very bad plot", "the cast was fine", "good"]
IMAGES = [
    RNG.integers(0, 256, size=shape, dtype=np.uint8) for shape in [(20, 30, 3), (40, 40, 3), (33, 7, 3)]
]
CLIPS = [RNG.normal(scale=0.1, size=size).astype(np.float32) for size in (8000, 32_000, 12_345)]
OTHERS = {"clip": IMAGES, "siglip": IMAGES, "clap": CLIPS}


def encoder_for(folder, kind, **options):
    return TartTransformer(folder, sampling_rate=RATE if kind == "clap" else None, **options)


def direct(folder, kind, rows):
    """Run rows one by one through transformers."""
    model = tf.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    texts = isinstance(rows[0], str)
    loader = (
        tf.AutoTokenizer if texts else tf.AutoFeatureExtractor if kind == "clap" else tf.AutoImageProcessor
    )
    processor = loader.from_pretrained(folder)
    vectors = []
    for row in rows:
        with torch.inference_mode():
            if texts:
                padding = {"padding": "max_length", "max_length": 16} if kind == "siglip" else {}
                tokens = processor(row, truncation=True, return_tensors="pt", **padding)
                if kind == "siglip":
                    tokens.pop("attention_mask")
                output = model.get_text_features(**tokens)
            elif kind == "clap":
                output = model.get_audio_features(**processor(row, sampling_rate=RATE, return_tensors="pt"))
            else:
                output = model.get_image_features(processor(row, return_tensors="pt").pixel_values)
        vectors.append(torch.nn.functional.normalize(output.pooler_output)[0].numpy())
    return np.stack(vectors)


@pytest.mark.parametrize("kind", OTHERS)
def test_both_sides_equal_the_direct_call(tiny, kind):
    transformer = encoder_for(tiny(kind), kind).fit(OTHERS[kind])
    assert type(transformer.encoder_) is PairedEncoder
    assert_allclose(
        transformer.transform(OTHERS[kind]), direct(tiny(kind), kind, OTHERS[kind]), rtol=0, atol=1e-5
    )
    texts = transformer.transform(TEXTS)
    assert_allclose(texts, direct(tiny(kind), kind, TEXTS), rtol=0, atol=1e-5)
    assert_allclose(np.linalg.norm(texts, axis=1), 1, rtol=0, atol=1e-5)
    assert_allclose(encoder_for(tiny(kind), kind).fit_transform(TEXTS), texts, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", OTHERS)
def test_batches_processes_and_calls_change_nothing(tiny, kind, tmp_path):
    for rows in (TEXTS, OTHERS[kind]):
        transformer = encoder_for(tiny(kind), kind).fit(rows)
        together = transformer.transform(rows)
        assert_array_equal(transformer.transform(rows), together)
        alone = np.concatenate([transformer.transform([row]) for row in rows])
        assert_allclose(alone, together, rtol=0, atol=1e-5)
    elsewhere = transform_elsewhere(pickle.dumps(transformer), tmp_path, TEXTS)
    assert_allclose(elsewhere, transformer.transform(TEXTS), rtol=0, atol=1e-5)


def test_siglip_reads_lower_case(tiny):
    texts = encoder_for(tiny("siglip"), "siglip").fit_transform(["Good Film", "good film"])
    assert_array_equal(texts[0], texts[1])


def test_long_texts_are_cut_with_a_warning(tiny):
    transformer = encoder_for(tiny("clip"), "clip")
    with pytest.warns(UserWarning, match=r"1 of 2 texts are longer than the 16 tokens that .* reads"):
        transformer.fit(["good film", "a very good film " * 20])


def test_a_prefix_comes_before_texts(tiny):
    with_prefix = encoder_for(tiny("clip"), "clip", text_prefix="a very ").fit_transform(["bad plot"])
    assert_allclose(with_prefix, direct(tiny("clip"), "clip", ["a very bad plot"]), rtol=0, atol=1e-5)


def test_memory_tells_settings_apart(tiny, tmp_path):
    plain, prefixed = (
        encoder_for(tiny("clip"), "clip", memory=tmp_path, text_prefix=prefix).fit_transform(TEXTS)
        for prefix in (None, "a very ")
    )
    assert abs(plain - prefixed).max() > 0.01
    assert_array_equal(encoder_for(tiny("clip"), "clip", memory=tmp_path).fit_transform(TEXTS), plain)


def test_clips_beyond_the_window_are_refused_or_cut(tiny):
    """The extractor would cut them at a place that it draws at random."""
    long = [np.concatenate([CLIPS[1], CLIPS[0]])]
    with pytest.raises(ValueError, match=r"a clip may last at most 2 s .* pass max_length=2"):
        encoder_for(tiny("clap"), "clap").fit(long)
    cut = encoder_for(tiny("clap"), "clap", max_length=2).fit_transform(long)
    assert_array_equal(cut, encoder_for(tiny("clap"), "clap").fit_transform([CLIPS[1]]))


def test_a_longer_cut_than_the_window_is_refused(tiny):
    with pytest.raises(
        ValueError, match="max_length must be at most 2 seconds, the limit of this model; got 3"
    ):
        encoder_for(tiny("clap"), "clap", max_length=3).fit(CLIPS)


def test_models_that_mark_a_clip_at_random_are_refused(tmp_path):
    folder = build(tmp_path / "clap", "clap", fusion=True)
    with pytest.raises(EncoderError, match="those that fuse mark one of a call at random"):
        encoder_for(folder, "clap").fit(CLIPS)


def test_a_mistyped_path_is_no_text(tiny, tmp_path):
    Image.fromarray(IMAGES[0]).save(tmp_path / "0.png")
    transformer = encoder_for(tiny("clip"), "clip").fit(IMAGES)
    assert transformer.transform([tmp_path / "0.png"]).shape == (1, 24)
    with pytest.raises(
        ValueError, match=r"rows that end like files of image must be such files; there is no 'typo.png'"
    ):
        transformer.transform([tmp_path / "0.png", "typo.png"])


@pytest.mark.parametrize(
    "kind, option", [("clip", {"pooling": "cls"}), ("clap", {"layer": 1}), ("siglip", {"max_length": 3})]
)
def test_options_that_would_be_ignored_are_refused(tiny, kind, option):
    with pytest.raises(ValueError, match=r"must stay None, as encoder .* has its own way to make one vector"):
        encoder_for(tiny(kind), kind, **option).fit(OTHERS[kind])


def test_other_weights_than_in_fit_are_refused(tmp_path):
    transformer = encoder_for(build(tmp_path / "clip", "clip"), "clip").fit(TEXTS)
    build(tmp_path / "clip", "clip", seed=1)
    with pytest.raises(EncoderError, match="must have the weights it had in fit"):
        transformer.transform(TEXTS)


def test_kinds_are_told_by_the_configuration(tiny, tmp_path):
    assert type(resolve_encoder(tiny("clap"))) is PairedEncoder
    assert repr(resolve_encoder("clip-vit-base-patch32")) == "PairedEncoder(clip-vit-base-patch32)"
