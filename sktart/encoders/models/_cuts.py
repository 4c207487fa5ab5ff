"""Warn of texts that are longer than what a model reads."""

from __future__ import annotations

import warnings
from typing import Any

# Most that a tokenizer adds to the tokens of a text itself.
_SPECIAL = 8


def warn_of_cuts(texts: Any, tokenizer: Any, limit: int | None, name: str, prefix: str | None) -> None:
    """Warn once, with how many texts lose how much, if any has more tokens than `limit` behind its prefix."""
    if limit is None or not callable(tokenizer):
        return
    prefix = prefix or ""
    # No token is shorter than a byte, so that most texts need no second look.
    suspects = [prefix + text for text in texts if len((prefix + text).encode()) + _SPECIAL > limit]
    if not suspects:
        return
    sizes = [len(row) for row in tokenizer(suspects, truncation=False, verbose=False)["input_ids"]]
    longer = [size for size in sizes if size > limit]
    if longer:
        lost = 1 - limit * len(longer) / sum(longer)
        warnings.warn(
            f"{len(longer)} of {len(texts)} texts are longer than the {limit} tokens that {name} reads, up to "
            f"{max(longer)} tokens; the ends of these texts, {lost:.0%} of their tokens, were cut off. Split long "
            "texts, or choose an encoder that reads more",
            stacklevel=2,
        )
