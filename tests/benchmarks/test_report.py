"""The targets, tables and summary of the few-shot benchmark, on made rows whose answers are known by hand."""

import numpy as np
import pandas as pd
import pytest
from made_rows import random_table, row, table

from benchmarks.fewshot import acceptance, report, summaries
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
    (line,) = acceptance.measure(acceptance.measure_cells(measured_by_hand())).to_dict("records")
    assert (line["split"], line["modality"], line["encoder"]) == ("development", "text", "e5")
    assert (line["shares"], line["noise"], line["worst_task"]) == ("balanced", 0, "two")
    expected = {"tasks": 2, "cells": 2, "log_loss_ratio": 0.9 / 1.0, "accuracy_points": -1, "ece": 0.03}
    expected |= {"accuracy_points_over_c1": 0, "both_beaten_percent": 50, "worst_task_points": -3}
    expected |= {"ece_ratio_over_c1": 0.3, "ece_ratio": 0.75}
    assert {name: line[name] for name in expected} == pytest.approx(expected)


def test_worst_task_is_a_mean_over_labels():
    cells = acceptance.measure_cells(measured_by_hand(dataset="one"))
    assert acceptance.measure(cells)["worst_task_points"].tolist() == pytest.approx([-1])


@pytest.mark.parametrize("change, missed", [
    ({}, ["accuracy_points", "both_beaten_percent", "worst_task_points"]),
    ({"noise": 0.1}, ["accuracy_points", "worst_task_points"]),  # only the sign is asked for
])  # fmt: skip
def test_missed_targets(change, missed):
    cells = acceptance.measure_cells(measured_by_hand()).assign(**change)
    (found,) = acceptance.measure(cells)["missed"]
    # The ratio is 0.9 within rounding, on either side.
    assert [name for name in found.split() if name != "log_loss_ratio"] == missed


@pytest.mark.parametrize(
    "classes, expected", [(2, "2"), (3, "3-8"), (8, "3-8"), (9, "9-14"), (14, "9-14"), (77, "more")]
)
def test_bins_of_classes(classes, expected):
    found = summaries.summaries(measured_by_hand().assign(classes=classes))
    assert found["by_classes"]["classes"].tolist() == [expected]
    assert ("many_classes" in found) == (expected == "more")


def test_tables_by_something_split_the_cells():
    found = summaries.summaries(measured_by_hand())
    assert found["by_labels"]["labels"].tolist() == [8, 256]
    assert found["by_labels"]["log_loss_ratio"].tolist() == pytest.approx([4 / 6, 5 / 4])
    assert found["by_data_set"]["worst_task"].tolist() == ["one", "two"]


def test_more_labels_count_by_labels_only():
    found = summaries.summaries(measured_by_hand(labels=512))
    assert found["targets"]["log_loss_ratio"].tolist() == pytest.approx([4 / 6])
    assert found["by_labels"]["labels"].tolist() == [8, 512]


# the other tables


def test_means_are_on_the_cells_that_both_have():
    losses = {"small": {OURS: 1.0, REFERENCE: 2.0, "GP": 1.5}, "large": {OURS: 3.0, REFERENCE: 4.0}}
    rows = [row(*each, dataset=name) for name, methods in losses.items() for each in methods.items()]
    means = summaries.means(table(*rows))[["method", "cells", "log_loss", "log_loss_sktart"]]
    assert means.to_numpy().tolist() == [[OURS, 2, 2, 2], [REFERENCE, 2, 3, 2], ["GP", 1, 1.5, 1]]


def test_every_cell_tells_what_was_lost():
    methods = ((OURS, 0.6, 0.7), (REFERENCE, 0.5, 0.6))
    rows = table(*(row(*method, seed=seed) for method in methods for seed in range(3)))
    (cell,) = summaries.cells(rows).to_dict("records")
    assert (cell["dataset"], cell["labels"], cell["baseline"]) == ("one", 8, REFERENCE)
    assert (cell["log_loss_ratio"], cell["accuracy_points"]) == pytest.approx((1.2, 10))
    assert (cell["log_loss_lost"], cell["accuracy_lost"]) == (True, False)
    tally = summaries.tally(rows).set_index("score")[["cells", "win", "tie", "loss"]]
    assert tally.loc["log_loss"].tolist() == [1, 0, 0, 1]
    assert tally.loc["accuracy"].tolist() == [1, 1, 0, 0]


def test_signed_ranks_tell_where_ours_is_worse():
    rows = [row(OURS, 0.5, 0.6, dataset=f"set {i}") for i in range(8)]
    rows += [row(REFERENCE, 0.3 - i / 100, 0.5 - i / 100, dataset=f"set {i}") for i in range(8)]
    signed = summaries.signed(table(*rows)).set_index("score")
    assert signed.loc[["log_loss", "accuracy"], "better"].tolist() == [0, 8]
    assert signed.loc[["log_loss", "accuracy"], "worse"].tolist() == [True, False]


def test_texts_come_first_and_splits_stay_apart():
    modalities = ["audio", "text", "table", "image"]
    rows = [row(OURS, 0.5, modality=modality, dataset=modality) for modality in modalities]
    rows += [row(OURS, 0.5, split="validation")]
    assert summaries.means(table(*rows))["modality"].tolist() == ["text", "image", "audio", "table", "text"]


def test_a_method_with_few_cells_has_no_rank():
    rows = random_table()
    few = summaries.ranks(rows[(rows["method"] != "5-NN") | (rows["labels"] == 8)])
    without = summaries.ranks(rows[rows["method"] != "5-NN"])
    assert set(without["method"]) == {OURS, REFERENCE, PLAIN}
    pd.testing.assert_frame_equal(few, without)


# the report


@pytest.mark.parametrize("methods, tables", [
    ([OURS, REFERENCE, PLAIN], "targets by_labels by_classes by_data_set means ranks signed_ranks tally cells"),
    ([OURS, REFERENCE], "means ranks signed_ranks tally cells"),
    ([REFERENCE, PLAIN], "means ranks"),
    ([OURS], "means"),
])  # fmt: skip
def test_tables_that_these_methods_have_something_for(methods, tables):
    rows = random_table().query("method in @methods")
    found = summaries.summaries(rows)
    assert set(found) == set(tables.split())
    summary = report.summarise(rows, found, None)
    assert ("run all three to see them" in summary) == ("targets" not in found)
    assert "Seeds: 0, 1." in summary


def test_summary_without_a_metric():
    rows = random_table().assign(brier=np.nan, auroc=np.nan)
    found = summaries.summaries(rows)
    assert set(found["ranks"]["score"]) == {"log_loss", "accuracy", "ece"}
    assert "nan" not in report.summarise(rows, found, None)


def test_report_of_files(tmp_path, capsys):
    rows = random_table()
    files, out = [tmp_path / name for name in ("one.csv", "two.csv")], tmp_path / "out"
    for file, (_, part) in zip(files, rows.groupby(rows["method"] == "5-NN"), strict=True):
        part.to_csv(file, index=False)
    report.main([*map(str, files), "--plots", str(tmp_path / "plots"), "--out", str(out)])
    assert (out / "fewshot.md").read_text(encoding="utf-8").strip() == capsys.readouterr().out.strip()
    for name, expected in summaries.summaries(rows).items():
        written = pd.read_csv(out / f"fewshot_{name}.csv", keep_default_na=False)
        assert list(written) == list(expected)
        assert len(written) == len(expected)
    drawn = {path.name for path in (tmp_path / "plots").iterdir()}
    assert drawn == {f"{kind}-development-balanced-0.png" for kind in ("ranks", "curves")}
    with pytest.raises(
        SystemExit, match=f"once in each cell and seed, but {OURS}, .* is there again; pass one"
    ):
        report.read([files[0]] * 2)
