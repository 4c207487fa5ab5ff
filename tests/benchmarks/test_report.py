"""The targets and the summary of the few-shot benchmark, on made tables whose answers are known by hand."""

import numpy as np
import pytest
from made_rows import random_table, row, table

from benchmarks.fewshot import acceptance, report
from benchmarks.fewshot.acceptance import PLAIN
from benchmarks.fewshot.methods import OURS, REFERENCE

# the targets


def measured_by_hand(**changed):
    """Two tasks of one cell each; `changed` holds for the second."""
    two = {"dataset": "two", "labels": 256} | changed
    return table(
        *(row(OURS, 0.4, 0.80, 0.02, seed) for seed in range(2)),
        *(row(REFERENCE, 0.6, 0.79, 0.04, seed) for seed in range(2)),
        *(row(PLAIN, 0.5, 0.81, 0.10, seed) for seed in range(3)),
        row(OURS, 0.5, 0.70, 0.04, **two),
        row(REFERENCE, 0.4, 0.73, 0.04, **two),
        row(PLAIN, 0.6, 0.69, 0.10, **two),
    )


def test_targets_by_hand():
    line = acceptance.measure(acceptance.measure_cells(measured_by_hand())).squeeze()
    assert line["worst is"] == "two"
    assert line.drop("worst is").astype(float).to_dict() == pytest.approx(
        {"tasks": 2, "cells": 2, "log-loss / CV": 0.9 / 1.0, "accuracy - CV": -1, "accuracy - C=1": 0}
        | {"both beaten, %": 50, "worst task": -3, "ECE / C=1": 0.3, "ECE / CV": 0.75, "ECE": 0.03}
    )
    of_one_task = acceptance.measure(acceptance.measure_cells(measured_by_hand(dataset="one")))
    assert of_one_task["worst task"].tolist() == pytest.approx([-1])  # a mean over labels


def test_missed_targets_are_bold():
    cells = acceptance.measure_cells(measured_by_hand())
    (line,) = acceptance.lines(acceptance.measure(cells))
    assert line[:4] == ["development", "text, minilm", "balanced", "0"]
    # The ratio is 0.9 within rounding, on either side.
    written = ["0.900", "**-1.00**", "+0.00", "**50**", "**-3.00**", "0.30", "0.75"]
    assert [line[6].strip("*"), *line[7:13]] == written
    (with_noise,) = acceptance.lines(acceptance.measure(cells.assign(noise=0.1)))
    assert with_noise[6:13] == ["0.900", "**-1.00**", "+0.00", "50", "**-3.00**", "0.30", "0.75"]


@pytest.mark.parametrize(
    "classes, expected", [(2, "2"), (3, "3-8"), (8, "3-8"), (9, "9-14"), (14, "9-14"), (77, "more")]
)
def test_bins_of_classes(classes, expected):
    cells = acceptance.measure_cells(measured_by_hand().assign(classes=classes))
    assert set(cells["bin"]) == {expected}


def test_tables_by_something_split_the_cells():
    cells = acceptance.measure_cells(measured_by_hand())
    by_labels = acceptance.measure(cells, "labels")
    assert by_labels.index.get_level_values("labels").tolist() == [8, 256]
    assert by_labels["log-loss / CV"].tolist() == pytest.approx([4 / 6, 5 / 4])
    assert acceptance.measure(cells, "dataset")["worst is"].tolist() == ["one", "two"]


# the report


def test_summary_begins_with_the_targets_at_few_labels():
    rows = measured_by_hand(labels=512)
    first, _, by_labels = (list(report.acceptance_sections(rows))[i] for i in (0, 1, 3))
    assert "| 1 | 1 | 0.667 |" in first
    assert "| 512 | 1 | 1 | **1.250** |" in by_labels
    assert report.summarise(rows, None).startswith(f"# Few-shot benchmark\n\n{first}\n")


def test_summary_without_ours_or_the_reference_or_a_metric():
    rows = random_table()
    without = report.summarise(rows[rows["method"] != OURS], None)
    assert "run all three to see them" in without
    assert f"## Means, and those of {REFERENCE} on the same cells" in without
    assert "run all three to see them" in report.summarise(rows[rows["method"] == "5-NN"], None)
    assert "nan" not in report.summarise(rows.assign(brier=np.nan, auroc=np.nan), None)


def test_report_of_files(tmp_path, capsys):
    rows = random_table()
    files = [tmp_path / name for name in ("one.csv", "two.csv")]
    for file, (_, part) in zip(files, rows.groupby(rows["method"] == "5-NN"), strict=True):
        part.to_csv(file, index=False)
    report.main([*map(str, files), "--plots", str(tmp_path / "plots")])
    assert capsys.readouterr().out.strip() == report.summarise(report.read(files), None).strip()
    drawn = {path.name for path in (tmp_path / "plots").iterdir()}
    assert drawn == {f"{kind}-development-balanced-0.png" for kind in ("ranks", "curves")}
    with pytest.raises(
        SystemExit, match=f"once in each cell and seed, but {OURS}, .* is there again; pass one"
    ):
        report.read([files[0]] * 2)
