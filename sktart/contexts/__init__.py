"""Contexts: which labelled rows a reasoner reads, and what is kept of them to answer queries."""
