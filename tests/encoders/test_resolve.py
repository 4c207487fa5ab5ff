"""From the parameter to the encoder: which kind it is, and which options it takes."""

import numpy as np
import pytest
import transformers as tf
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import StandardScaler

from sktart.encoders import SHORT_NAMES, ModelOptions, reads_only_text, resolve_encoder
from sktart.encoders._locate import kind_of
from sktart.encoders.in_context._encoder import InContextEncoder
from sktart.encoders.models._paired import PairedEncoder
from sktart.encoders.models._sentence import SentenceEncoder
from sktart.encoders.models._transformers import TransformersEncoder
from sktart.encoders.packaged._encoder import PackagedEncoder
from sktart.encoders.packaged._packages import PACKAGED
from sktart.estimators._transformer import TartTransformer
from sktart.exceptions import EncoderError

# Which kind of model


@pytest.mark.parametrize("name", SHORT_NAMES)
def test_short_names(name):
    encoder = resolve_encoder(name)
    assert reads_only_text(name) is (SHORT_NAMES[name].modality == "text")
    if name in PACKAGED:
        assert type(encoder) is PackagedEncoder
        assert encoder.name == name
    else:
        kinds = {"sentence": SentenceEncoder, "transformers": TransformersEncoder, "paired": PairedEncoder}
        assert type(encoder) is kinds[SHORT_NAMES[name].kind]
        assert encoder.source is SHORT_NAMES[name]
        assert SHORT_NAMES[name].repo.endswith("/" + name)


def test_the_hub_has_the_model_of_a_package_too():
    encoder = resolve_encoder("intfloat/multilingual-e5-small")
    assert type(encoder) is SentenceEncoder
    assert encoder.options.text_prefix == "query: "
    assert PACKAGED["multilingual-e5-small"].hub == "intfloat/multilingual-e5-small"


@pytest.mark.parametrize(
    "given, message",
    [
        ("gpt-neo-125M", "did you mean 'gpt-neo-125m'"),
        ("Whisper_Base", "did you mean 'whisper-base'"),
        ("MiniLM", "did you mean 'all-MiniLM-L6-v2' or 'all-MiniLM-L12-v2' or 'paraphrase-MiniLM"),
        ("atuo", "did you mean 'auto'"),
    ],
)
def test_mistyped_short_names(given, message):
    with pytest.raises(EncoderError, match=message):
        resolve_encoder(given)


def test_folder_tells_its_kind(tiny, model_folder):
    assert type(resolve_encoder(tiny("gpt2"))) is TransformersEncoder
    assert type(resolve_encoder(model_folder)) is SentenceEncoder
    assert (kind_of(tiny("gpt2")), kind_of(model_folder)) == ("transformers", "sentence")
    assert [reads_only_text(tiny(kind)) for kind in ("gpt2", "vit", "whisper")] == [True, False, False]
    assert reads_only_text("organisation/unknown")


# Which options


MODEL_ONLY = {
    "text_prefix": "query: ",
    "pooling": "cls",
    "layer": 2,
    "max_length": 9,
    "sampling_rate": 8000,
    "dtype": "bfloat16",
    "revision": "v2",
    "trust_remote_code": True,
}


@pytest.mark.parametrize("option", MODEL_ONLY)
@pytest.mark.parametrize(
    "encoder, name",
    [
        (None, "encoder=None"),
        (TfidfVectorizer(), "TfidfVectorizer"),
        (StandardScaler(), "StandardScaler"),
        (np.tanh, "tanh"),
    ],
)
def test_options_of_pretrained_models_are_refused_by_others(encoder, name, option):
    with pytest.raises(ValueError, match=f"{option} must stay .*, as {name} is no pretrained model; got "):
        TartTransformer(encoder, **{option: MODEL_ONLY[option]}).fit(["good film"])


@pytest.mark.parametrize("option", ["pooling", "layer", "max_length", "sampling_rate"])
def test_sentence_models_have_their_own(model_folder, option):
    for given in ("all-MiniLM-L6-v2", model_folder):
        with pytest.raises(
            ValueError, match=f"{option} must stay .* sentence-transformers model has its own"
        ):
            TartTransformer(given, **{option: MODEL_ONLY[option]}).fit(["good film"])


def test_folder_has_no_revision(tiny, model_folder):
    for folder in (tiny("gpt2"), model_folder):
        with pytest.raises(
            ValueError, match="revision must stay None, as a folder has no revisions; got 'v2'"
        ):
            TartTransformer(folder, revision="v2").fit(["good"])


@pytest.mark.parametrize("option", ["dtype", "revision", "trust_remote_code"])
def test_instances_are_used_as_they_are(tiny, model_folder, option):
    from sentence_transformers import SentenceTransformer

    folder = tiny("gpt2")
    pair = tf.AutoModel.from_pretrained(folder), tf.AutoTokenizer.from_pretrained(folder)
    for given in (pair, SentenceTransformer(str(model_folder), device="cpu")):
        with pytest.raises(ValueError, match=f"{option} must stay .*is used as it is; got"):
            TartTransformer(given, **{option: MODEL_ONLY[option]}).fit(["good"])


def test_all_refused_options_are_named_at_once():
    with pytest.raises(ValueError, match=r"layer must stay None.*\ndtype must stay 'float32'"):
        TartTransformer(layer=1, dtype="float64").fit([[1.0]])


@pytest.mark.parametrize(
    "options",
    [
        {"protocol": "both"},
        {"pooling": "max"},
        {"layer": 1.5},
        {"max_length": 0},
        {"sampling_rate": 16e3},
        {"dtype": "int8"},
        {"revision": 3},
        {"local_files_only": "yes"},
        {"trust_remote_code": None},
        {"progress": 1},
        {"batch_size": 0},
    ],
)
def test_values_out_of_range(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"^{name} must be .*; got "):
        TartTransformer(**options).fit([[1.0]])


@pytest.mark.parametrize(
    "given, message",
    [
        ((), "got a tuple of nothing"),
        ((1, 2, 3), "got a tuple of int, int, int"),
        (("gpt2", "gpt2"), r"must be \(model, processor\) of transformers; got a tuple of str, str"),
    ],
)
def test_tuples_that_are_no_model(given, message):
    with pytest.raises(EncoderError, match=message):
        resolve_encoder(given)


def test_model_without_its_processor(tiny):
    with pytest.raises(EncoderError, match=r"got a GPT2Model alone, so pass the tuple \(model, processor\)"):
        resolve_encoder(tf.AutoModel.from_pretrained(tiny("gpt2")))


# Protocols


def test_protocols_make_another_encoder(tiny):
    for protocol in ("vanilla", "loo"):
        encoder = resolve_encoder(tiny("gpt2"), protocol=protocol, prompt={"max_chars": 9})
        assert type(encoder) is InContextEncoder
        assert (encoder.protocol, encoder.prompt.max_chars) == (protocol, 9)


@pytest.mark.parametrize("encoder", [None, TfidfVectorizer(), "all-MiniLM-L6-v2"])
def test_protocols_need_a_causal_model(encoder):
    with pytest.raises(
        ValueError, match=r"protocol must be 'stream' for .*, as only causal text models.*got 'loo'"
    ):
        TartTransformer(encoder, protocol="loo").fit(["good", "bad"], [0, 1])


def test_protocols_read_text(tiny):
    with pytest.raises(
        ValueError, match="sampling_rate must stay None, as protocol='loo' reads text; got 8000"
    ):
        resolve_encoder(tiny("gpt2"), ModelOptions(sampling_rate=8000), protocol="loo")
