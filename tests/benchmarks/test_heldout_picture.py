"""The picture of README.md is drawn, and the table beside it in results.md has the numbers of its file."""

import csv
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_picture_is_drawn(tmp_path):
    main = runpy.run_path(str(ROOT / "benchmarks/studies/heldout_picture.py"))["main"]
    main(["--out", str(tmp_path / "results.png")])
    assert (tmp_path / "results.png").stat().st_size > 10_000


def test_results_page_has_the_numbers_of_the_file():
    page = (ROOT / "docs/results.md").read_text(encoding="utf-8")
    with (ROOT / "benchmarks/results/heldout_text.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            points = f"{float(row['accuracy_points']):+.1f}".replace("+0.0", "0.0")
            assert f"| {row['labels']} | {row['log_loss_ratio']} | {points} |" in page
