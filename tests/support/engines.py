"""Answer the Parquet files of a folder on an engine: ``python engines.py dask folder``."""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import sktart

NAMES = ["p0", "p1", "p2"]


def answer(part: pd.DataFrame, model: sktart.TartReasoner, dies_once: Path | None = None) -> pd.DataFrame:
    """Answer rows; the first process that finds no such file writes it and dies."""
    if dies_once is not None and not dies_once.exists():
        dies_once.touch()
        os._exit(1)
    return pd.DataFrame(model.predict_proba(part.to_numpy()), columns=NAMES, index=part.index)


def on_dask(folder: Path, model: sktart.TartReasoner, dies_once: Path | None = None) -> None:
    """Answer on two worker processes of Dask."""
    from dask import dataframe
    from distributed import Client, LocalCluster

    meta = pd.DataFrame({name: pd.Series(dtype="float64") for name in NAMES})
    # without a limit of memory: Dask's own goes by the machine's cores, and may be less than torch needs
    options = {"n_workers": 2, "threads_per_worker": 1, "memory_limit": None, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster):
        frame = dataframe.read_parquet(folder / "rows")
        frame.map_partitions(answer, model, dies_once, meta=meta).to_parquet(folder / "answers")


def on_dask_with_a_death(folder: Path, model: sktart.TartReasoner) -> None:
    """Answer on Dask, where one worker dies."""
    on_dask(folder, model, folder / "died")


def on_ray(folder: Path, model: sktart.TartReasoner) -> None:
    """Answer on two actors of Ray. Its files come in any order, so they hold the first feature as well."""
    import ray

    class Answer:
        def __init__(self, model: sktart.TartReasoner) -> None:
            self.model = model

        def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            rows = np.column_stack([batch[f"x{i}"] for i in range(model.n_features_in_)])
            return {"x0": rows[:, 0], "proba": self.model.predict_proba(rows)}

    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)  # two are for reading and writing
    try:
        rows = ray.data.read_parquet(str(folder / "rows"))
        answers = rows.map_batches(Answer, fn_constructor_args=(model,), concurrency=2, batch_size=100)
        answers.write_parquet(str(folder / "answers"))
    finally:
        ray.shutdown()


ENGINES = {"dask": on_dask, "dask-death": on_dask_with_a_death, "ray": on_ray}

if __name__ == "__main__":
    place = Path(sys.argv[2])
    ENGINES[sys.argv[1]](place, sktart.load(place / "model.sktart"))
