import pytest
from made_rows import row, table

from benchmarks.fewshot.acceptance import PLAIN
from benchmarks.fewshot.card import few_shot
from benchmarks.fewshot.methods import OURS, REFERENCE


def three(ours, theirs, **about):
    losses = {OURS: ours, REFERENCE: theirs, PLAIN: 0.9}
    return [row(method, loss, **about) for method, loss in losses.items()]


def test_lost_cells_are_named_by_means_over_seeds():
    rows = table(
        *three(0.4, 0.5, dataset="won", labels=8),
        *three(0.6, 0.5, dataset="lost", labels=16),
        *three(0.9, 0.5, dataset="even out", labels=8, seed=0),
        *three(0.3, 1.0, dataset="even out", labels=8, seed=1),
        *three(0.8, 0.5, dataset="lost", labels=8),
    )
    (line,) = few_shot(rows)
    assert line["lost"] == {"lost": [8, 16]}
    assert (line["cells"], line["modality"], line["shares"]) == (4, "text", "balanced")
    assert line["log_loss_ratio"] == pytest.approx(
        (0.4 + 0.6 + 0.6 + 0.8) / (0.5 + 0.5 + 0.75 + 0.5), abs=1e-3
    )


def test_rows_without_the_reference_are_refused():
    with pytest.raises(ValueError, match="must hold sktart, LogisticRegressionCV and"):
        few_shot(table(row(OURS, 0.5)))
