"""What unlabelled rows and descriptions are worth, from the cells of a run."""

import pandas as pd
import pytest

from benchmarks.fewshot.methods import OURS, OURS_WITH, REFERENCE
from benchmarks.studies import knowledge


@pytest.fixture
def cells(tmp_path):
    """Ours is as accurate with 8 labels as the reference with 16; on validation sets it is 10 points lower."""
    rows = [
        {
            **{"split": split, "dataset": f"a {split} set", "encoder": "minilm", "pool_shares": "same"},
            **{"labels": labels, "method": method, "log_loss": 0.5},
            "accuracy": 0.6
            + 0.1 * step
            + (0.1 if method != REFERENCE else 0)
            - 0.1 * (split == "validation"),
        }
        for split in ("development", "validation")
        for method in (REFERENCE, OURS, *OURS_WITH)
        for step, labels in enumerate((8, 16, 32))
    ]
    path = tmp_path / "cells.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def test_splits_are_not_mixed(cells, capsys):
    knowledge.main([str(cells)])
    text = capsys.readouterr().out
    for split in ("development", "validation"):
        assert f"labels that the reference needs, {split}, minilm, same" in text
        assert f"a {split} set" in text


def test_points_and_labels_that_the_reference_needs(cells):
    rows = pd.read_csv(cells)
    points = knowledge.by_labels(rows)["points"]
    assert points.loc[("validation", "minilm", "same", OURS)].tolist() == pytest.approx([10, 10, 10])
    needed = knowledge.worth(rows[rows["split"] == "validation"])
    assert needed.loc[OURS, 8] == pytest.approx(16)
    assert needed.loc[REFERENCE].tolist() == pytest.approx([8, 16, 32])
