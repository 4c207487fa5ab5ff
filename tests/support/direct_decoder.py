"""The paper's network by transformers' GPT-2, which runs the whole sequence for each query."""

import torch
from torch import nn
from transformers import GPT2Config, GPT2Model

from sktart.reasoners._config import DecoderConfig
from sktart.reasoners._decoder import DecoderReasoner
from sktart.zoo._import_tart import _names

CONFIGS = [
    DecoderConfig(width=16, n_layers=1, n_heads=2, n_features=1, n_pairs=3),
    DecoderConfig(width=24, n_layers=2, n_heads=3, n_features=5, n_pairs=20),
    DecoderConfig(width=64, n_layers=3, n_heads=4, n_features=16, n_pairs=66),
]


class Direct(nn.Module):
    """x1, y1, ..., xR, yR through GPT-2, and the logits at the x."""

    def __init__(self, config):
        super().__init__()
        self._read_in = nn.Linear(config.n_features, config.width)
        self._backbone = GPT2Model(
            GPT2Config(
                vocab_size=7,
                n_positions=2 * config.n_pairs,
                n_embd=config.width,
                n_layer=config.n_layers,
                n_head=config.n_heads,
                resid_pdrop=0.0,
                embd_pdrop=0.0,
                attn_pdrop=0.0,
                use_cache=False,
            )
        )
        self._read_out = nn.Linear(config.width, 1)

    def forward(self, x, y):
        labels = torch.zeros_like(x)
        labels[..., 0] = y
        sequence = torch.stack([x, labels], dim=2).flatten(1, 2)
        hidden = self._backbone(inputs_embeds=self._read_in(sequence)).last_hidden_state
        return self._read_out(hidden)[:, ::2, 0]


def pair(config, seed=0, dtype=torch.float64):
    """Return a random direct network, and ours with the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        direct = Direct(config).eval()
        for parameter in direct.parameters():
            parameter.data += 0.2 * torch.randn_like(parameter)
    state = direct.state_dict()
    renamed = {
        ours: state[theirs].T
        if theirs.startswith("_backbone.h.") and state[theirs].ndim == 2
        else state[theirs]
        for theirs, ours in _names(config.n_layers).items()
    }
    reasoner = DecoderReasoner(config)
    reasoner.load_state_dict(renamed)
    return direct.to(dtype), reasoner.to(dtype).eval()


def draw(seed, n_rows, n_queries, n_features, n_classes=2, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1, n_rows + n_queries, n_features, generator=generator, dtype=dtype)
    y = torch.randint(n_classes, (1, n_rows), generator=generator)
    return x[:, :n_rows], y, x[:, n_rows:]


def direct_logits(direct, context_x, y, query_x):
    """Run one whole sequence for each query; the label of the query itself must not matter, so it is 1."""
    logits = [
        direct(torch.cat([context_x, query[None, None]], 1), torch.cat([y, y.new_ones(1, 1)], 1))[0, -1]
        for query in query_x[0]
    ]
    return torch.stack(logits)
