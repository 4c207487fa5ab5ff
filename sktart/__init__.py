"""In-context classification on top of any frozen encoder, as scikit-learn estimators."""

from sktart._version import __version__

__all__ = ["__version__"]
