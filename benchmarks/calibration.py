"""Confidence against accuracy, pooled over data sets and seeds: ``results/reliability.csv``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

KEYS = ["split", "modality", "encoder", "shares", "noise", "labels", "method"]
SUMS = ["rows", "confidence", "right"]


def pool(rows: pd.DataFrame) -> pd.DataFrame:
    """Sum up the column ``reliability``, `scores.reliability` of each row: a line for each of `KEYS` and bin."""
    parts = [
        pd.DataFrame(np.sum(group["reliability"].tolist(), axis=0), columns=SUMS)
        .assign(**dict(zip(KEYS, key, strict=True)))
        .rename_axis("bin")
        .reset_index()
        for key, group in rows.groupby(KEYS, sort=False)
    ]
    return pd.concat(parts)[[*KEYS, "bin", *SUMS]]


def join(pools: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Add up what `pool` returns, and divide: columns `KEYS`, bin, rows, mean confidence, share right."""
    sums = pd.concat(pools).groupby([*KEYS, "bin"], sort=False)[SUMS].sum()
    sums = sums[sums["rows"] > 0]
    shares = sums[["confidence", "right"]].div(sums["rows"], axis=0).round(4)
    return sums[["rows"]].astype(int).join(shares).reset_index()
