"""Predictions on the engines that others run: the same bits as in one process, from Parquet to Parquet."""

import os
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

from sktart import TartReasoner

N_ROWS, N_FEATURES = 2_000, 12


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    return TartReasoner().fit(rng.normal(size=(40, N_FEATURES)), np.arange(40) % 3)


@pytest.fixture
def folder(tmp_path):
    """Eight files of 250 rows."""
    pytest.importorskip("pyarrow")
    (tmp_path / "rows").mkdir()
    X = np.random.default_rng(1).normal(size=(N_ROWS, N_FEATURES)).astype(np.float32)
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(N_FEATURES)])
    for number in range(8):
        part = frame.iloc[250 * number : 250 * (number + 1)]
        part.to_parquet(tmp_path / "rows" / f"{number}.parquet")
    return tmp_path


def answer(part: pd.DataFrame, model: TartReasoner, dies_once: Path | None = None) -> pd.DataFrame:
    """Answer rows; the first process that finds no such file writes it and dies."""
    if dies_once is not None and not dies_once.exists():
        dies_once.touch()
        os._exit(1)
    return pd.DataFrame(model.predict_proba(part.to_numpy()), columns=["p0", "p1", "p2"], index=part.index)


def expected(model, folder):
    frame = pd.read_parquet(folder / "rows")
    return model.predict_proba(frame.to_numpy())


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib(model, folder, backend):
    parts = [pd.read_parquet(path) for path in sorted((folder / "rows").iterdir())]
    with joblib.parallel_config(backend, n_jobs=2):
        answers = joblib.Parallel()(joblib.delayed(answer)(part, model) for part in parts)
    assert np.array_equal(pd.concat(answers).to_numpy(), expected(model, folder))


@pytest.mark.parametrize("dies", [False, True])
def test_dask_and_a_worker_that_dies(model, folder, dies):
    dataframe = pytest.importorskip("dask.dataframe")
    distributed = pytest.importorskip("dask.distributed")
    meta = pd.DataFrame({name: pd.Series(dtype="float64") for name in ("p0", "p1", "p2")})
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster):
        frame = dataframe.read_parquet(folder / "rows")
        flag = folder / "died" if dies else None
        frame.map_partitions(answer, model, flag, meta=meta).to_parquet(folder / "answers")
    found = pd.concat(pd.read_parquet(folder / "answers" / f"part.{number}.parquet") for number in range(8))
    assert np.array_equal(found.to_numpy(), expected(model, folder))
    assert dies == (folder / "died").exists()


@pytest.mark.filterwarnings("ignore")  # Ray warns of settings of its own
def test_ray(model, folder):
    ray = pytest.importorskip("ray")

    class Answer:  # here, as the actors know no module of the tests
        def __init__(self, model):
            self.model = model

        def __call__(self, batch):
            rows = np.column_stack([batch[f"x{i}"] for i in range(N_FEATURES)])
            return {"first": rows[:, 0], "proba": self.model.predict_proba(rows)}

    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)  # two are for reading and writing
    try:
        rows = ray.data.read_parquet(str(folder / "rows"))
        answers = rows.map_batches(Answer, fn_constructor_args=(model,), concurrency=2, batch_size=100)
        answers.write_parquet(str(folder / "answers"))
    finally:
        ray.shutdown()
    found = pd.read_parquet(folder / "answers")
    frame = pd.read_parquet(folder / "rows")
    order = frame["x0"].argsort().to_numpy()
    found = found.sort_values("first")
    assert np.array_equal(np.stack(found["proba"].to_list()), expected(model, folder)[order])
