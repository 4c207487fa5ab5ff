"""The bound of training on the very sets: tasks of real rows, and a table of before and after."""

import json
from dataclasses import replace

import numpy as np
import pytest
from tiny_knowing import save_knowing
from tiny_recipe import VALUES

from benchmarks.fewshot.readers import DataSet
from benchmarks.studies import trained_on_sets
from benchmarks.studies.trained_on_sets import SetStream, group_of_tasks, training_rows
from sktart import load_checkpoint
from sktart.pretrain._recipe import recipe_from_dict

# Row i is (i, class of i).
Y = np.arange(900) % 3
ROWS = np.stack([np.arange(900), Y], axis=1).astype(float)
SENTENCES = tuple(np.array([[10.0 * c, c], [10.0 * c + 1, c]]) for c in range(3))
SET = DataSet("made", "text", ROWS, Y, np.arange(900) >= 600, class_vectors=SENTENCES)
RECIPE = recipe_from_dict({**VALUES, "context_rows": [4, 60], "query_rows": 20, "max_tokens": 2000})


@pytest.mark.parametrize("seed", range(20))
def test_no_row_has_two_places_in_a_task_and_labels_are_those_of_rows(seed):
    tasks = group_of_tasks(np.random.default_rng(seed), SET, RECIPE)
    for task in range(len(tasks.query_x)):
        x = np.concatenate([part[task] for part in (tasks.context_x, tasks.pool_x, tasks.query_x)])
        y = np.concatenate([part[task] for part in (tasks.context_y, tasks.pool_y, tasks.query_y)])
        assert len(np.unique(x[:, 0])) == len(x)
        classes = {(int(label), int(row_class)) for label, row_class in zip(y, x[:, 1], strict=True)}
        assert len(classes) == tasks.n_classes  # one label for each class of the set
        if tasks.class_vectors is not None:
            vectors = tasks.class_vectors[task]
            assert all(int(vectors[label, 1]) == row_class for label, row_class in classes)


@pytest.mark.parametrize("seed", range(5))
def test_tasks_are_as_small_as_classes_are(seed):
    small = replace(SET, X=ROWS[:180], y=Y[:180], is_test=None)  # 60 rows a class, where a pool may have 256
    tasks = group_of_tasks(np.random.default_rng(seed), small, RECIPE)
    assert tasks.pool_x.shape[1] <= 60


def test_steps_differ_and_can_be_drawn_again():
    stream = SetStream(RECIPE, [SET])
    first, again, other = (stream[step][0].query_x for step in (0, 0, 1))
    assert first.equal(again)
    assert first.shape != other.shape or not first.equal(other)


def test_rows_that_queries_come_from_are_left_out():
    assert training_rows(SET).X[:, 0].max() == 599


def test_a_checkpoint_is_trained_and_read_before_and_after(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(900, 6)) + 4 * np.eye(3, 6)[Y]
    vectors = tuple(rng.normal(size=(1, 6)) + 4 * np.eye(3, 6)[c] for c in range(3))
    made = DataSet("made", "text", X, Y, np.arange(900) >= 600, class_vectors=vectors)
    monkeypatch.setattr(trained_on_sets, "load", lambda *_: made)
    monkeypatch.setattr(trained_on_sets, "LABELS", (8, 16))
    start, out = tmp_path / "start", tmp_path / "out"
    save_knowing(start)
    recipe = json.loads((start / "recipe.json").read_text())
    recipe.update(optimizer="muon", steps=2, steps_per_epoch=1, groups=1, max_tokens=2000)
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    arguments = ["--data", str(tmp_path), "--train", "made", "--read", "made", "--steps", "2", "--seeds", "1"]
    paths = ["--checkpoint", str(start), "--recipe", str(tmp_path / "recipe.json"), "--out", str(out)]
    trained_on_sets.main([*arguments, *paths])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        f"| {reading}, {reader}"
        for reader in ("before", "trained")
        for reading in ("labels only", "pool", "both")
    ]
    before, after = (dict(load_checkpoint(str(path)).reasoner.named_parameters()) for path in (start, out))
    assert any(not before[name].equal(after[name]) for name in before)
