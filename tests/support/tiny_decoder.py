"""Checkpoint folders of a tiny decoder, whose weights follow a seed."""

from dataclasses import replace

import torch
from direct_decoder import pair

from sktart.reasoners._config import DecoderConfig
from sktart.zoo._checkpoint import save_checkpoint

TINY_DECODER = DecoderConfig(width=16, n_layers=2, n_heads=2, n_features=4, n_pairs=40)


def write_decoder(folder, seed=0, **changes):
    """Write a complete folder, with `changes` of the configuration, and return it."""
    reasoner = pair(replace(TINY_DECODER, **changes), seed, dtype=torch.float32)[1]
    recipe = {"name": "tiny", "seed": 0, "prior": [{"family": "logistic"}], "context_rows": [1, 39]}
    training = {"steps": 1, "seconds": 1, "cores": 1, "device": "cpu"}
    save_checkpoint(folder, reasoner, recipe=recipe, metrics={"training": training})
    return folder
