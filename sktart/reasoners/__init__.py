"""Reasoners: networks that read labelled rows and answer for new ones. Torch only."""
