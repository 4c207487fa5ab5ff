"""In-context classification on top of any frozen encoder, as scikit-learn estimators.

>>> from sklearn.datasets import load_iris
>>> from sktart import TartReasoner
>>> X, y = load_iris(return_X_y=True)
>>> TartReasoner().fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.9
True
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from sktart.auto._classifier import AutoTartClassifier
    from sktart.encoders.in_context._prompt import Prompt
    from sktart.estimators._classifier import TartClassifier
    from sktart.estimators._folds import LabelledFolds
    from sktart.estimators._influence_display import InfluenceDisplay
    from sktart.estimators._reasoner import TartReasoner
    from sktart.estimators._transformer import TartTransformer
    from sktart.persistence import load, save
    from sktart.zoo._import_tart import import_tart
    from sktart.zoo._registry import list_checkpoints, load_checkpoint

# Public name -> the module that defines it. Imported at first use: scikit-learn alone takes most of a second.
_MODULES = {
    "AutoTartClassifier": "sktart.auto._classifier",
    "InfluenceDisplay": "sktart.estimators._influence_display",
    "LabelledFolds": "sktart.estimators._folds",
    "Prompt": "sktart.encoders.in_context._prompt",
    "TartClassifier": "sktart.estimators._classifier",
    "TartReasoner": "sktart.estimators._reasoner",
    "TartTransformer": "sktart.estimators._transformer",
    "import_tart": "sktart.zoo._import_tart",
    "list_checkpoints": "sktart.zoo._registry",
    "load": "sktart.persistence",
    "load_checkpoint": "sktart.zoo._registry",
    "save": "sktart.persistence",
}

__all__ = [
    "AutoTartClassifier",
    "InfluenceDisplay",
    "LabelledFolds",
    "Prompt",
    "TartClassifier",
    "TartReasoner",
    "TartTransformer",
    "__version__",
    "import_tart",
    "list_checkpoints",
    "load",
    "load_checkpoint",
    "save",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'sktart' has no attribute {name!r}; it has {sorted(__all__)}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
