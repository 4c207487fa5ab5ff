"""Time TabICL's and TabPFN's networks, with random weights, beside ours: fit and 500 predictions.

    pip install -c constraints.txt torch && pip install -c constraints.txt -e '.[test]' tabicl tabpfn
    python -m benchmarks.timings.peers --rows 256 1024 4096 --classes 2 10 --repeats 1

In an environment of its own. **Their weights are random: nothing is said of accuracy, and none is computed.** Each
network has the shape that its package has by default. It answers in one forward pass of a single ensemble member, in
float32, without the preparation of rows. The packages' classifiers average several members, and take that many times
longer. Rows are 384 random numbers.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.printing import machine, markdown

N_FEATURES, N_QUERIES = 384, 500


def ours(X: np.ndarray, y: np.ndarray, queries: np.ndarray) -> Callable[[], object]:
    """Return what fits and predicts."""
    from sktart import TartReasoner

    return lambda: TartReasoner().fit(X, y).predict_proba(queries)


def tabicl(X: np.ndarray, y: np.ndarray, queries: np.ndarray) -> Callable[[], object]:
    """Return a forward pass of TabICL's network."""
    import torch
    from tabicl._model.tabicl import TabICL

    network = TabICL(
        zero_init=False
    ).eval()  # zeros would be as slow, but denormal numbers of chance would not
    rows, labels = torch.from_numpy(np.vstack([X, queries]))[None], torch.from_numpy(y)[None].float()

    def answer() -> object:
        with torch.inference_mode():
            return network(rows, labels)

    return answer


def tabpfn(X: np.ndarray, y: np.ndarray, queries: np.ndarray) -> Callable[[], object]:
    """Return a forward pass of TabPFN's network of version 3.5, which is the package's default."""
    import torch
    from tabpfn.architectures import tabpfn_v3_5 as architecture

    config, _ = architecture.parse_config({"max_num_classes": 10, "num_buckets": 1})
    network = architecture.get_architecture(config).eval()
    rows, labels = torch.from_numpy(np.vstack([X, queries]))[:, None], torch.from_numpy(y)[:, None].float()

    def answer() -> object:
        with torch.inference_mode():
            return network(rows, labels, task_type="multiclass")

    return answer


METHODS = {"TartReasoner": ours, "TabICL's network": tabicl, "TabPFN's network": tabpfn}


def measure(name: str, n_rows: int, n_classes: int, repeats: int) -> tuple[float, float]:
    """Return the median of seconds, and GB of the process."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows + N_QUERIES, N_FEATURES), dtype=np.float32)
    y = np.arange(n_rows) % n_classes
    METHODS[name](X[:16], np.arange(16) % 2, X[-16:])()  # what is only slow the first time
    run = METHODS[name](X[:n_rows], y, X[n_rows:])
    seconds = []
    for _ in range(repeats):
        start = perf_counter()
        run()
        seconds.append(perf_counter() - start)
    status = Path("/proc/self/status").read_text()
    return statistics.median(seconds), int(status.partition("VmHWM:")[2].split()[0]) / 2**20


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[256, 1024, 4096])
    parser.add_argument("--classes", type=int, nargs="+", default=[2, 10])
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args(argv)
    lines = []
    for n_classes in args.classes:
        for n_rows in args.rows:
            for name in args.methods:
                # One process at a time, and a fresh one for each cell.
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    seconds, memory = pool.apply(measure, (name, n_rows, n_classes, args.repeats))
                lines.append([n_classes, f"{n_rows:,}", name, f"{seconds:.2f}", f"{memory:.2f}"])
                print(*lines[-1], flush=True)
    head = ["classes", "rows", "network", "fit and 500 predictions, s", "memory, GB"]
    print(f"\n{machine()}; weights of TabICL and TabPFN are random\n\n{markdown(head, lines)}")


if __name__ == "__main__":
    main()
