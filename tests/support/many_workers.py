"""Answer in threads and processes: ``python many_workers.py folder`` writes what a test compares."""

import concurrent.futures
import json
import multiprocessing
import os
import sys
from pathlib import Path

import joblib
import numpy as np
import torch
from sklearn.model_selection import GridSearchCV

import sktart

N_CALLS = 8


def answer(model, rows, place):
    """Answer part of the rows."""
    return model.predict_proba(rows[place::N_CALLS])


def in_processes(start):
    """Answer on two processes that start in one way."""

    def run(model, rows):
        with multiprocessing.get_context(start).Pool(2) as pool:
            return pool.starmap(answer, [(model, rows, place) for place in range(N_CALLS)])

    return run


def in_threads(model, rows):
    """Answer on eight threads of one process."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda place: answer(model, rows, place), range(N_CALLS)))


def in_joblib(model, rows):
    """Answer by joblib's own kind of forks."""
    with joblib.parallel_config("multiprocessing", n_jobs=2):
        return joblib.Parallel()(joblib.delayed(answer)(model, rows, place) for place in range(N_CALLS))


def threads_of(model, X, y):
    """Score a model by the number of threads that it answers on."""
    model.predict(X)
    return torch.get_num_threads()


def most_threads(model, rows):
    """Fit on all cores, and return the number of threads of each worker."""
    y = np.arange(len(rows)) % 2
    found = GridSearchCV(model, {"temperature": [1.0, 2.0]}, cv=2, n_jobs=-1, scoring=threads_of).fit(rows, y)
    return int(max(found.cv_results_["mean_test_score"]))


WAYS = {
    "threads": in_threads,
    "joblib": in_joblib,
    **{
        start: in_processes(start)
        for start in ("fork", "spawn")
        if start in multiprocessing.get_all_start_methods()
    },
}

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    os.environ.pop("OMP_NUM_THREADS", None)  # of the tests: it would keep each worker to one thread
    torch.set_num_threads(2)
    model, rows = sktart.load(folder / "model.sktart"), np.load(folder / "rows.npy")
    expected = model.predict_proba(rows)  # so that the parent has computed before it forks
    same = {}
    for name, way in WAYS.items():
        answers = way(model, rows)
        same[name] = all(np.array_equal(part, expected[place::N_CALLS]) for place, part in enumerate(answers))
    threads = most_threads(model, rows) * min(joblib.cpu_count(), 4)  # there are four fits
    found = {"same": same, "threads": threads, "cores": joblib.cpu_count()}
    (folder / "found.json").write_text(json.dumps(found), encoding="utf-8")
