"""A tiny random reasoner that reads unlabelled rows and class descriptions, as a checkpoint folder."""

import torch
from tiny_recipe import VALUES

from sktart.reasoners._config import GramConfig
from sktart.reasoners._gram import GramReasoner
from sktart.zoo._checkpoint import save_checkpoint
from sktart.zoo._golden import golden_predictions

# In whole cache lines, as the last bit of a row may depend on its place in the batch otherwise.
CONFIG = GramConfig(width=32, n_layers=1, n_heads=2, mlp_ratio=1, message_width=16, pool_message_width=16)


def save_knowing(folder):
    """Write one whose parts all have a say, and return the folder."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        reasoner = GramReasoner(CONFIG)
        for parameter in reasoner.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
    reasoner.eval().requires_grad_(False)
    recipe = VALUES | {"network": reasoner.config.to_dict()}
    training = {"steps": 1, "seconds": 1, "cores": 1, "device": "cpu"}
    metrics = {"training": training, "golden": golden_predictions(reasoner)}
    save_checkpoint(folder, reasoner, recipe=recipe, metrics=metrics)
    return folder
