import numpy as np
import pandas as pd

from benchmarks.fewshot.readers import DataSet, plain_sets
from benchmarks.studies import pool_metric


def rows_along_many_directions():
    rng = np.random.default_rng(0)
    y = np.arange(600) % 2
    X = rng.normal(size=(600, 64))
    X[:, 0] = 2.5 * X[:, 0] + 2 * (2 * y - 1)
    vectors = tuple(np.eye(1, 64) * sign + rng.normal(size=64) / 4 for sign in (-1, 1))
    return DataSet("made", "text", X, y, None, class_vectors=vectors)


def test_rows_in_the_metric_are_told_apart_better_where_classes_differ_along_their_spread():
    data = rows_along_many_directions()
    found = [
        {"dataset": "made", "dimension": 40.0, "labels": n, "seed": seed, **score}
        for n in (0, 8)
        for seed in range(4)
        for score in pool_metric.read_each_way(data, n, seed, None)
    ]
    assert {(line["labels"], line["read"]) for line in found} == {(0, "both"), (8, "pool"), (8, "both")}
    cells = pool_metric.against_plain(pd.DataFrame(found))
    assert (cells["ratio"]["in the metric"] < 0).all()
    text = pool_metric.table(cells, ["labels"])
    assert "| known | rows are compared | 0 | 8 |" in text
    assert pool_metric.PLAIN not in text


def test_effective_dimension_is_that_of_equal_axes():
    X = np.random.default_rng(0).normal(size=(3000, 10)) * np.r_[np.ones(4), np.zeros(6)]
    np.testing.assert_allclose(pool_metric.effective_dimension(X), 4, rtol=0.01)


def test_sets_behind_an_encoder_are_of_its_modality():
    assert plain_sets("development", pool_metric.modality_of("pixels")) == ["mnist", "cifar10"]
    texts = plain_sets("development", pool_metric.modality_of("minilm"))
    assert "sst2" in texts
    assert not any(name.startswith("raft") or "_to_" in name for name in texts)
