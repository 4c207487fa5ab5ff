"""In-context classification on top of any frozen encoder, as scikit-learn estimators.

>>> from sklearn.datasets import load_iris
>>> from sktart import TartReasoner
>>> X, y = load_iris(return_X_y=True)
>>> TartReasoner().fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.9
True
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sktart._version import __version__

if TYPE_CHECKING:
    from sktart._persistence import load, save
    from sktart._reasoner import TartReasoner
    from sktart._transformer import TartTransformer
    from sktart.encoders._prompt import Prompt
    from sktart.zoo import list_checkpoints, load_checkpoint
    from sktart.zoo.import_tart import import_tart

__all__ = [
    "Prompt",
    "TartReasoner",
    "TartTransformer",
    "__version__",
    "import_tart",
    "list_checkpoints",
    "load",
    "load_checkpoint",
    "save",
]

# Loaded at first use: scikit-learn alone takes most of a second to import on a small machine.
_HOMES = {
    "Prompt": "sktart.encoders._prompt",
    "TartReasoner": "sktart._reasoner",
    "TartTransformer": "sktart._transformer",
    "import_tart": "sktart.zoo.import_tart",
    "list_checkpoints": "sktart.zoo",
    "load": "sktart._persistence",
    "load_checkpoint": "sktart.zoo",
    "save": "sktart._persistence",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sktart' has no attribute {name!r}; it has {sorted(__all__)}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
