"""Encoders by the library that runs them."""
