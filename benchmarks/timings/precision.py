"""What bfloat16 and torch.compile would gain, and how far answers would be from those of float32.

    OMP_NUM_THREADS=1 python -m benchmarks.timings.precision --rows 256 1024 4096

500 queries go through the default network in chunks of 256. The ways take turns, and ratios are of the turns' medians.
Processor time counts, not the clock, so that other processes matter less. Rows are 384 numbers, classes are clusters.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from time import perf_counter, process_time

import numpy as np
import torch

from benchmarks.printing import machine, markdown
from sktart import load_checkpoint

N_FEATURES, N_QUERIES, CHUNK = 384, 500, 256


def task(n_rows: int, n_classes: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return rows, labels and queries, padded to whole chunks."""
    rng = np.random.default_rng(n_rows)
    centres = 0.1 * rng.normal(size=(n_classes, N_FEATURES))
    y = np.arange(n_rows + 2 * CHUNK) % n_classes
    X = torch.from_numpy(centres[y] + rng.normal(size=(len(y), N_FEATURES)))
    return X[None, :n_rows], torch.from_numpy(y)[None, :n_rows], X[None, n_rows:]


def ways(
    n_rows: int, n_classes: int, *, compiled: bool
) -> tuple[dict[str, Callable[[], torch.Tensor]], float]:
    """Return what answers all queries in each way, and the seconds that the compiler takes."""
    reasoner = load_checkpoint().reasoner
    rows, labels, queries = task(n_rows, n_classes)
    chunks = queries.split(CHUNK, dim=1)
    context = reasoner.read_context(rows, labels, n_classes)
    with torch.autocast("cpu", torch.bfloat16):
        low = reasoner.read_context(rows, labels, n_classes)

    def answer_low() -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return torch.cat([reasoner.answer(low, chunk).float() for chunk in chunks], dim=1)

    found = {
        "float32": lambda: torch.cat([reasoner.answer(context, chunk) for chunk in chunks], dim=1),
        "bfloat16": answer_low,
    }
    start = perf_counter()
    if compiled:
        fast = torch.compile(reasoner.answer)
        found["torch.compile"] = lambda: torch.cat([fast(context, chunk) for chunk in chunks], dim=1)
        found["torch.compile"]()
    return found, perf_counter() - start


def measure(n_rows: int, n_classes: int, repeats: int, *, compiled: bool) -> list[list[object]]:
    """Return a line for each way."""
    with torch.inference_mode():
        found, compiling = ways(n_rows, n_classes, compiled=compiled)
        proba = {name: run().softmax(-1)[0, :N_QUERIES] for name, run in found.items()}
        seconds: dict[str, list[float]] = {name: [] for name in found}
        for _ in range(repeats):
            for name, run in found.items():
                start = process_time()
                run()
                seconds[name].append(process_time() - start)
    exact = proba["float32"]
    return [
        [
            n_classes,
            f"{n_rows:,}",
            name,
            f"{1e3 * statistics.median(times):.1f}",
            f"{statistics.median(a / b for a, b in zip(times, seconds['float32'], strict=True)):.2f}",
            f"{float((proba[name] - exact).abs().max()):.1e}",
            f"{compiling:.1f}" if name == "torch.compile" else "",
        ]
        for name, times in seconds.items()
    ]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[256, 1024, 4096])
    parser.add_argument("--classes", type=int, nargs="+", default=[2])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--no-compile", action="store_true", help="where there is no C++ compiler")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    lines = []
    for n_classes in args.classes:
        for n_rows in args.rows:
            lines += measure(n_rows, n_classes, args.repeats, compiled=not args.no_compile)
            print(*lines[-2:], flush=True)
    head = [
        "classes",
        "rows",
        "way",
        "500 predictions, ms",
        "of float32",
        "largest difference",
        "first call, s",
    ]
    print(f"\n{machine()}; one thread\n\n{markdown(head, lines)}")


if __name__ == "__main__":
    main()
