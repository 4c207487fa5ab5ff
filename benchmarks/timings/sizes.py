"""Time fit, 500 predictions and one prediction, and the memory of both, over the number of rows and classes.

    python -m benchmarks.timings.sizes --data DIR --picture docs/speed.png

Rows are MiniLM embeddings of all development texts, shuffled. With 2 and 6 classes the label says from which data sets
a text is. With more, it says which of as many clusters the row is in, and a tenth of the labels is wrong. More rows
than there are texts are the same ones again with a little noise. Each cell runs in a process of its own, so that the
memory is that of the cell; the three methods of a cell follow each other, so that ratios hold.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from joblib import Memory
from matplotlib import rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.cluster import MiniBatchKMeans
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from threadpoolctl import threadpool_limits

from benchmarks.fewshot.readers import load, plain_sets
from benchmarks.pictures import in_our_style
from benchmarks.printing import machine, markdown

N_QUERIES = 500
OURS, REFERENCE = "TartReasoner", "LogisticRegressionCV"


def methods(folds: int = 5) -> dict[str, Callable[[], Any]]:
    """Return what is compared; the package is imported by the process that measures it."""
    from sktart import TartReasoner

    return {
        OURS: TartReasoner,
        REFERENCE: lambda: LogisticRegressionCV(Cs=10, cv=folds, scoring="neg_log_loss", max_iter=1000),
        "LogisticRegression(C=1)": lambda: LogisticRegression(max_iter=1000),
    }


def texts(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return embeddings of all development texts, and the number of the data set that each is from."""
    memory = Memory(".cache/joblib", verbose=0)
    sets = [load(name, folder, memory, "minilm").X for name in plain_sets("development")]
    return np.vstack(sets).astype(np.float32), np.repeat(np.arange(len(sets)), [len(part) for part in sets])


def tasks(X: np.ndarray, origin: np.ndarray, n_classes: int, n_rows: int) -> tuple[np.ndarray, ...]:
    """Return rows, labels and queries."""
    rng = np.random.default_rng(0)
    if n_classes <= 6:
        y = origin % n_classes
    else:
        y = MiniBatchKMeans(n_classes, random_state=0, n_init=1).fit_predict(X)
        wrong = rng.random(len(y)) < 0.1
        y = np.where(wrong, rng.integers(n_classes, size=len(y)), y)
    order = rng.permutation(len(X))
    queries, rest = order[:N_QUERIES], order[N_QUERIES:]
    # Classes take turns, as long as they have rows.
    turn = pd.Series(y[rest]).groupby(y[rest]).cumcount().to_numpy()
    rows = np.resize(rest[np.argsort(turn, kind="stable")], n_rows)
    noise = 0.01 * rng.normal(size=(n_rows, X.shape[1])) * (np.arange(n_rows) >= len(rest))[:, None]
    return (X[rows] + noise).astype(np.float32), y[rows], X[queries]


def measure(
    name: str, X: np.ndarray, y: np.ndarray, queries: np.ndarray, repeats: int, blas_threads: int | None
) -> dict[str, float]:
    """Return seconds of fit and predictions, milliseconds of one prediction on one thread, and GB of the process."""
    import torch

    warnings.simplefilter("ignore")
    threadpool_limits(blas_threads, user_api="blas")  # as long as the process lives
    make = methods(max(2, min(5, np.bincount(y).min())))[name]
    make().fit(X[:16], np.arange(16) % 2).predict_proba(queries[:16])
    fits, answers = [], []
    for _ in range(repeats):
        start = perf_counter()
        model = make().fit(X, y)
        middle = perf_counter()
        model.predict_proba(queries)
        fits.append(middle - start), answers.append(perf_counter() - middle)
    # Not `getrusage`, in which a process begins with the memory of the one that started it.
    status = Path("/proc/self/status").read_text()
    memory = int(status.partition("VmHWM:")[2].split()[0]) / 2**20
    torch.set_num_threads(1)
    singles = []
    for row in queries[:50]:
        start = perf_counter()
        model.predict_proba(row[None])
        singles.append(1e3 * (perf_counter() - start))
    return {
        "fit": statistics.median(fits),
        "500 predictions": statistics.median(answers),
        "one, ms": statistics.median(singles),
        "memory, GB": memory,
    }


def run(args: argparse.Namespace) -> pd.DataFrame:
    """Measure all cells."""
    X, origin = texts(args.data)
    lines = []
    for n_classes in args.classes:
        for n_rows in args.rows:
            if n_rows < 2 * n_classes:
                continue
            task = tasks(X, origin, n_classes, n_rows)
            for name in methods():
                if name == REFERENCE and n_rows * n_classes > args.most:
                    continue
                # One process at a time, and a fresh one for each cell.
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    cell = pool.apply(measure, (name, *task, 5 if n_rows <= 1024 else 1, args.blas_threads))
                lines.append({"classes": n_classes, "rows": n_rows, "method": name} | cell)
                print(lines[-1], flush=True)
                pd.DataFrame(lines).to_csv(args.cells, index=False, float_format="%.5g")
    return pd.DataFrame(lines)


def table(cells: pd.DataFrame) -> str:
    """Print a line for each task, ours beside the others."""
    lines = []
    for (n_classes, n_rows), cell in cells.groupby(["classes", "rows"]):
        by_method = cell.set_index("method")
        ours, total = by_method.loc[OURS], by_method["fit"] + by_method["500 predictions"]
        cv = total.get(REFERENCE)
        lines.append(
            [
                n_classes,
                f"{n_rows:,}",
                f"{ours['fit']:.3f}",
                f"{ours['500 predictions']:.3f}",
                "" if cv is None else f"{cv:.3f}",
                "" if cv is None else f"{total[OURS] / cv:.2f}",
                f"{total['LogisticRegression(C=1)']:.3f}",
                f"{ours['one, ms']:.1f}",
                f"{ours['memory, GB']:.2f}",
            ]
        )
    head = [
        "classes",
        "rows",
        "fit, s",
        "500 predictions, s",
        "CV, s",
        "ratio",
        "C=1, s",
        "one, ms",
        "memory, GB",
    ]
    return markdown(head, lines)


@in_our_style
def picture(cells: pd.DataFrame) -> Figure:
    """Draw seconds of fit and 500 predictions over the number of rows, a panel for each number of classes."""
    groups = list(cells.groupby("classes"))
    cycle = rcParams["axes.prop_cycle"].by_key()["color"]
    colours = dict(zip(cells["method"].unique(), cycle, strict=False))
    figure = Figure(figsize=(2.6 * len(groups), 3.2))
    FigureCanvasAgg(figure)  # no window and no global state, whatever backend is configured
    for axes, (n_classes, part) in zip(
        figure.subplots(1, len(groups), sharex=True, sharey=True), groups, strict=True
    ):
        for method, line in part.groupby("method", sort=False):
            seconds = line["fit"] + line["500 predictions"]
            axes.plot(line["rows"], seconds, "o-", color=colours[method], label=method)
        axes.set(xscale="log", yscale="log", xlabel="labelled rows", title=f"{n_classes} classes")
    figure.axes[0].set_ylabel("seconds, fit + 500 predictions")
    figure.axes[0].legend(fontsize=7)
    return figure


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="without it, cells that were measured before are shown")
    parser.add_argument("--cells", type=Path, default=Path("benchmarks/results/size_cells.csv"))
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[16, 64, 256, 512, 1024, 4096, 10_000, 100_000]
    )
    parser.add_argument("--classes", type=int, nargs="+", default=[2, 6, 77, 1000])
    parser.add_argument(
        "--most", type=int, default=800_000, help="rows times classes up to which CV is timed"
    )
    parser.add_argument(
        "--blas-threads", type=int, help="of scikit-learn's solvers; left out: as many as they take"
    )
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args(argv)
    cells = run(args) if args.data else pd.read_csv(args.cells)
    print(f"\n{machine()}\n\n{table(cells)}")
    if args.picture:
        picture(cells).savefig(args.picture, dpi=150)


if __name__ == "__main__":
    main()
