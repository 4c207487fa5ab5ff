"""What unlabelled rows tell, in tasks of a prior and on real sets."""

import json

import numpy as np
import pytest

from benchmarks.studies import pool_worth


def test_classes_stand_out_by_the_variance_between_them_over_the_largest_within():
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=4000)
    X = rng.normal(size=(4000, 5))
    X[:, 0] += 6.0 * y  # class means 3 on either side: a variance of 9
    out, dimension = pool_worth.spread(X, y)
    assert out == pytest.approx(9, rel=0.1)
    assert dimension == pytest.approx(5, rel=0.02)


def test_noise_does_not_make_classes_stand_out():
    rng = np.random.default_rng(0)
    found = [pool_worth.spread(rng.normal(size=(60, 30)), rng.integers(2, size=60))[0] for _ in range(200)]
    assert abs(np.mean(found)) < 0.02


def test_a_line_for_each_component_that_has_a_pool(tmp_path, capsys):
    options = {"n_features": [8, 8]}
    tasks = {"n_classes": [2, 2], "weight": 1.0}
    components = [
        {"family": "linear", **tasks, "options": options},
        {"family": "logistic", **tasks, "labels_only": True},
        {"family": "clusters", **tasks, "options": {**options, "separation": [6, 6], "scatter": [0, 0]}},
    ]
    (tmp_path / "recipe.json").write_text(json.dumps({"prior": components}))
    arguments = ["--data", str(tmp_path), "--datasets", "--recipe", str(tmp_path / "recipe.json")]
    pool_worth.main([*arguments, "--calls", "3"])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| 1 linear", "| 3 clusters"]
    linear, clusters = (float(line.split(" | ")[4]) for line in lines[2:])
    assert clusters < linear  # a pool shows clusters, and says little of a direction
