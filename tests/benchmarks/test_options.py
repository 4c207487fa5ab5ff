from argparse import Namespace

import pytest
from made_data import make_data
from made_rows import row, table

from benchmarks.studies import options


def test_options_are_paired_with_the_default_by_hand():
    measured = [
        row("sktart", loss, accuracy, labels=labels, variant=variant)
        for variant, labels, loss, accuracy in [
            (options.DEFAULT, 8, 0.5, 0.7),
            (options.DEFAULT, 16, 0.4, 0.8),
            (options.DEFAULT, 32, 0.3, 0.9),
            ("warm", 8, 0.4, 0.71),
            ("warm", 16, 0.5, 0.83),
        ]
    ]
    line = next(line for line in options.compare(table(*measured)) if line[:2] == ["warm", "all"])
    assert line[2] == 2  # the cell that it lacks is left out
    assert line[3:5] == pytest.approx([1.0, 2.0])
    assert line[6] == "50 %"


@pytest.mark.parametrize("variant", options.VARIANTS)
def test_every_option_answers(variant):
    args = Namespace(queries=20, variants=[variant])
    (row,) = options.measure(make_data(), 48, "balanced", 0, args)
    assert row["variant"] == variant
    assert 0 < row["log_loss"] < 3
    assert row["accuracy"] > 0.3
