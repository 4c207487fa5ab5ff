"""Choose encoders and classifiers by what they say of rows that they have not seen."""

from sktart.auto._blend import BlendedClassifier
from sktart.auto._classifier import AutoTartClassifier
from sktart.auto._report import write_report

__all__ = ["AutoTartClassifier", "BlendedClassifier", "write_report"]
