"""Texts read by a causal language model behind labelled texts."""
