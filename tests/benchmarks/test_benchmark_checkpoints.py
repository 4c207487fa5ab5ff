"""The comparison of two checkpoints on the same draws."""

import numpy as np
import pandas as pd
import pytest
from made_rows import row, table

from benchmarks.studies import checkpoints


def rows(log_losses, method="sktart", labels=8):
    return table(*(row(method, loss, seed=seed, labels=labels) for seed, loss in enumerate(log_losses)))


def test_change_is_of_the_draws_and_cells_that_both_have():
    old = pd.concat([rows([0.4, 0.8, 0.1]), rows([9.0], "LogisticRegressionCV"), rows([1.0], labels=512)])
    cells = checkpoints.in_pairs(old, pd.concat([rows([0.2, 0.8]), rows([2.0], labels=512)]))
    assert len(cells) == 1
    assert cells["change"][0] == pytest.approx(np.log(0.5) / 2)
    assert cells["error"][0] == pytest.approx(np.log(2) / 2)


def test_a_line_for_each_kind_of_cells_and_one_for_all(tmp_path, capsys):
    paths = [str(tmp_path / name) for name in ("old.csv", "new.csv")]
    for path, losses in zip(paths, ([0.4, 0.8], [0.2, 0.4]), strict=True):
        rows(losses).to_csv(path, index=False)
    checkpoints.main(["--old", paths[0], "--new", paths[1]])
    lines = capsys.readouterr().out.splitlines()[2:]
    assert lines == [
        "| development | text | balanced | 0.0 | 1 | -50.0 ± 0.0 | -50.0 | +0.00 | 1 of 1 |",
        "| development | text | all | all | 1 | -50.0 ± 0.0 | -50.0 | +0.00 | 1 of 1 |",
    ]
