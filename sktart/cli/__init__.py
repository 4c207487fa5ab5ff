"""The command line."""

from sktart.cli._main import main

__all__ = ["main"]
