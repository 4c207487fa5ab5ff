"""A recipe of two families that trains in a second, and the net that it trains."""

from concurrent.futures import ThreadPoolExecutor

from tiny_recipe import VALUES

from sktart.pretrain._net import PretrainNet
from sktart.pretrain._recipe import recipe_from_dict

PRIOR = [
    {"family": "logistic", "weight": 1.0, "n_classes": [2, 2], "options": {"n_features": [1, 4]}},
    {"family": "clusters", "weight": 1.0, "n_classes": [2, 3], "options": {"n_features": [2, 6]}},
]
SIZES = {"context_rows": [4, 16], "query_rows": 8, "steps": 8, "groups": 3, "warmup_steps": 2}
RATES = {"muon_learning_rate": 0.02, "adamw_learning_rate": 0.02, "weight_decay": 0.01}
RECIPE = recipe_from_dict({**VALUES, "seed": 7, "prior": PRIOR, **SIZES, **RATES})


def untrained(recipe=RECIPE):
    return PretrainNet(recipe, ThreadPoolExecutor(1)).initialize()
