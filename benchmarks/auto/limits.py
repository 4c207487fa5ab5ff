"""Whether `fit` keeps its limit: seconds of a search, less those in which the first encoder reads the rows.

    python -m benchmarks.auto.limits --data DIR

Each line is a process of its own. The limit may be passed by a tenth. Log-loss on other rows says whether more time
is worth it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
import warnings
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from sklearn.metrics import log_loss

from benchmarks.auto.run import draw, read
from benchmarks.printing import machine, markdown


def search(drawn: tuple[Any, ...], limit: float, preset: str) -> tuple[float, float, float, int, list[str]]:
    """Return seconds of the first encoder and of all, log-loss on other rows, how many were scored, who was late."""
    from sktart import AutoTartClassifier
    from sktart.auto._clock import Clock

    granted: list[float] = []
    grant = Clock.grant

    def note(clock: Clock, seconds: float) -> None:
        granted.append(seconds)
        grant(clock, seconds)

    warnings.simplefilter("ignore")
    X, y, asked, answers = drawn
    start = time.perf_counter()
    with patch.object(Clock, "grant", note):
        model = AutoTartClassifier(time_limit=limit, presets=preset, random_state=0).fit(X, y)
    seconds = time.perf_counter() - start
    loss = log_loss(answers, model.predict_proba(asked), labels=model.classes_)
    scored = int(np.isfinite(model.leaderboard_["score"]).sum())
    late = [name for name, why in model.failures_.items() if "s are left" in why or "time is over" in why]
    return granted[0], seconds, loss, scored, late


def main(argv: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--datasets", nargs="+", default=["ag_news", "sst2"])
    parser.add_argument("--labels", type=int, nargs="+", default=[128, 1000])
    parser.add_argument("--limits", type=float, nargs="+", default=[10, 60, 300])
    parser.add_argument("--preset", default="thorough")
    args = parser.parse_args(argv)
    body = []
    for name in args.datasets:
        _, texts, y, is_test = read(args.data, name)
        for n_labels in args.labels:
            drawn = draw(texts, y, is_test, n_labels, 0)
            if drawn is None:
                continue
            for limit in args.limits:
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    first, seconds, loss, scored, late = pool.apply(search, (drawn, limit, args.preset))
                share = (seconds - first) / limit
                body.append([name, n_labels, f"{limit:g}", f"{first:.1f}", f"{seconds:.1f}", f"{share:.2f}"])
                body[-1] += [scored, len(late), f"{loss:.3f}"]
                print(*body[-1], *late, flush=True)
    head = ["data set", "labels", "limit, s", "first encoder, s", "fit, s", "share of the limit"]
    print(f"\n{machine()}\n\n" + markdown([*head, "scored", "out of time", "log-loss"], body))


if __name__ == "__main__":
    main()
