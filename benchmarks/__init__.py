"""Measurements; ``benchmarks/README.md`` tells what they are and how to run them."""
