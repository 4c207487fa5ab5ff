"""The picture of the prior: a panel for each task, and a small file."""

import json

import numpy as np
import torch
from tiny_recipe import VALUES

from benchmarks.studies import prior_pictures

LINEAR = {"family": "linear", "weight": 1.0, "n_classes": [2, 2], "options": {"n_features": [6, 6]}}
PRIOR = [
    {**LINEAR, "options": {"n_features": [1, 1]}},
    LINEAR,
    {"family": "clusters", "weight": 1.0, "n_classes": [20, 20], "projected": 1.0},
]


def test_dots_lie_along_principal_components():
    group = prior_pictures.draw_group(PRIOR[1], seed=3)
    axes = prior_pictures.Figure().subplots()
    prior_pictures.scatter(axes, group.context_x[0], group.context_y[0], 2)
    found = torch.from_numpy(np.asarray(axes.collections[0].get_offsets())).float()
    eigenvalues = torch.linalg.eigvalsh(group.context_x[0].T.cov())
    torch.testing.assert_close(found.T.cov(), eigenvalues[-2:].flip(0).diag(), atol=1e-4, rtol=1e-3)


def test_script_writes_the_same_small_picture_again(tmp_path):
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps({**VALUES, "prior": PRIOR}), encoding="utf-8")
    one, two = (tmp_path / name for name in ("one.png", "two.png"))
    for path in (one, two):
        prior_pictures.main(["--recipe", str(recipe), "--out", str(path)])
    assert one.read_bytes() == two.read_bytes()
    assert one.stat().st_size < 150_000
