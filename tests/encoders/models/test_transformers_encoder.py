"""Encoders from transformers models against direct calls of transformers, and what they refuse."""

import pickle
import shutil

import numpy as np
import pytest
import torch
import transformers as tf
from conftest import transform_elsewhere
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags
from tiny_models import build_causal_lm

from sktart.encoders._options import ModelOptions
from sktart.encoders.models import _texts
from sktart.encoders.models._pretrained import load_pretrained
from sktart.estimators._transformer import TartTransformer
from sktart.exceptions import EncoderError

# One of the texts below is longer than what tiny models read.
pytestmark = pytest.mark.filterwarnings("ignore:.* texts are longer than:UserWarning")

CAUSAL = ["gpt2", "gpt_neo", "gpt_neox", "bloom", "opt", "llama"]
TEXTS = [
    "good film",
    "a very good plot, not a bad film, " * 12,  # beyond every limit
    "the film",
    "bad",
    "a very bad plot " * 3,
    "good film",
    "é 漢",
]
RATE = 16000


def sounds(*lengths):
    rng = np.random.default_rng(0)
    return [rng.normal(scale=0.1, size=length).astype(np.float32) for length in lengths]


RNG = np.random.default_rng(0)
CLIPS = [*sounds(160, 8000, 8000, 12345, 400, 32000, 16000), np.zeros(3000, dtype=np.float32)]
IMAGES = [
    RNG.integers(0, 256, size=shape, dtype=np.uint8)
    for shape in [(20, 30), (40, 40, 3), (8, 9, 1), (64, 64, 3), (33, 7, 3)]
]
ROWS = {"text": TEXTS, "image": IMAGES, "audio": CLIPS}


def rows_for(kind, modality):
    # The feature extractor of wav2vec2-bert takes no clip below two frames.
    return [clip for clip in CLIPS if len(clip) > 700] if kind == "wav2vec2-bert" else ROWS[modality]


def encoder_for(modality, folder, **options):
    return TartTransformer(folder, **({"sampling_rate": RATE} if modality == "audio" else {}), **options)


def direct(folder, loader):
    model = tf.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    return model, getattr(tf, loader).from_pretrained(folder)


def direct_texts(folder, texts, limit, pooling, layer):
    """Run texts one by one through transformers, without padding."""
    model, tokenizer = direct(folder, "AutoTokenizer")
    model = model.get_encoder() if model.config.is_encoder_decoder else model
    rows = []
    for text in texts:
        tokens = tokenizer(text, return_tensors="pt", truncation=limit is not None, max_length=limit)
        with torch.inference_mode():
            output = model(**tokens, output_hidden_states=True)
        states = (output.last_hidden_state if layer is None else output.hidden_states[layer])[0]
        rows.append({"mean": states.mean(0), "last": states[-1], "cls": states[0]}[pooling])
    return torch.stack(rows).numpy()


# Equal to transformers, row by row


@pytest.mark.parametrize(
    "pooling, layer", [("mean", None), ("last", None), ("cls", 1), ("mean", 0), ("last", -2)]
)
@pytest.mark.parametrize("kind", [*CAUSAL, "bert", "roberta", "t5"])
def test_texts_equal_the_direct_call(tiny, kind, pooling, layer):
    folder = tiny(kind)
    limit = load_pretrained(folder, ModelOptions()).max_length
    expected = direct_texts(folder, TEXTS, limit, pooling, layer)
    given = None if pooling == "mean" else pooling
    transformer = TartTransformer(folder, pooling=given, layer=layer, batch_size=3, device="cpu")
    encodings = transformer.fit_transform(TEXTS)
    assert encodings.dtype == np.float32
    assert np.abs(expected).mean() > 0.01
    # Unlike the others, T5 has states of a size of about 50.
    assert_allclose(encodings, expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("kind", ["vit", "resnet"])
def test_images_equal_the_direct_call(tiny, kind):
    from PIL import Image

    model, processor = direct(tiny(kind), "AutoImageProcessor")
    rows = []
    for image in IMAGES:
        pixels = processor(Image.fromarray(image.squeeze()).convert("RGB"), return_tensors="pt")
        with torch.inference_mode():
            states = model(**pixels).last_hidden_state
        rows.append((states.flatten(2).mean(2) if kind == "resnet" else states.mean(1))[0])
    encodings = TartTransformer(tiny(kind), batch_size=2, device="cpu").fit_transform(IMAGES)
    assert_allclose(encodings, torch.stack(rows), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["whisper", "wav2vec2", "hubert", "wavlm", "wav2vec2-bert"])
def test_clips_equal_the_direct_call(tiny, kind):
    model, extractor = direct(tiny(kind), "AutoFeatureExtractor")
    clips, rows = rows_for(kind, "audio"), []
    for clip in clips:
        features = extractor(clip, sampling_rate=RATE, return_tensors="pt")
        with torch.inference_mode():
            if kind == "whisper":
                # Frames of 10 ms, two a state; behind them is the silence of the padding.
                n_states = -(-len(clip) // 320)
                states = model.get_encoder()(**features).last_hidden_state[:, :n_states]
            else:
                states = model(**features).last_hidden_state
                if kind == "wav2vec2-bert":  # which pads each clip to an even number of frames
                    states = states[:, : int(features["attention_mask"].sum())]
        rows.append(states.mean(1)[0])
    transformer = TartTransformer(tiny(kind), sampling_rate=RATE, batch_size=3, device="cpu")
    assert_allclose(transformer.fit_transform(clips), torch.stack(rows), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "kind",
    [*CAUSAL, "bert", "roberta", "t5", "vit", "whisper", "wav2vec2", "hubert", "wavlm", "wav2vec2-bert"],
)
def test_batches_and_other_rows_change_nothing(tiny, kind):
    modality = load_pretrained(tiny(kind), ModelOptions()).modality
    rows = rows_for(kind, modality)
    transformer = encoder_for(modality, tiny(kind), device="cpu").fit(rows)
    encodings = transformer.transform(rows)
    assert_allclose(
        np.concatenate([transformer.transform([row]) for row in rows]), encodings, rtol=0, atol=1e-5
    )
    order = np.random.default_rng(0).permutation(len(rows))
    mixed = encoder_for(modality, tiny(kind), batch_size=2, device="cpu").fit(rows)
    assert_allclose(mixed.transform([rows[row] for row in order]), encodings[order], rtol=0, atol=1e-5)


# Texts


def test_padding_side_and_missing_pad_token_do_not_matter(tiny, tmp_path):
    model, tokenizer = direct(tiny("gpt_neo"), "AutoTokenizer")
    assert tokenizer.pad_token is None
    expected = TartTransformer(tiny("gpt_neo"), device="cpu").fit_transform(TEXTS)
    tokenizer.padding_side = tokenizer.truncation_side = "left"
    assert_allclose(TartTransformer((model, tokenizer)).fit_transform(TEXTS), expected, rtol=0, atol=1e-5)
    assert tokenizer.padding_side == tokenizer.truncation_side == "left"
    assert tokenizer.pad_token is None
    assert model.get_input_embeddings().num_embeddings == 300


def test_a_column_of_texts(tiny):
    transformer = TartTransformer(tiny("gpt2"), device="cpu")
    column = np.array(TEXTS)[:, np.newaxis]
    assert_array_equal(transformer.fit_transform(column), transformer.fit_transform(TEXTS))


def test_empty_text_is_the_end_token(tiny):
    transformer = TartTransformer(tiny("gpt2"), device="cpu").fit(["", "good"])
    assert_array_equal(transformer.transform([""]), transformer.transform(["<|endoftext|>"]))


def test_empty_text_without_special_tokens_is_refused(tiny):
    model, tokenizer = direct(tiny("gpt2"), "AutoTokenizer")
    tokenizer.eos_token = tokenizer.bos_token = tokenizer.unk_token = None
    model.config.pad_token_id = None
    transformer = TartTransformer((model, tokenizer))
    assert transformer.fit_transform(["good film", "bad"]).shape == (2, 32)
    with pytest.raises(EncoderError, match=r"at least one token of each text; .* drop or fill empty"):
        transformer.transform([""])


def test_limits_of_the_user_and_of_the_tokenizer_cut(tiny, tmp_path):
    limited = build_causal_lm(tmp_path, "bloom", max_length=5)
    for folder, limit, given in [(tiny("gpt2"), 3, 3), (limited, 5, None)]:
        cut = TartTransformer(folder, max_length=given, device="cpu").fit_transform(TEXTS)
        assert_allclose(cut, direct_texts(folder, TEXTS, limit, "mean", None), rtol=0, atol=1e-5)


def test_unknown_inputs_of_a_tokenizer_are_left_out(tiny):
    model, tokenizer = direct(tiny("gpt_neox"), "AutoTokenizer")
    expected = TartTransformer((model, tokenizer)).fit_transform(TEXTS)
    tokenizer.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
    assert_array_equal(TartTransformer((model, tokenizer)).fit_transform(TEXTS), expected)


def test_long_and_many_texts_are_split_by_tokens(tiny, monkeypatch):
    seen = []
    model, tokenizer = direct(tiny("gpt2"), "AutoTokenizer")
    forward = model.forward

    def record(*, input_ids, **inputs):
        seen.append(tuple(input_ids.shape))
        return forward(input_ids=input_ids, **inputs)

    monkeypatch.setitem(_texts._MAX_TOKENS, "cpu", 100)
    transformer = TartTransformer((model, tokenizer), batch_size=16).fit(["good"])
    monkeypatch.setattr(type(model), "forward", staticmethod(record))
    texts = ["a good film " * length for length in range(1, 30)]
    transformer.transform(texts)
    assert sum(rows for rows, _ in seen) == len(texts)
    assert all(rows * longest <= 100 for rows, longest in seen if rows > 1)
    assert max(rows for rows, _ in seen) >= 4


# Sound


def test_clips_are_resampled(tiny):
    fast = np.sin(2 * np.pi * 300 * np.arange(0, 0.5, 1 / 48000))
    slow = {"array": fast[::3], "sampling_rate": RATE}
    transformer = TartTransformer(tiny("whisper"), sampling_rate=48000, device="cpu")
    assert_allclose(*transformer.fit_transform([fast, slow]), rtol=0, atol=0.05)


def test_only_the_beginning_of_a_clip_is_read_if_asked(tiny):
    long = sounds(2 * RATE + 1)
    whole = TartTransformer(tiny("whisper"), sampling_rate=RATE, max_length=1).fit_transform(long)
    cut = TartTransformer(tiny("whisper"), sampling_rate=RATE).fit_transform([long[0][:RATE]])
    assert_array_equal(whole, cut)


def test_the_shortest_clip(tiny):
    transformer = TartTransformer(tiny("wav2vec2"), sampling_rate=RATE)
    assert np.isfinite(transformer.fit_transform(sounds(30))).all()
    with pytest.raises(ValueError, match=r"least 30 samples at 16000 Hz \(0.00187 s\) .* row 1 has 29, so"):
        transformer.fit(sounds(30, 29))


def test_clip_too_short_for_the_feature_extractor(tiny):
    class Picky(tf.Wav2Vec2FeatureExtractor):
        def __call__(self, samples, **options):
            raise ValueError("negative dimensions")

    model = tf.AutoModel.from_pretrained(tiny("wav2vec2"))
    with pytest.raises(ValueError, match=r"row 0 has 9 samples at 16000 Hz \(negative dimensions\), so drop"):
        TartTransformer((model, Picky()), sampling_rate=RATE).fit(sounds(9))


# Any model


@pytest.mark.parametrize("dtype, atol", [("float64", 1e-5), ("bfloat16", 0.1), ("float16", 0.05)])
def test_dtype(tiny, dtype, atol):
    transformer = TartTransformer(tiny("gpt_neo"), dtype=dtype, device="cpu").fit(TEXTS)
    encodings = transformer.transform(TEXTS)
    model = load_pretrained(tiny("gpt_neo"), transformer.encoder_.options).model
    assert {weight.dtype for weight in model.parameters()} == {getattr(torch, dtype)}
    assert encodings.dtype == np.float32
    expected = TartTransformer(tiny("gpt_neo"), device="cpu").fit_transform(TEXTS)
    assert_allclose(encodings, expected, rtol=0, atol=atol)


def test_half_precision_checkpoints_are_read_as_float32(tiny, tmp_path):
    """By default, transformers keeps the precision of the checkpoint."""
    shutil.copytree(tiny("gpt2"), tmp_path / "half")
    tf.AutoModel.from_pretrained(tiny("gpt2")).half().save_pretrained(tmp_path / "half")
    transformer = TartTransformer(tmp_path / "half", device="cpu").fit(TEXTS)
    pretrained = load_pretrained(tmp_path / "half", transformer.encoder_.options)
    assert pretrained.model.dtype == torch.float32


def test_model_without_hidden_states(tiny):
    class Odd(tf.BertModel):
        def forward(self, input_ids, attention_mask, output_hidden_states):
            return tf.utils.ModelOutput(logits=torch.zeros(1))

    pair = Odd.from_pretrained(tiny("bert")), tf.AutoTokenizer.from_pretrained(tiny("bert"))
    with pytest.raises(EncoderError, match="must return hidden states; Odd returns logits, so choose"):
        TartTransformer(pair).fit(TEXTS)


@pytest.mark.parametrize(
    "kind, rows, message",
    [
        ("vit", TEXTS, "reads images, but row 0 holds 'good film', which is no file; pass PIL images"),
        ("vit", np.zeros((3, 64)), r"reads images; got numbers of shape \(3, 64\): reshape flat pixels"),
        ("whisper", TEXTS, "reads sound, but row 0 holds 'good film', which is no file; pass 1-D arrays"),
        ("gpt2", IMAGES, r"reads text, but row 0 holds array\("),
        ("gpt2", np.zeros((3, 8, 8), dtype=np.uint8), r"reads text; got numbers of shape \(3, 8, 8\)"),
        ("whisper", sounds(2 * RATE + 1), "at most 2 s .*; row 0 lasts 2.0 s, .* pass max_length=2"),
    ],
)
def test_rows_of_another_kind_or_length(tiny, kind, rows, message):
    with pytest.raises(ValueError, match=message):
        TartTransformer(tiny(kind), sampling_rate=RATE if kind == "whisper" else None).fit(rows)


@pytest.mark.parametrize(
    "kind, options, message",
    [
        ("gpt2", {"sampling_rate": 8000}, "sampling_rate must stay None, as .*gpt2.* reads text; got 8000"),
        ("vit", {"max_length": 7}, "max_length must stay None, as encoder .*vit.* reads image; got 7"),
        ("gpt2", {"layer": 4}, "layer must be from -4 to 3 for .*gpt2.*got 4"),
        ("gpt2", {"layer": -5}, "layer must be from -4 to 3 for .*gpt2.*got -5"),
        ("gpt2", {"max_length": 65}, "max_length must be at most 64 tokens, the limit of .*; got 65"),
        ("roberta", {"max_length": 31}, "max_length must be at most 30 tokens"),
        ("bert", {"max_length": 2}, "max_length must be at least 3 tokens, as .* 2 special ones .* got 2"),
        ("whisper", {"max_length": 3, "sampling_rate": RATE}, "max_length must be at most 2 seconds"),
    ],
)
def test_options_of_another_kind_or_range(tiny, kind, options, message):
    rows = {"vit": IMAGES, "whisper": CLIPS}.get(kind, TEXTS)
    with pytest.raises(ValueError, match=message):
        TartTransformer(tiny(kind), **options).fit(rows)


def test_pickle_holds_the_name_and_works_elsewhere(tiny, tmp_path):
    transformer = TartTransformer(tiny("gpt2"), n_components=2, device="cpu").fit(TEXTS)
    pickled = pickle.dumps(transformer)
    assert len(pickled) < 4000
    features = transform_elsewhere(pickled, tmp_path, TEXTS)
    assert_allclose(features, transformer.transform(TEXTS), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "kind, modality, loader, processor",
    [
        ("gpt2", "text", "AutoModelForCausalLM", "AutoTokenizer"),  # with its head on
        ("whisper", "audio", "AutoModel", "AutoFeatureExtractor"),  # of several parts
        ("vit", "image", "AutoModel", "AutoImageProcessor"),
    ],
)
def test_loaded_model_with_processor(tiny, kind, modality, loader, processor):
    rows = ROWS[modality]
    expected = encoder_for(modality, tiny(kind), device="cpu").fit_transform(rows)
    pair = tuple(getattr(tf, part).from_pretrained(tiny(kind)) for part in (loader, processor))
    transformer = encoder_for(modality, pair).fit(rows)
    assert get_tags(transformer).input_tags.string is (kind == "gpt2")
    copy = pickle.loads(pickle.dumps(clone(transformer).fit(rows)))
    for given in (transformer, copy):
        assert_allclose(given.transform(rows), expected, rtol=0, atol=1e-6)


# scikit-learn's ways


@pytest.mark.parametrize("kind, text", [("gpt2", True), ("bert", True), ("vit", False), ("whisper", False)])
def test_tags(tiny, kind, text):
    tags = get_tags(TartTransformer(tiny(kind))).input_tags
    assert (tags.string, tags.one_d_array, tags.two_d_array) == (text, text, True)


def test_images_in_a_pipeline(tiny):
    from PIL import Image

    rng, y = np.random.default_rng(0), np.array([0, 1] * 8)
    images = (rng.integers(0, 100, size=(16, 12, 12, 3)) + 150 * y[:, None, None, None]).astype(np.uint8)
    model = make_pipeline(TartTransformer(tiny("vit"), device="cpu"), LogisticRegression())
    for X in (images, [Image.fromarray(image) for image in images]):
        assert_array_equal(cross_val_score(model, X, y, cv=2), [1, 1])
