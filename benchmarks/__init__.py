"""Measurements: what they are and how to run them is in README.md here."""
