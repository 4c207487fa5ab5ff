"""Import of the reference project's state dicts: the same probabilities, or a list of what is wrong."""

import pickle

import pytest
import torch
from direct_decoder import CONFIGS, direct_logits, draw, pair

from sktart import TartReasoner, import_tart
from sktart.cli import main
from sktart.exceptions import CheckpointError
from sktart.reasoners._config import DecoderConfig

CONFIG = DecoderConfig(width=32, n_layers=2, n_heads=1, n_features=4, n_pairs=10)


@pytest.fixture
def state():
    return dict(pair(CONFIG, dtype=torch.float32)[0].state_dict())


def save(state, tmp_path):
    torch.save(state, tmp_path / "head.pt")
    return tmp_path / "head.pt"


@pytest.mark.parametrize("config", [*CONFIGS, CONFIG], ids=lambda config: f"W{config.width}")
def test_imported_weights_answer_as_the_reference(config, tmp_path):
    direct, _ = pair(config, dtype=torch.float32)
    path = save(direct.state_dict(), tmp_path)
    checkpoint = import_tart(path, tmp_path / "head", n_heads=config.n_heads)
    assert checkpoint.reasoner.config == config
    context_x, y, query_x = draw(0, config.n_pairs - 1, 5, config.n_features, dtype=torch.float32)
    y[0, 0] = 1 - y[0, 1]  # both classes
    with torch.inference_mode():
        expected = direct_logits(direct, context_x, y, query_x).sigmoid().numpy()
    reasoner = TartReasoner(tmp_path / "head").fit(context_x[0].numpy(), y[0].numpy())
    assert reasoner.predict_proba(query_x[0].numpy())[:, 1] == pytest.approx(expected, abs=1e-5)


def test_what_the_network_never_uses_is_dropped(state, tmp_path):
    state |= {
        "_backbone.h.0.attn.bias": torch.ones(1, 1, 20, 20, dtype=torch.bool),
        "_backbone.h.1.attn.masked_bias": torch.tensor(-1e4),
    }
    assert "_backbone.wte.weight" in state
    import_tart(save(state, tmp_path), tmp_path / "head", n_heads=1)
    size = (tmp_path / "head" / "model.safetensors").stat().st_size
    used = sum(value.numel() for key, value in state.items() if "wte" not in key and "attn.bias" not in key)
    assert used * 4 - 4 < size < used * 4 + 10_000


def test_heads_are_one_for_each_32_channels_unless_said(state, tmp_path):
    path = save(state, tmp_path)
    with pytest.warns(
        UserWarning, match="do not tell the number of attention heads; 1 is taken, one for each 32"
    ):
        assert import_tart(path, tmp_path / "a").reasoner.config.n_heads == 1
    assert import_tart(path, tmp_path / "b", n_heads=2).reasoner.config.n_heads == 2


def test_training_state_of_the_reference(state, tmp_path):
    path = save({"model_state_dict": state, "optimizer_state_dict": {}, "train_step": 7}, tmp_path)
    assert import_tart(path, tmp_path / "head", n_heads=1).reasoner.config == CONFIG


def test_command_line(state, tmp_path, capsys):
    path = save(state, tmp_path)
    assert main(["import-tart", str(path), "--out", str(tmp_path / "head"), "--heads", "1"]) == 0
    assert "n_pairs=10" in capsys.readouterr().out
    card = (tmp_path / "head" / "README.md").read_text(encoding="utf-8")
    assert "imported by `sktart import-tart head.pt`" in card
    folder, options = str(tmp_path / "head"), ["--features", "1", "4", "--tasks", "4"]
    assert main(["evaluate", folder, "--rows", "8", *options, "--save"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["evaluate", folder, "--rows", "9", "--rows", "10", *options]) == 0
    assert "left out: 10 rows, as it reads at most 9" in capsys.readouterr().err
    assert "with 1 to 4 features" in (tmp_path / "head" / "README.md").read_text(encoding="utf-8")


def refuse(state, tmp_path, message, n_heads=1):
    path = save(state, tmp_path)
    with pytest.raises(CheckpointError, match=message):
        import_tart(path, tmp_path / "head", n_heads=n_heads)
    assert not (tmp_path / "head").exists()


def test_missing_and_unknown_keys_are_all_listed(state, tmp_path):
    del state["_read_in.bias"], state["_backbone.h.0.ln_1.weight"]
    state["classifier.weight"] = torch.zeros(1)
    refuse(
        state,
        tmp_path,
        r"missing keys \['_backbone.h.0.ln_1.weight', '_read_in.bias'\], unknown keys \['classifier.weight'\]",
    )


def test_a_missing_block_is_seen(state, tmp_path):
    refuse(
        {k: v for k, v in state.items() if ".h.0." not in k}, tmp_path, "missing keys .*h.0.attn.c_attn.bias"
    )


def test_wrong_shapes_are_all_listed(state, tmp_path):
    state["_read_out.weight"] = torch.zeros(2, 32)
    state["_backbone.h.1.mlp.c_fc.weight"] = torch.zeros(128, 32)
    refuse(
        state,
        tmp_path,
        r"_read_out.weight has shape \(2, 32\); _backbone.h.1.mlp.c_fc.weight has shape \(128, 32\)",
    )


@pytest.mark.parametrize(
    "value", [torch.zeros(32, dtype=torch.int64), torch.full((32,), torch.nan)], ids=["int", "nan"]
)
def test_values_must_be_finite_numbers(state, tmp_path, value):
    state["_backbone.ln_f.bias"] = value
    refuse(state, tmp_path, "_backbone.ln_f.bias must hold finite floating-point numbers")


@pytest.mark.parametrize(
    "change, options, message",
    [
        ({"_backbone.wpe.weight": torch.zeros(21, 32)}, {}, "number of positions must be even.* got 21"),
        (
            {"_read_in.weight": torch.zeros(32)},
            {},
            r"_read_in.weight must have 2 dimensions; got shape \(32,\)",
        ),
        (
            {"_read_in.weight": torch.zeros(40, 4)},
            {"n_heads": None},
            "n_heads cannot be guessed for width 40; pass it",
        ),
        ({}, {"n_heads": 5}, r"width \(=32\) must be divisible by n_heads \(=5\)"),
    ],
    ids=["odd", "flat", "heads", "divide"],
)
def test_configurations_that_cannot_be(state, tmp_path, change, options, message):
    refuse(state | change, tmp_path, message, **options)


def test_code_in_the_file_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    (tmp_path / "head.pt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(CheckpointError, match="cannot be read safely as a PyTorch state dict"):
        import_tart(tmp_path / "head.pt", tmp_path / "head")
    assert not (tmp_path / "ran").exists()


def test_no_file(tmp_path):
    with pytest.raises(CheckpointError, match=r"no weights can be read at .*: No such file"):
        import_tart(tmp_path / "none.pt", tmp_path / "head")


def test_not_a_state_dict(tmp_path):
    refuse([1, 2], tmp_path, "must hold a state dict, names to tensors; it holds a list")
    refuse({"_read_in.bias": 3}, tmp_path, "must hold a state dict.* holds a int under '_read_in.bias'")
    refuse({"state_dict": {}}, tmp_path, "must hold a state dict.* holds a dict under 'state_dict'")
    refuse({1: torch.zeros(2)}, tmp_path, "must hold a state dict.* holds a Tensor under 1")


@pytest.mark.parametrize("content", [b"", b"hello"], ids=["empty", "text"])
def test_not_a_file_of_pytorch(tmp_path, content):
    (tmp_path / "head.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be read safely as a PyTorch state dict"):
        import_tart(tmp_path / "head.pt", tmp_path / "head")
