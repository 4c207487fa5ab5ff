from argparse import Namespace

import pandas as pd
import pytest
from made_data import make_data

from benchmarks.studies import options


def test_options_are_paired_with_the_default_by_hand():
    about = {"modality": "text", "dataset": "d", "shares": "balanced"}
    table = pd.DataFrame(
        about | {"labels": n, "seed": 0, "variant": v, "log_loss": loss, "accuracy": right, "ece": 0.1}
        for n, v, loss, right in [
            (8, options.DEFAULT, 0.5, 0.7),
            (16, options.DEFAULT, 0.4, 0.8),
            (32, options.DEFAULT, 0.3, 0.9),
            (8, "warm", 0.4, 0.71),
            (16, "warm", 0.5, 0.83),
        ]
    )
    line = next(line for line in options.compare(table) if line[:2] == ["warm", "all"])
    assert line[2] == 2  # the cell that it lacks is left out
    assert line[3] == pytest.approx(1.0)
    assert line[4] == pytest.approx(2.0)
    assert line[6] == "50 %"


@pytest.mark.parametrize("variant", options.VARIANTS)
def test_every_option_answers(variant):
    args = Namespace(queries=20, variants=[variant])
    (row,) = options.measure(make_data(), 48, "balanced", 0, args)
    assert row["variant"] == variant
    assert 0 < row["log_loss"] < 3
    assert row["accuracy"] > 0.3
