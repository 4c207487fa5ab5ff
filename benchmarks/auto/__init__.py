"""Whether a search is worth its time."""
