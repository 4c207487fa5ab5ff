"""The statistics of the few-shot benchmark, over seeds and over tasks, against hand computations."""

import numpy as np
import pandas as pd
import pytest
from made_rows import random_table, row, table
from scipy.stats import ttest_rel

from benchmarks.fewshot import pairing, ranks
from benchmarks.fewshot.acceptance import PLAIN
from benchmarks.fewshot.methods import OURS, REFERENCE

# pairing


def test_paired_interval_agrees_with_the_t_test():
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(size=(2, 7))
    interval = ttest_rel(ours, theirs).confidence_interval(0.95)
    mean, half_width = pairing.paired_interval(ours - theirs)
    assert (mean - half_width, mean + half_width) == pytest.approx((interval.low, interval.high))


@pytest.mark.parametrize(
    "mean, half_width, sign, expected",
    [
        (-0.2, 0.1, -1, "win"),
        (0.2, 0.1, -1, "loss"),
        (0.2, 0.1, 1, "win"),
        (-0.2, 0.1, 1, "loss"),
        (0.1, 0.2, 1, "tie"),
        (0.0, 0.0, 1, "tie"),
        (*pairing.paired_interval([0.3]), 1, "tie"),  # one pair decides nothing
    ],
)
def test_verdict(mean, half_width, sign, expected):
    assert pairing.verdict(mean, half_width, sign) == expected


def test_compare_pairs_seeds():
    """Ours has the lower log-loss and the lower accuracy; seeds differ by more than methods."""
    rows = table(
        *(row(OURS, 0.5 + seed, 0.7 - seed / 5, seed=seed) for seed in range(3)),
        *(row(REFERENCE, 1.0 + seed, 0.8 - seed / 5, seed=seed) for seed in range(4)),
    )
    loss, accuracy = (pairing.compare(rows, metric).iloc[0] for metric in ("log_loss", "accuracy"))
    assert loss[["ours", "theirs", "difference", "verdict"]].tolist() == [1.5, 2.0, -0.5, "win"]
    assert accuracy["difference"] == pytest.approx(-0.1)
    assert accuracy["verdict"] == "loss"


def test_compare_agrees_with_the_interval_of_each_cell():
    rows = random_table(seeds=4)
    compared = pairing.compare(rows, "accuracy")
    assert len(compared) == 3 * 2 * 3  # sets, numbers of labels, baselines
    for line in compared.itertuples():
        cell = rows[(rows["dataset"] == line.dataset) & (rows["labels"] == line.labels)]
        ours, theirs = (cell[cell["method"] == name]["accuracy"].to_numpy() for name in (OURS, line.baseline))
        mean, half_width = pairing.paired_interval(ours - theirs)
        assert (line.difference, line.half_width) == pytest.approx((mean, half_width))
        assert line.verdict == pairing.verdict(mean, half_width, 1)


def test_pair_takes_only_what_all_methods_have():
    rows = table(
        *(row(OURS, loss, seed=seed) for seed, loss in enumerate([1, 2, 9])),
        *(row("GP", loss, seed=seed) for seed, loss in enumerate([3, 4])),
        row(OURS, 100, dataset="large"),
    )
    paired = pairing.pair(rows, "log_loss", [OURS, "GP"])
    assert paired.to_numpy().tolist() == [[1.5, 3.5]]
    assert paired.index.get_level_values("dataset").tolist() == ["one"]
    assert pairing.pair(rows, "log_loss", [OURS])[OURS].tolist() == [100, 4]


# ranks


@pytest.mark.parametrize("sign, expected", [(-1, [2, 1.75, 2.25]), (1, [2, 2.25, 1.75])])
def test_mean_ranks_share_ties(sign, expected):
    scores = pd.DataFrame([[0.1, 0.2, 0.2], [0.3, 0.1, 0.2]], columns=list("abc"))
    assert ranks.mean_ranks(scores, sign).tolist() == expected


@pytest.mark.parametrize("n_methods, n_tasks, expected", [(4, 14, 1.25), (2, 6, 0.80), (10, 30, 2.47)])
def test_critical_difference_agrees_with_tables(n_methods, n_tasks, expected):
    """The first is the example in Demsar's paper; its table has q = 1.960 for 2 and 3.164 for 10 methods."""
    assert ranks.critical_difference(n_methods, n_tasks) == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize(
    "scores, p",
    [
        # All tasks agree on 3 methods: chi-squared is 2 x tasks with 2 degrees of freedom, so p = exp(-tasks).
        ([[1, 2, 3]] * 4, np.exp(-4)),
        # Too little to tell anything from.
        ([[1, 2, 3]], 1),
        ([[1, 2], [1, 2]], 1),
        ([[1, 1, 1], [2, 2, 2]], 1),
    ],
)
def test_friedman_by_hand(scores, p):
    assert ranks.friedman(pd.DataFrame(scores)) == pytest.approx(p)


@pytest.mark.parametrize(
    "p, expected",
    [
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.02, 0.01], [0.02, 0.02]),
        ([0.6, 0.7], [1.0, 1.0]),
        ([], []),
    ],
)
def test_holm_by_hand(p, expected):
    assert ranks.holm(p).tolist() == pytest.approx(expected)


def test_signed_rank_by_hand():
    """Five of five differences have one sign: 2 of the 32 patterns of signs are as extreme."""
    assert ranks.signed_rank([0.1, 0.2, 0.3, 0.4, 0.5]) == pytest.approx(2 / 32)
    assert ranks.signed_rank([0.0, 0.0]) == 1


def test_signed_ranks_pair_tasks():
    rows = [
        row(method, loss * i, dataset=f"set {i}")
        for i in range(1, 7)
        for method, loss in ((OURS, 0.1), (REFERENCE, 0.3))
    ]
    rows.append(row("GP", 0.0, dataset="set 6"))
    compared = ranks.signed_ranks(table(*rows), "log_loss").set_index("baseline")
    columns = ["tasks", "better", "median_difference", "p", "p_holm"]
    assert compared.loc[REFERENCE, columns].tolist() == pytest.approx([6, 6, -0.7, 2 / 64, 4 / 64])
    assert compared.loc["GP", ["tasks", "better", "p_holm"]].tolist() == [1, 0, 1]


def test_a_method_with_few_cells_does_not_rank():
    rows = random_table()
    few = rows[(rows["method"] != "5-NN") | (rows["labels"] == 8)]
    assert ranks.ranked_methods(rows) == [OURS, REFERENCE, PLAIN, "5-NN"]
    assert ranks.ranked_methods(few) == [OURS, REFERENCE, PLAIN]
