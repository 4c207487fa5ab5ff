"""The warning about texts that are longer than what a model reads."""

import warnings

import numpy as np
import pytest

from sktart.estimators._transformer import TartTransformer

SHORT, LONG = "good film", "a very bad plot " * 40


@pytest.fixture
def folder(tiny, model_folder, request):
    return model_folder if request.param == "sentence" else tiny("bert")


@pytest.mark.parametrize("folder, limit", [("sentence", 16), ("bert", 32)], indirect=["folder"])
def test_one_warning_a_fit_says_how_many_and_how_much(folder, limit):
    transformer = TartTransformer(folder)
    with pytest.warns(UserWarning, match="2 of 3 texts") as told:
        transformer.fit([SHORT, LONG, LONG + "!"])
    assert len(told) == 1
    message = str(told[0].message)
    assert f"texts are longer than the {limit} tokens that {folder} reads" in message
    assert 0.3 < float(message.partition("these texts, ")[2].partition("%")[0]) / 100 < 1
    transformer.transform([LONG])  # says nothing more


@pytest.mark.parametrize("folder", ["sentence", "bert"], indirect=True)
def test_short_texts_and_cuts_that_are_meant_are_silent(folder):
    TartTransformer(folder).fit([SHORT])
    if folder.name.startswith("bert"):
        TartTransformer(folder, max_length=8).fit([LONG])


@pytest.mark.parametrize("folder", ["sentence", "bert"], indirect=True)
def test_memory_tells_of_new_texts(folder, tmp_path):
    with pytest.warns(UserWarning, match="1 of 2 texts are longer"):
        TartTransformer(folder, memory=tmp_path).fit([SHORT, LONG])
    TartTransformer(folder, memory=tmp_path).fit([SHORT, LONG])


def test_a_prompt_of_the_models_own_counts(model_folder):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(
        str(model_folder), device="cpu", prompts={"long": LONG}, default_prompt_name="long"
    )
    with pytest.warns(UserWarning, match="1 of 1 texts are longer"):
        TartTransformer(model).fit([SHORT])


@pytest.mark.parametrize("folder", ["sentence", "bert"], indirect=True)
def test_the_prefix_counts_and_changes_the_vectors(folder):
    plain = TartTransformer(folder).fit_transform([SHORT])
    prefixed = TartTransformer(folder, text_prefix="the plot: ").fit_transform([SHORT])
    assert abs(plain - prefixed).max() > 1e-3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        by_hand = TartTransformer(folder).fit_transform(["the plot: " + SHORT])
    np.testing.assert_allclose(prefixed, by_hand, rtol=0, atol=1e-6)
    with pytest.warns(UserWarning, match="1 of 1 texts are longer"):
        TartTransformer(folder, text_prefix=LONG).fit([SHORT])
