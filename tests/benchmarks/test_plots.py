"""The plots of the few-shot benchmark, and what reliability diagrams are drawn from."""

import numpy as np
from made_rows import random_table, row, table

from benchmarks.fewshot import calibration, plots, scores
from benchmarks.fewshot.methods import OURS, REFERENCE
from benchmarks.fewshot.pairing import CELL

# reliability


def test_reliability_by_hand():
    proba = np.array([[0.9, 0.1], [0.1, 0.9], [0.6, 0.4], [1.0, 0.0]])
    bins = scores.reliability(np.array([0, 0, 0, 0]), proba, n_bins=5)
    np.testing.assert_allclose(bins, [[0, 0, 0], [0, 0, 0], [1, 0.6, 1], [0, 0, 0], [3, 2.8, 2]])


def test_pools_add_up():
    rows = table(*(row(OURS, 1.0, seed=seed, dataset=name) for seed in range(2) for name in ("one", "two")))
    one = [[0, 0, 0], [2, 1.2, 1]]
    rows["reliability"] = [one, one, one, [[1, 0.4, 1], [2, 1.6, 2]]]
    joined = calibration.join([calibration.pool(group) for _, group in rows.groupby("dataset")])
    expected = [[1, 4, 0.6, 0.5], [0, 1, 0.4, 1], [1, 4, 0.7, 0.75]]
    np.testing.assert_allclose(joined[["bin", "rows", "confidence", "right"]], expected)
    assert joined["dataset"].tolist() == ["one", "two", "two"]
    assert joined.loc[0, CELL].tolist() == rows.loc[0, CELL].tolist()


def test_errors_over_draws_cancel_where_those_of_draws_do_not(tmp_path, capsys):
    """Two draws, one too sure and one not sure enough; C = 1 is never sure enough."""
    rows = [
        row(method, 1.0, seed=seed) | {"reliability": [[10, confidence, right]]}
        for seed, right in enumerate((6, 10))
        for method, confidence in ((OURS, 8), (REFERENCE, 9), (calibration.PLAIN, 6))
    ]
    path = tmp_path / "reliability.csv"
    calibration.join([calibration.pool(table(*rows))]).to_csv(path, index=False)
    calibration.main([str(path)])
    line = "| development | text | e5 | balanced | 0.0 | 0 | same | 1 | 0.000 | 0.100 | 0.200 |"
    assert capsys.readouterr().out.splitlines()[-1] == line


# plots


def test_curves_are_over_the_same_tasks_all_along():
    rows = [row(OURS, loss, labels=n) for n, loss in [(8, 3), (16, 2), (512, 1)]]
    rows += [row(OURS, loss, labels=n, dataset="two") for n, loss in [(8, 5), (16, 4)]]
    rows += [row(OURS, 100, labels=16, dataset="many classes")]
    rows += [row("GP", loss, labels=n) for n, loss in [(8, 7), (16, 6)]]
    rows += [row("GP", 9, labels=8, dataset="two")]
    means, n_tasks = plots.curve(table(*rows), "log_loss")
    assert n_tasks == 2
    assert means[OURS].to_dict() == {8: 4, 16: 3}
    assert means["GP"].dropna().to_dict() == {8: 8}


def test_plots_of_what_is_there(tmp_path):
    """No ranks of one task, and no reliability without bins."""
    single = table(row(OURS, 0.5), row(REFERENCE, 0.6))
    assert [path.name for path in plots.draw_all(single, tmp_path)] == ["curves-development-balanced-0.png"]
    rows = random_table()
    bins = calibration.pool(rows.assign(reliability=[[[0, 0, 0], [5, 4.0, 3]]] * len(rows)))
    paths = plots.draw_all(rows, tmp_path / "new", calibration.join([bins]))
    assert [path.name.split("-")[0] for path in paths] == ["ranks", "curves", "reliability"]
    assert all(path.stat().st_size > 1000 for path in paths)
