"""The picture of results.md is drawn, and the table beside it has the numbers of the measured cells."""

import runpy
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[2]


def test_picture_is_drawn(tmp_path):
    main = runpy.run_path(str(ROOT / "benchmarks/studies/heldout_picture.py"))["main"]
    main(["--out", str(tmp_path / "results.png")])
    assert (tmp_path / "results.png").stat().st_size > 10_000


def test_results_page_has_the_numbers_of_the_cells():
    gains = runpy.run_path(str(ROOT / "benchmarks/studies/heldout_picture.py"))["gains"]
    page = (ROOT / "docs/results.md").read_text(encoding="utf-8")
    cells = pd.read_csv(ROOT / "benchmarks/results/knowledge_cells.csv")
    over_cv, over_c1 = gains(cells), gains(cells, "LogisticRegression(C=1)")
    for (_, cv), (_, c1) in zip(over_cv.iterrows(), over_c1.iterrows(), strict=True):
        line = (
            f"| {cv['labels']:.0f} | {cv['log_loss_ratio']:.3f} | {cv['accuracy_points']:+.1f} "
            f"| {c1['accuracy_points']:+.1f} |"
        )
        assert line in page
