"""Loading transformers models: what is loaded, what it says about itself, and what is refused."""

import functools
import json
import shutil
import sys
from types import SimpleNamespace

import huggingface_hub
import pytest
import torch
import transformers as tf
from safetensors.torch import load_file, save_file
from tiny_models import build

from sktart.encoders._locate import HubModel
from sktart.encoders._options import ModelOptions
from sktart.encoders.models._pretrained import _load, load_pretrained
from sktart.exceptions import EncoderError, MissingExtraError

DEFAULT = ModelOptions(device="cpu")
CAUSAL = ["gpt2", "gpt_neo", "gpt_neox", "bloom", "opt", "llama"]


@pytest.mark.parametrize(
    "kind, modality, limit, causal",
    [
        *((kind, "text", None if kind == "bloom" else 64, True) for kind in CAUSAL),
        ("bert", "text", 32, False),
        ("roberta", "text", 30, False),
        ("t5", "text", None, False),
        ("vit", "image", None, False),
        ("whisper", "audio", 2, False),
        ("wav2vec2", "audio", None, False),
    ],
)
def test_what_a_model_says_about_itself(tiny, kind, modality, limit, causal):
    pretrained = load_pretrained(tiny(kind), DEFAULT)
    assert (pretrained.modality, pretrained.max_length, pretrained.is_causal) == (modality, limit, causal)
    assert len(pretrained.sha256) == 64
    assert not pretrained.model.training
    assert not any(weight.requires_grad for weight in pretrained.model.parameters())
    assert {weight.dtype for weight in pretrained.model.parameters()} == {torch.float32}


def test_bloom_is_limited_by_the_length_of_its_training(tiny, tmp_path):
    folder = shutil.copytree(tiny("bloom"), tmp_path / "bloom")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "seq_length": 48}))
    assert load_pretrained(folder, DEFAULT).max_length == 48


def test_no_head_and_no_decoder_are_loaded(tiny):
    assert type(load_pretrained(tiny("gpt_neo"), DEFAULT).model) is tf.GPTNeoModel
    names = [name for name, _ in load_pretrained(tiny("whisper"), DEFAULT).model.named_modules()]
    assert not any("decoder" in name for name in names)


def test_folder_is_loaded_once_until_it_is_written_anew(tmp_path):
    folder = build(tmp_path / "model", "gpt2")
    first = load_pretrained(folder, DEFAULT)
    assert load_pretrained(folder, ModelOptions(device="cpu", batch_size=7, layer=1)) is first
    shutil.copytree(build(tmp_path / "other", "gpt2", seed=1), folder, dirs_exist_ok=True)
    assert load_pretrained(folder, DEFAULT).sha256 != first.sha256


DENSE = "encoder.layer.0.output.dense.weight"


def change_weights(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def test_missing_weights_are_refused_unless_nothing_depends_on_them(tmp_path, capfd):
    folder = build(tmp_path / "model", "bert")
    state = torch.get_rng_state()
    change_weights(folder, lambda weights: weights.pop("pooler.dense.weight"))
    capfd.readouterr()
    load_pretrained(folder, DEFAULT)
    assert capfd.readouterr() == ("", "")
    assert torch.equal(torch.get_rng_state(), state)
    change_weights(folder, lambda weights: weights.pop(DENSE))
    with pytest.raises(EncoderError, match=f"lacks 1, such as {DENSE!r}: download it"):
        load_pretrained(folder, DEFAULT)


@pytest.mark.parametrize(
    "kind, prefix, old_names",
    [
        ("bert", "bert.", {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}),
        (
            "wav2vec2",
            "wav2vec2.",
            {f"parametrizations.weight.original{i}": f"weight_{'gv'[i]}" for i in (0, 1)},
        ),
        ("whisper", "model.", {}),
        ("vit", "vit.", {}),
    ],
)
def test_checkpoints_of_models_with_heads_and_of_old_are_complete(tiny, tmp_path, kind, prefix, old_names):
    def rename(weights):
        for name in list(weights):
            old_name = functools.reduce(lambda name, new: name.replace(new, old_names[new]), old_names, name)
            weights[prefix + old_name] = weights.pop(name)

    folder = shutil.copytree(tiny(kind), tmp_path / "model")
    change_weights(folder, rename)
    loaded = load_pretrained(folder, DEFAULT).model.state_dict()
    for name, weight in load_pretrained(tiny(kind), DEFAULT).model.state_dict().items():
        assert torch.equal(loaded[name], weight), name


def test_weights_of_another_shape_are_refused(tmp_path):
    folder = build(tmp_path / "model", "bert")
    change_weights(folder, lambda weights: weights.update({DENSE: torch.zeros(2, 2)}))
    with pytest.raises(EncoderError, match=r"one that transformers can load; .* download it again"):
        load_pretrained(folder, DEFAULT)


def test_code_of_others_is_not_run(tmp_path):
    folder = build(tmp_path / "model", "gpt2")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "strange", "auto_map": {"AutoConfig": "code.Config", "AutoModel": "code.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(EncoderError, match="If you trust its authors, pass trust_remote_code=True"):
        load_pretrained(folder, DEFAULT)
    assert not (tmp_path / "ran").exists()


def clip():
    tower = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    text = {**tower, "vocab_size": 9, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    config = tf.CLIPConfig(text_config=text, vision_config={**tower, "image_size": 8, "patch_size": 4})
    return tf.CLIPModel(config)


class Odd(tf.BertModel):
    main_input_name = "points"

    def __init__(self):
        super().__init__(tf.BertConfig(num_hidden_layers=1, hidden_size=12))


@pytest.mark.parametrize(
    "make, message",
    [
        (clip, "CLIPModel pairs texts with another: pass its folder or name"),
        (Odd, r"must read one of input_ids, .*; Odd reads points, so choose another"),
        (int, r"must be \(model, processor\) .* got a int in the place of the model"),
    ],
)
def test_models_that_are_refused(make, message):
    with pytest.raises(EncoderError, match=message):
        load_pretrained((make(), None), DEFAULT)


def test_processor_of_several_kinds_gives_its_part(tiny):
    model = tf.AutoModel.from_pretrained(tiny("whisper"))
    processor = SimpleNamespace(feature_extractor=tf.AutoFeatureExtractor.from_pretrained(tiny("whisper")))
    pretrained = load_pretrained((model, processor), DEFAULT)
    assert pretrained.processor is processor.feature_extractor
    assert pretrained.sha256 == ""


def test_images_need_pillow(tiny, monkeypatch):
    _load.cache_clear()
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtraError, match=r"'PIL' is not installed, .* pip install 'sktart\[images\]'"):
        load_pretrained(tiny("vit"), DEFAULT)


def test_hub_model_is_located(tiny, monkeypatch):
    def cached(repo, file, revision):
        assert (repo, revision) == ("organisation/model", "v2")
        path = tiny("gpt2") / file
        return str(path) if path.is_file() else None

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", cached)
    options = ModelOptions(device="cpu", revision="v2", local_files_only=True)
    assert load_pretrained(HubModel("organisation/model"), options).is_causal
