"""A progress bar for long work."""

from __future__ import annotations

from typing import Any

from sktart.encoders._options import ModelOptions

# Short work shows no bar.
_PATIENCE_S = 5.0


def progress_bar(options: ModelOptions, name: str, total: int) -> Any:
    """Return a bar of tqdm over `total` rows, as the options ask for it; a context manager.

    Examples
    --------
    >>> with progress_bar(ModelOptions(progress=False), "gpt-neo-125m", 3) as bar:
    ...     bar.disable
    True
    """
    from tqdm import tqdm

    shown = options.progress
    return tqdm(
        desc=name,
        total=total,
        # None stands for: on a terminal only.
        disable=None if shown is None else not shown,
        delay=_PATIENCE_S if shown is None else 0,
    )
