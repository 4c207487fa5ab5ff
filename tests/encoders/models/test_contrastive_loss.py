"""Training of a sentence encoder: which texts a step sees, and its loss."""

import numpy as np
import pytest
import torch
from conftest import build_sentence_transformer
from numpy.testing import assert_allclose, assert_array_equal

from sktart.encoders.models._adapted import assign_folds
from sktart.encoders.models._contrastive import (
    Trainee,
    contrastive_loss,
    copy_without_tables,
    draw_pairs,
    trained_weights,
)


def test_a_step_has_pairs_of_a_class_and_all_classes_and_rows_equally_often():
    codes = np.array([2, 0, 0, 2, 1, 2, 0, 2])
    steps = list(draw_pairs(codes, 6, np.random.RandomState(0)))
    places = np.concatenate(steps)
    assert [len(step) for step in steps] == [16] * 6
    assert (codes[places[::2]] == codes[places[1::2]]).all()
    assert np.bincount(codes[places]).tolist() == [32, 32, 32]
    times = np.bincount(places)
    for code in range(3):
        assert np.ptp(times[codes == code]) <= 1


def test_a_pair_is_two_texts_where_a_class_has_two():
    codes = np.array([0, 0, 1, 1])
    places = np.concatenate(list(draw_pairs(codes, 20, np.random.RandomState(0))))
    assert (places[::2] != places[1::2]).all()


def test_the_loss_is_that_of_the_paper():
    rng = np.random.default_rng(0)
    vectors, codes = rng.standard_normal((6, 4)), np.array([0, 0, 1, 1, 0, 1])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = []
    for i in range(6):
        others = [a for a in range(6) if a != i]
        total = sum(np.exp(unit[i] @ unit[a] / 0.1) for a in others)
        same = [p for p in others if codes[p] == codes[i]]
        expected.append(-np.mean([np.log(np.exp(unit[i] @ unit[p] / 0.1) / total) for p in same]))
    loss = contrastive_loss(torch.from_numpy(vectors), torch.from_numpy(codes))
    assert_allclose(loss.item(), np.mean(expected), rtol=1e-6)


def test_folds_spread_classes_and_hold_equal_texts_together():
    texts = ["a", "b", "c", "d", "e", "f", "a", "b", "g"]
    codes = np.array([0, 0, 0, 0, 1, 1, 0, 0, -1])
    fold = assign_folds(texts, codes, 2, np.random.RandomState(0))
    assert fold[8] == -1
    assert (fold[0], fold[1]) == (fold[6], fold[7])
    assert_array_equal(np.sort(fold[:4]), [0, 0, 1, 1])
    assert_array_equal(np.sort(fold[4:6]), [0, 1])
    assert (assign_folds(texts, codes, 1, np.random.RandomState(0)) == -1).all()


@pytest.fixture
def model(tmp_path):
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(build_sentence_transformer(tmp_path)), device="cpu")


def test_a_copy_shares_the_tables_of_tokens_and_no_gradient(model):
    copied = copy_without_tables(model)
    own, trained = dict(copied.named_parameters()), trained_weights(copied)
    for name, weight in model.named_parameters():
        is_table = name.endswith("embeddings.weight")
        assert (name in trained) != is_table
        assert (own[name].data_ptr() == weight.data_ptr()) == is_table
    (copied(copied.preprocess(["good film"]))["sentence_embedding"].sum()).backward()
    assert all(weight.grad is None for weight in model.parameters())


def test_each_training_begins_at_the_same_weights_and_leaves_the_limit_of_tokens(model):
    from sktart.encoders import Adaptation

    class Bar:
        steps = 0

        def update(self, n):
            self.steps += n

    trainee, bar = Trainee(model, None), Bar()
    texts, codes = ["good film", "good plot", "bad film", "bad plot"], np.array([0, 0, 1, 1])
    found = []
    for _ in range(2):
        trainee.train(texts, codes, Adaptation(steps=2), np.random.RandomState(0), bar)
        found.append(trainee.weights())
    assert bar.steps == 4
    assert all((found[0][name] == found[1][name]).all() for name in found[0])
    assert any(
        (found[0][name] != weight.detach().numpy()).any() for name, weight in trained_weights(model).items()
    )
    assert trainee.model.max_seq_length == model.max_seq_length == 16
