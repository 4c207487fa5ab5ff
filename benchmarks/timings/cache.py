"""Time `TartTransformer(memory=...)` on random texts: without a cache, cold, warm, and by two processes at once."""

from __future__ import annotations

import argparse
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.printing import machine
from sktart import TartTransformer


def encode(texts: list[str], width: int) -> np.ndarray:
    """Encode at no cost, so that only the cache is timed."""
    return np.ones((len(texts), width), dtype=np.float32) * np.array([[len(text)] for text in texts])


def seconds(texts: list[str], width: int, memory: Any) -> float:
    """Return the time of one fit_transform."""
    start = perf_counter()
    TartTransformer(partial(encode, width=width), memory=memory).fit_transform(texts)
    return perf_counter() - start


def together(texts: list[str], width: int, memory: str) -> float:
    """Return the time in which two processes each read or write three quarters of the texts."""
    three_quarters = 3 * len(texts) // 4
    with get_context("spawn").Pool(2) as pool:
        pool.starmap(seconds, [(texts[:2], width, None)] * 2)  # imports
        start = perf_counter()
        parts = [texts[:three_quarters], texts[-three_quarters:]]
        pool.starmap(seconds, [(part, width, memory) for part in parts])
        return perf_counter() - start


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    letters = np.random.default_rng(args.seed).integers(97, 123, (args.rows, 80), dtype=np.uint8)
    texts = [row.tobytes().decode() for row in letters]
    print(f"{machine()}; seed {args.seed}; {args.rows} texts, {args.width} floats each; seconds\n")
    with TemporaryDirectory() as folder, TemporaryDirectory() as other:
        seconds(texts[:2], args.width, None)
        print(f"no cache       {seconds(texts, args.width, None):.3f}")
        print(f"cold           {seconds(texts, args.width, folder):.3f}")
        print(f"warm           {seconds(texts, args.width, folder):.3f}")
        print(f"two processes  {together(texts, args.width, other):.3f}")
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
        print(f"on disk        {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
