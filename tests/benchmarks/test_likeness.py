"""The comparison of a prior with real sets: its measures by hand, and the script as a whole."""

import json

import numpy as np
import pandas as pd
import pytest
from made_data import make_data
from tiny_recipe import VALUES

from benchmarks.studies import likeness

LINEAR = {"family": "linear", "weight": 1.0, "n_classes": [2, 4], "options": {"n_features": [6, 6]}}


@pytest.mark.parametrize("unit, place", [(1, 0), (9, -5)])
def test_measures_by_hand_whatever_place_and_unit(unit, place):
    X = np.array([[2.0, 0], [-2, 0], [0, 1], [0, -1]] * 4) * unit + place
    y = np.array([0, 1, 0, 1] * 4)
    found = likeness.measure(X, y, X[:4], y[:4])
    assert found["5-NN"] == found["LR(C=30)"] == 100
    assert found["nearest"] == pytest.approx(1)
    assert found["d_eff"] == pytest.approx((4 + 1) ** 2 / (4**2 + 1**2))
    diagonal = np.array([[2.0, 2], [2, 2]]) * unit + place
    assert likeness.measure(X, y, diagonal, y[:2])["nearest"] == pytest.approx(0.5**0.5)


def test_contexts_of_a_task_are_balanced_and_grow(monkeypatch):
    seen = []
    monkeypatch.setattr(likeness, "measure", lambda *parts: seen.append(parts) or {})
    component = {**LINEAR, "label_noise": 1.0, "projected": 1.0, "context_rows": [4, 4]}
    rows = list(likeness.measure_component(component, "1", 4, n_tasks=4, seed=0))
    expected = [(draw, labels) for draw in range(4) for labels in likeness.LABELS]
    assert [(row["draw"], row["labels"]) for row in rows] == expected
    assert [len(y) for _, y, _, _ in seen] == list(likeness.LABELS) * 4
    for small, middle, large in zip(seen[::3], seen[1::3], seen[2::3], strict=True):
        np.testing.assert_array_equal(small[0], large[0][:16])
        np.testing.assert_array_equal(middle[1], large[1][:64])
        assert np.bincount(small[1]).tolist() == [4] * 4
        assert small[2].shape == (likeness.QUERIES, 6)


def test_classes_of_a_data_set_are_drawn():
    data = make_data()
    found = [likeness.with_classes(data, 2, seed) for seed in range(6)]
    assert all(np.unique(chosen.y).tolist() == [0, 1] for chosen in found)
    assert all(len(chosen.X) == len(chosen.y) == len(chosen.is_test) for chosen in found)
    assert len({len(chosen.y) for chosen in found}) > 1
    assert len(likeness.with_classes(data, 3, 0).y) == len(data.y)


def test_tasks_are_binned_by_their_accuracy_and_a_set_as_a_whole():
    others = {"what": "it", "LR(C=30)": 1, "5-NN": 2, "d_eff": 3, "nearest": 0.5}
    rows = pd.DataFrame(
        others | {"draw": draw, "labels": labels, "LR(C=1)": accuracy}
        for draw, accuracy in enumerate([60, 61, 62, 90, 91, 92, 99])
        for labels in (16, 64)
    )
    ends = ["1 / 1 / -", "2 / 2 / -", "3 / 3 / -", "0.50 / 0.50 / -"]
    assert likeness.curves(rows, by_draw=True) == [
        ["57 to 65 %", "it", "3", "61 / 61 / -", *ends],
        ["88 to 95 %", "it", "3", "91 / 91 / -", *ends],
    ]
    assert likeness.curves(rows, by_draw=False) == [["73 to 80 %", "it", "7", "79 / 79 / -", *ends]]
    few = rows[rows["labels"] == 16]
    assert likeness.curves(few, by_draw=False)[0][:4] == ["-", "it", "7", "79 / - / -"]


def test_script_prints_sets_beside_components(tmp_path, capsys):
    late = {**LINEAR, "n_classes": [3, 4]}
    easy = {**LINEAR, "options": {"n_features": [6, 6], "scale": [30, 30], "intercept": 0.0}}
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps({**VALUES, "prior": [late, easy]}), encoding="utf-8")
    arguments = ["--data", str(tmp_path), "--cache", str(tmp_path), "--recipe", str(recipe)]
    likeness.main([*arguments, "--datasets", "breast_cancer", "--seeds", "1", "--tasks", "8"])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert "breast_cancer | 1 |" in "".join(lines)
    assert any("| 2 linear, D 6 to 6 |" in line for line in lines)
    assert not any("| 1 linear" in line for line in lines)


def test_validation_sets_are_not_looked_at(tmp_path, capsys):
    with pytest.raises(SystemExit):
        likeness.main(["--data", str(tmp_path), "--recipe", "r.json", "--datasets", "subj"])
    assert "invalid choice: 'subj'" in capsys.readouterr().err
