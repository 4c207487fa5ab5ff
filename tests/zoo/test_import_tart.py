"""Import of the reference project's state dicts: the same probabilities, or a list of what is wrong."""

import pickle

import pytest
import torch
from direct_decoder import CONFIGS, direct_logits, draw, pair

from sktart import TartReasoner, import_tart
from sktart.cli import main
from sktart.exceptions import CheckpointError
from sktart.reasoners._config import DecoderConfig
from sktart.zoo._import_tart import _names

CONFIG = DecoderConfig(width=32, n_layers=2, n_heads=1, n_features=4, n_pairs=10)
FIRST_BLOCK = [name for name in _names(CONFIG.n_layers) if ".h.0." in name]


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


NO_STATE = "must hold a state dict, names to tensors; it holds a"


@pytest.mark.parametrize(
    "change, message",
    [
        (
            {"_read_in.bias": None, "_backbone.h.0.ln_1.weight": None, "other": torch.zeros(1)},
            r"missing keys \['_backbone.h.0.ln_1.weight', '_read_in.bias'\], unknown keys \['other'\]",
        ),
        (dict.fromkeys(FIRST_BLOCK), "missing keys .*h.0.attn.c_attn.bias"),
        (
            {"_read_out.weight": torch.zeros(2, 32), "_backbone.ln_f.bias": torch.zeros(3)},
            r"_backbone.ln_f.bias has shape \(3,\); _read_out.weight has shape \(2, 32\)",
        ),
        ({"_backbone.h.1.mlp.c_fc.weight": torch.zeros(128, 32)}, r"c_fc.weight has shape \(128, 32\)"),
        ({"_backbone.ln_f.bias": torch.zeros(32, dtype=torch.int64)}, "ln_f.bias must hold finite floating-"),
        ({"_backbone.ln_f.bias": torch.full((32,), torch.nan)}, "ln_f.bias must hold finite floating-point"),
        ({"_backbone.wpe.weight": torch.zeros(21, 32)}, "number of positions must be even.* got 21"),
        ({"_read_in.weight": torch.zeros(32)}, r"in.weight must have 2 dimensions; got shape \(32,\)"),
        ({"_read_in.bias": 3}, f"{NO_STATE} int under '_read_in.bias'"),
        ({"state_dict": {}}, f"{NO_STATE} dict under 'state_dict'"),
        ({1: torch.zeros(2)}, f"{NO_STATE} Tensor under 1"),
        ({"model_state_dict": [1, 2]}, f"{NO_STATE} list"),
    ],
)
def test_weights_that_do_not_fit_are_refused(state, tmp_path, change, message):
    path = save({key: value for key, value in (state | change).items() if value is not None}, tmp_path)
    with pytest.raises(CheckpointError, match=message):
        import_tart(path, tmp_path / "head", n_heads=1)
    assert not (tmp_path / "head").exists()


def test_numbers_of_heads_that_cannot_be(state, tmp_path):
    path = save(state | {"_read_in.weight": torch.zeros(40, 4)}, tmp_path)
    with pytest.raises(CheckpointError, match="n_heads cannot be guessed for width 40; pass it"):
        import_tart(path, tmp_path / "head")
    with pytest.raises(CheckpointError, match=r"width \(=32\) must be divisible by n_heads \(=5\)"):
        import_tart(save(state, tmp_path), tmp_path / "head", n_heads=5)


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("content", [b"", b"hello", None], ids=["empty", "text", "code"])
def test_what_cannot_be_read_safely_is_refused_and_no_code_runs(tmp_path, content):
    evil = pickle.dumps(Evil(tmp_path / "ran"))
    (tmp_path / "head.pt").write_bytes(evil if content is None else content)
    with pytest.raises(CheckpointError, match="cannot be read safely as a PyTorch state dict"):
        import_tart(tmp_path / "head.pt", tmp_path / "head")
    assert not (tmp_path / "ran").exists()


def test_no_file(tmp_path):
    with pytest.raises(CheckpointError, match=r"no weights can be read at .*: No such file"):
        import_tart(tmp_path / "none.pt", tmp_path / "head")
