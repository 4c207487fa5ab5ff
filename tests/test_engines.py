"""Predictions on the engines that others run: the same bits as in one process, from Parquet to Parquet."""

import engines
import joblib
import numpy as np
import pandas as pd
import pytest
from programs import run_python

from sktart import TartReasoner, save

N_ROWS, N_FEATURES = 2_000, 12


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    return TartReasoner().fit(rng.normal(size=(40, N_FEATURES)), np.arange(40) % 3)


@pytest.fixture
def folder(model, tmp_path):
    """Eight files of 250 rows, and the model."""
    pytest.importorskip("pyarrow")
    save(model, tmp_path / "model.sktart")
    (tmp_path / "rows").mkdir()
    X = np.random.default_rng(1).normal(size=(N_ROWS, N_FEATURES)).astype(np.float32)
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(N_FEATURES)])
    for number in range(8):
        part = frame.iloc[250 * number : 250 * (number + 1)]
        part.to_parquet(tmp_path / "rows" / f"{number}.parquet")
    return tmp_path


def expected(model, folder):
    return model.predict_proba(pd.read_parquet(folder / "rows").to_numpy())


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib(model, folder, backend):
    parts = [pd.read_parquet(path) for path in sorted((folder / "rows").iterdir())]
    with joblib.parallel_config(backend, n_jobs=2):
        answers = joblib.Parallel()(joblib.delayed(engines.answer)(part, model) for part in parts)
    assert np.array_equal(pd.concat(answers).to_numpy(), expected(model, folder))


@pytest.mark.parametrize("engine", ["dask", "dask-death"])
def test_dask_and_a_worker_that_dies(model, folder, engine):
    pytest.importorskip("dask.dataframe")
    pytest.importorskip("distributed")
    run_python([engines.__file__, engine, str(folder)], folder)
    found = pd.concat(pd.read_parquet(folder / "answers" / f"part.{number}.parquet") for number in range(8))
    assert np.array_equal(found.to_numpy(), expected(model, folder))
    assert (engine == "dask-death") == (folder / "died").exists()


def test_ray(model, folder):
    pytest.importorskip("ray")
    run_python([engines.__file__, "ray", str(folder)], folder)
    found = pd.read_parquet(folder / "answers").sort_values("x0")
    order = pd.read_parquet(folder / "rows")["x0"].argsort().to_numpy()
    assert np.array_equal(np.stack(found["proba"].to_list()), expected(model, folder)[order])
