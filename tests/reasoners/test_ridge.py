"""Ridge regression inside the gram reasoner, against scikit-learn's."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from sklearn.linear_model import Ridge

from sktart.reasoners._ridge import STRENGTHS, TEMPERATURES, solve_ridge


def draw(n, d, n_classes=3, seed=0, weight=None):
    """Rows centred by their weighted mean, labels of -1 and 1, weights; all in float64."""
    rng = np.random.default_rng(seed)
    weight = np.ones(n) if weight is None else weight
    x = rng.normal(size=(n, d))
    x -= np.average(x, axis=0, weights=weight)
    label = 2.0 * (np.arange(n) % n_classes == np.arange(n_classes)[:, None]) - 1
    return x, label, weight


def solve(x, label, weight):
    return solve_ridge(*(torch.from_numpy(part)[None] for part in (x, label, weight)))


# Fewer features than rows and more: two ways to the same solution.
SHAPES = pytest.mark.parametrize("n, d", [(12, 4), (7, 20)])


@SHAPES
def test_predictions_are_those_of_scikit_learn(n, d):
    x, label, weight = draw(n, d)
    query = np.random.default_rng(1).normal(size=(5, d))
    ridge, _ = solve(x, label, weight)
    rows = torch.from_numpy(query)[None]
    smoothers = ridge.weights(rows)
    predicted, variance = ridge.predict(rows, smoothers)
    for k, strength in enumerate(STRENGTHS):
        expected = Ridge(alpha=strength).fit(x, label.T).predict(query) - label.mean(1)
        np.testing.assert_allclose(predicted[0, :, :, k].T, expected, atol=1e-12)
        summed = smoothers[0, k].numpy() @ (label - label.mean(1, keepdims=True)).T
        np.testing.assert_allclose(summed, expected, atol=1e-12)
        posterior = strength * np.linalg.inv(x.T @ x + strength * np.eye(d))
        np.testing.assert_allclose(variance[0, :, k], np.einsum("ij,jk,ik->i", query, posterior, query))


def test_rows_about_another_origin_have_the_same_solution():
    x, label, weight = (torch.from_numpy(part)[None] for part in draw(12, 4))
    about_mean, held_out = solve_ridge(x, label, weight)
    moved, held_out_moved = solve_ridge(x + 5, label, weight, is_centred=False)
    torch.testing.assert_close(moved.weights(x + 5), about_mean.weights(x))
    torch.testing.assert_close(held_out_moved.prediction, held_out.prediction)
    for one, other in zip(
        moved.predict(x + 5, moved.weights(x + 5)),
        about_mean.predict(x, about_mean.weights(x)),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


@SHAPES
def test_held_out_predictions_are_those_of_a_fit_without_the_row(n, d):
    x, label, weight = draw(n, d)
    _, held_out = solve(x, label, weight)
    for k, strength in enumerate(STRENGTHS):
        for i in range(n):
            rest = np.arange(n) != i
            refit = Ridge(alpha=strength).fit(x[rest], label[:, rest].T)
            expected = refit.predict(x[[i]])[0] - label.mean(1)
            np.testing.assert_allclose(held_out.prediction[0, :, i, k], expected, atol=1e-10)
            posterior = strength * np.linalg.inv(x[rest].T @ x[rest] + strength * np.eye(d))
            assert held_out.variance[0, i, k].item() == pytest.approx(x[i] @ posterior @ x[i])


def test_error_is_that_of_the_held_out_predictions():
    _, held_out = solve(*(parts := draw(30, 3)))
    target = torch.from_numpy(parts[1] - parts[1].mean(1, keepdims=True))[:, :, None]
    ratio = (held_out.prediction[0] - target).square().mean(1) / target.square().mean(1)
    torch.testing.assert_close(held_out.error[0].exp(), ratio, rtol=0.02, atol=0)  # 1e-2 keeps it finite


@SHAPES
def test_a_weight_of_two_is_the_row_twice(n, d):
    counts = 1 + np.arange(n) % 3
    x, label, weight = draw(n, d, weight=counts.astype(float))
    once, weighted = solve(x, label, weight)
    twice, repeated = solve(x.repeat(counts, axis=0), label.repeat(counts, axis=1), np.ones(counts.sum()))
    first = np.cumsum(counts) - counts
    torch.testing.assert_close(once.solution, twice.solution)
    torch.testing.assert_close(weighted.prediction, repeated.prediction[:, :, first])
    torch.testing.assert_close(weighted.variance, repeated.variance[:, first])
    torch.testing.assert_close(weighted.error, repeated.error)


def test_float32_is_solved_in_float64():
    parts = [torch.from_numpy(part)[None].float() for part in draw(40, 60)]
    (_, found), (_, exact) = solve_ridge(*parts), solve_ridge(*(part.double() for part in parts))
    assert found.prediction.dtype == torch.float32
    torch.testing.assert_close(found.prediction, exact.prediction.float(), atol=0, rtol=1e-6)


def test_rows_without_spread_predict_the_shares():
    ridge, held_out = solve(np.zeros((6, 2)), *draw(6, 2)[1:])
    assert (ridge.solution == 0).all()
    # Without a row, its class has one row less.
    assert torch.isfinite(held_out.prediction).all()
    assert torch.isfinite(held_out.error).all()


def test_what_cannot_be_solved_gives_no_numbers_and_no_exception(monkeypatch):
    x, label, weight = draw(6, 2)
    assert solve(np.where(x == x[0, 0], np.nan, x), label, weight)[0].solution.isnan().any()

    def fails(matrix):
        return matrix, torch.ones(matrix.shape[:2], dtype=torch.int32)

    monkeypatch.setattr(torch.linalg, "cholesky_ex", fails)
    assert solve(x, label, weight)[0].solution.isnan().all()


def test_one_row_that_holds_nearly_all_weight_is_left_out_as_any_other():
    weight = np.array([1.0, 1e-9, 1e-9])
    x, _, _ = draw(3, 1, weight=weight)
    label = np.array([[1.0, -1.0, -1.0]])
    _, held_out = solve(x, label, weight)
    # The rest says -1, and labels are counted from their weighted mean, nearly 1.
    np.testing.assert_allclose(held_out.prediction[0, 0, 0], -2.0, atol=1e-5)


@pytest.mark.parametrize("weight", [None, np.array([1.0, 2, 1, 0.5, 3, 1, 1])])
def test_linear_answer_weighs_strengths_and_temperatures_by_the_labels_held_out(weight):
    x, label, weight = draw(7, 20, weight=weight)
    ridge, held_out = solve(x, label, weight)
    offset = np.average(label, axis=1, weights=weight)
    unseen = held_out.prediction[0].numpy() + offset[:, None, None]  # (C, N, K)
    of_label = label.argmax(axis=0)
    likelihood = np.array(
        [
            [
                weight @ log_softmax(unseen[..., k] / t, axis=0)[of_label, np.arange(7)]
                for k in range(len(STRENGTHS))
            ]
            for t in TEMPERATURES
        ]
    )
    posterior = softmax(likelihood)
    trust = (posterior / np.array(TEMPERATURES)[:, None]).sum(axis=0)
    np.testing.assert_allclose(ridge.trust[0], trust, rtol=1e-12)
    predicted = torch.from_numpy(np.random.default_rng(1).normal(size=(1, 3, 5, len(STRENGTHS))))
    expected = ((predicted.numpy()[0] + offset[:, None, None]) * trust).sum(axis=-1)
    np.testing.assert_allclose(ridge.answer(predicted)[0], expected, rtol=1e-12)


def test_without_rows_all_strengths_are_trusted_alike():
    empty = torch.zeros(1, 0, 4, dtype=torch.float64)
    ridge, _ = solve_ridge(empty, torch.zeros(1, 2, 0, dtype=torch.float64), empty[..., 0], is_centred=False)
    expected = np.mean(1 / np.array(TEMPERATURES)) / len(STRENGTHS)
    np.testing.assert_allclose(ridge.trust, np.full((1, len(STRENGTHS)), expected))
    assert not ridge.offset.any()


@SHAPES
@pytest.mark.parametrize("is_centred", [True, False])
def test_sums_over_rows_say_the_same_as_rows(n, d, is_centred):
    x, label, weight = (torch.from_numpy(part)[None] for part in draw(n, d))
    x = x if is_centred else x + 5
    kept, kept_held_out = solve_ridge(x, label, weight, is_centred=is_centred)
    summed, held_out = solve_ridge(x, label, weight, is_centred=is_centred, is_summed=True)
    assert summed.operators.shape[2] == d
    query = torch.from_numpy(np.random.default_rng(1).normal(size=(1, 5, d)))
    for one, other in zip(
        summed.predict(query, summed.weights(query)), kept.predict(query, kept.weights(query)), strict=True
    ):
        torch.testing.assert_close(one, other)
    for name in ("prediction", "variance", "error"):
        torch.testing.assert_close(getattr(held_out, name), getattr(kept_held_out, name))
    torch.testing.assert_close(summed.trust, kept.trust)
