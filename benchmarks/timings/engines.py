"""Answer many rows from Parquet to Parquet on Dask and on Ray, beside plain loops in one process and in two.

    OMP_NUM_THREADS=1 python -m benchmarks.timings.engines --rows 1000000 --folder build/engines

Rows are 384 random numbers in float32, 20,000 a file. The model has read 256 rows of two classes. Two workers answer
on one thread each. An engine should take no more than 1.2 times what two plain processes take that share the files.
Its seconds begin when the cluster is up, and end when the last file is written; what passes until the first row is
answered is start-up. All answers must have the same bits.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from time import time

import numpy as np
import pandas as pd

import sktart
from benchmarks.printing import machine, markdown

N_FEATURES, ROWS_A_FILE, N_WORKERS = 384, 20_000, 2
META = pd.DataFrame(
    {"row": pd.Series(dtype="int64"), **{name: pd.Series(dtype="float64") for name in ("p0", "p1")}}
)


def prepare(folder: Path, n_rows: int) -> None:
    """Write rows and a model, unless they are there."""
    if (folder / f"{n_rows}").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "rows").mkdir(parents=True)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(256, N_FEATURES)).astype(np.float32)
    sktart.save(sktart.TartReasoner().fit(X, (X[:, 0] > 0).astype(int)), folder / "model.sktart")
    names = [f"x{i}" for i in range(N_FEATURES)]
    for start in range(0, n_rows, ROWS_A_FILE):
        size = min(ROWS_A_FILE, n_rows - start)
        part = pd.DataFrame(rng.standard_normal((size, N_FEATURES), dtype=np.float32), columns=names)
        part.insert(0, "row", np.arange(start, start + size))
        part.to_parquet(folder / "rows" / f"{start // ROWS_A_FILE:05d}.parquet", index=False)
    (folder / f"{n_rows}").touch()


def answer(part: pd.DataFrame, model: sktart.TartReasoner, notes: Path) -> pd.DataFrame:
    """Answer rows, and note when this process began to, and the most memory that it has held."""
    began, memory = (notes / f"{os.getpid()}.{what}" for what in ("began", "memory"))
    if not began.exists():
        began.write_text(f"{time()}")
    # float32 by name: of frames that come from Arrow, pandas makes float64.
    proba = model.predict_proba(part[part.columns[1:]].to_numpy(np.float32))
    status = Path("/proc/self/status").read_text()
    memory.write_text(status.partition("VmHWM:")[2].split()[0])
    return pd.DataFrame({"row": part["row"], "p0": proba[:, 0], "p1": proba[:, 1]})


def loop(folder: Path, out: Path, files: list[Path]) -> None:
    """Answer some of the files one after the other."""
    model = sktart.load(folder / "model.sktart")
    for file in files:
        answer(pd.read_parquet(file), model, out / "notes").to_parquet(out / "answers" / file.name)


def on_plain_loops(n_processes: int, folder: Path, out: Path) -> tuple[float, float]:
    """Answer with plain loops in processes that share the files; return start and end."""
    files = sorted((folder / "rows").iterdir())
    start = time()
    with multiprocessing.get_context("spawn").Pool(n_processes) as pool:
        pool.map(partial(loop, folder, out), [files[number::n_processes] for number in range(n_processes)])
    return start, time()


def on_dask(folder: Path, out: Path) -> tuple[float, float]:
    """Answer on workers of Dask; return start and end."""
    from dask import config, dataframe
    from distributed import Client, LocalCluster

    model = sktart.load(folder / "model.sktart")
    # Dask's own value lets the allocator give each array back at once, which doubles the time of a forward pass.
    config.set({"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None})
    options = {
        "n_workers": N_WORKERS,
        "threads_per_worker": 1,
        "memory_limit": None,
        "dashboard_address": None,
        "silence_logs": 50,  # what workers say when they are closed
    }
    with LocalCluster(**options) as cluster, Client(cluster):
        start = time()
        rows = dataframe.read_parquet(folder / "rows")
        rows.map_partitions(answer, model, out / "notes", meta=META).to_parquet(out / "answers")
        return start, time()


class Answer:
    """An actor of Ray, which gets the model once."""

    def __init__(self, model: sktart.TartReasoner, notes: Path) -> None:
        self.model, self.notes = model, notes

    def __call__(self, part: pd.DataFrame) -> pd.DataFrame:
        """Answer rows."""
        return answer(part, self.model, self.notes)


def on_ray(folder: Path, out: Path) -> tuple[float, float]:
    """Answer on actors of Ray; return start and end."""
    import ray

    model = sktart.load(folder / "model.sktart")
    ray.init(num_cpus=2 * N_WORKERS, include_dashboard=False, log_to_driver=False)  # as many read and write
    start = time()
    rows = ray.data.read_parquet(str(folder / "rows"))
    options = {"concurrency": N_WORKERS, "batch_format": "pandas", "batch_size": ROWS_A_FILE // 2}
    answers = rows.map_batches(Answer, fn_constructor_args=(model, out / "notes"), **options)
    answers.write_parquet(str(out / "answers"))
    return start, time()


ENGINES = {
    "one plain process": partial(on_plain_loops, 1),
    "two plain processes": partial(on_plain_loops, N_WORKERS),
    "Dask": on_dask,
    "Ray": on_ray,
}


def measure(engine: str, folder: Path) -> tuple[float, float, float, pd.DataFrame]:
    """Return seconds, those of start-up, GB of the largest worker, and answers of an engine in its own process."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    (out / "answers").mkdir(parents=True)
    (out / "notes").mkdir()
    command = [
        sys.executable,
        "-m",
        "benchmarks.timings.engines",
        "--folder",
        str(folder),
        "--engine",
        engine,
    ]
    subprocess.run(
        command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())}
    )
    start, stop = json.loads((out / "seconds.json").read_text())
    began = min(float(file.read_text()) for file in (out / "notes").glob("*.began"))
    memory = max(int(file.read_text()) for file in (out / "notes").glob("*.memory")) / 2**20
    answers = pd.read_parquet(out / "answers").sort_values("row", ignore_index=True)
    return stop - start, began - start, memory, answers[list(META)].astype(META.dtypes)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path("build/engines"))
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=ENGINES)
    parser.add_argument("--engine", choices=ENGINES, help="only this one, in this process")
    args = parser.parse_args(argv)
    folder = args.folder.resolve()
    if args.engine:
        moments = ENGINES[args.engine](folder, folder / "out")
        (folder / "out" / "seconds.json").write_text(json.dumps(moments))
        return
    prepare(folder, args.rows)
    print(f"{machine()}; {args.rows:,} rows\n", flush=True)
    lines, first = [], None
    for engine in args.engines:
        seconds, until, memory, answers = measure(engine, folder)
        first = answers if first is None else first
        assert len(answers) == args.rows, f"{engine} lost rows"
        assert answers.equals(first), f"{engine} has other bits"
        lines.append([engine, seconds, until, memory])
        print(engine, f"{seconds:.1f} s, {until:.1f} of them start-up, {memory:.2f} GB a worker", flush=True)
    two = {engine: seconds for engine, seconds, _, _ in lines}.get("two plain processes", np.nan)
    cells = [
        [engine, f"{seconds:.1f}", f"{until:.1f}", f"{seconds / two:.2f}", f"{memory:.2f}"]
        for engine, seconds, until, memory in lines
    ]
    head = ["engine", "seconds", "of them start-up", "of two plain processes", "memory of a worker, GB"]
    print("\n" + markdown(head, cells))


if __name__ == "__main__":
    main()
