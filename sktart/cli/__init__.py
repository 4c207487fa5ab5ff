"""The command line."""

from sktart.cli._app import main

__all__ = ["main"]
