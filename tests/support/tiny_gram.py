"""The smallest shape of a gram reasoner that tests train and save."""

from sktart.reasoners._config import GramConfig

TINY_GRAM = GramConfig(width=8, n_layers=1, n_heads=2, mlp_ratio=1, message_width=2)
