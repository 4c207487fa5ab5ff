"""A recipe that trains in a second."""

from tiny_gram import TINY_GRAM

COMPONENT = {"family": "linear", "weight": 1.0, "n_classes": [2, 3]}
VALUES = {
    "name": "tiny",
    "seed": 3,
    "network": TINY_GRAM.to_dict(),
    "prior": [COMPONENT],
    "context_rows": [4, 8],
    "query_rows": 4,
    "steps": 4,
    "steps_per_epoch": 2,
    "groups": 2,
    "max_tasks": 4,
    "max_tokens": 400,
    "muon_learning_rate": 0.01,
    "adamw_learning_rate": 0.01,
    "warmup_steps": 1,
    "weight_decay": 0.0,
    "precision": "float32",
}
