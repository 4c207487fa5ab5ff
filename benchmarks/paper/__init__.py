"""The table of the paper."""
