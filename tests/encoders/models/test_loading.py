"""What models of both libraries share: they are loaded in silence, and refused alike."""

import shutil
from functools import partial

import pytest
import torch
from conftest import build_sentence_transformer
from sklearn.base import clone
from tiny_models import build

from sktart.encoders import ModelOptions, resolve_encoder
from sktart.encoders.models import _pretrained, _sentence
from sktart.estimators._transformer import TartTransformer
from sktart.exceptions import EncoderError

TEXTS = ["good film", "bad film"]
build_gpt2 = partial(build, kind="gpt2")


@pytest.fixture(params=["sentence-transformers", "transformers"])
def library(request):
    return request.param


@pytest.fixture
def folder(library, model_folder, tiny):
    """Return the folder of a model of each library. Do not write to it."""
    return model_folder if library == "sentence-transformers" else tiny("llama")


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize(
    "build_model, protocol",
    [(build_sentence_transformer, "stream"), (build_gpt2, "stream"), (build_gpt2, "loo")],
)
def test_other_weights_than_in_fit_are_refused(tmp_path, build_model, protocol, cached):
    folder, other = (build_model(tmp_path / str(seed), seed=seed) for seed in (0, 1))
    model = TartTransformer(folder, protocol=protocol, memory=tmp_path if cached else None, device="cpu")
    # Even if the cache holds the vectors of the other weights.
    clone(model).set_params(encoder=other).fit(TEXTS, [0, 1]).transform(TEXTS)
    model.fit(TEXTS, [0, 1])
    shutil.copytree(other, folder, dirs_exist_ok=True)
    with pytest.raises(EncoderError, match=r"must have the weights it had in fit, sha256 .* or fit again"):
        model.transform(TEXTS)


def test_broken_folder(library, folder, tmp_path):
    broken = shutil.copytree(folder, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"truncated")
    message = rf"one that {library} can load; .*broken.* failed with .*Delete it and download it again"
    with pytest.raises(EncoderError, match=message):
        resolve_encoder(broken).fit_encode(TEXTS)


def test_unknown_device(folder):
    with pytest.raises(ValueError, match=r"device must be 'auto' or a device .* got 'tpu9'"):
        resolve_encoder(folder, ModelOptions(device="tpu9")).fit_encode(TEXTS)


@pytest.mark.parametrize("shown", [True, False])
def test_loading_is_silent_and_leaves_the_settings_as_they_were(folder, capfd, shown):
    from transformers.utils import logging

    was, verbosity, state = logging.is_progress_bar_enabled(), logging.get_verbosity(), torch.get_rng_state()
    (logging.enable_progress_bar if shown else logging.disable_progress_bar)()
    logging.set_verbosity_warning()
    _pretrained._load.cache_clear()
    _sentence._load.cache_clear()
    capfd.readouterr()
    try:
        # The head of the causal model is left over, which transformers reports in a table.
        resolve_encoder(folder, ModelOptions(device="cpu")).fit_encode(TEXTS)
        assert capfd.readouterr() == ("", "")
        assert logging.is_progress_bar_enabled() is shown
        assert logging.get_verbosity() == logging.WARNING
    finally:
        (logging.enable_progress_bar if was else logging.disable_progress_bar)()
        logging.set_verbosity(verbosity)
    assert torch.equal(torch.get_rng_state(), state)
