import numpy as np
import pytest
import torch

from sktart.reasoners import _class_groups


def group_classes(means, size):
    return [group.numpy() for group in _class_groups.group_classes(torch.from_numpy(means), size)]


@pytest.mark.parametrize("n_classes, size", [(1, 2), (7, 3), (100, 20), (65, 32)])
def test_each_class_is_in_one_group_of_the_size_asked_for(n_classes, size):
    groups = group_classes(np.random.default_rng(0).normal(size=(n_classes, 9)), size)
    assert sorted(np.concatenate(groups)) == list(range(n_classes))
    assert max(map(len, groups)) <= size


def test_similar_classes_are_together():
    rng = np.random.default_rng(0)
    family = np.arange(40) % 4
    means = 10 * rng.normal(size=(4, 8))[family] + rng.normal(size=(40, 8))
    assert all(len(set(family[group])) == 1 for group in group_classes(means, 10))


def test_rotation_translation_and_scale_change_nothing():
    rng = np.random.default_rng(0)
    means = rng.normal(size=(37, 8))
    turn = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    groups, turned = group_classes(means, 5), group_classes(3 * means @ turn + 1, 5)
    assert [group.tolist() for group in groups] == [group.tolist() for group in turned]
