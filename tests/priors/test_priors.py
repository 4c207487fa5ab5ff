"""The synthetic tasks: what every family promises, and the families without a file of their own."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from drawing import fixed, generator, held_out_accuracy, spectrum_slope
from scipy.special import expit, log_expit
from sklearn.linear_model import LogisticRegression

from sktart.exceptions import RecipeError
from sktart.priors import FAMILIES, _draws
from sktart.priors._linear import sample_linear
from sktart.priors._logistic import sample_logistic
from sktart.priors._mlp import sample_mlp
from sktart.priors._topics import sample_topics

N_CLASSES = {"logistic": 2, "linear": 5, "clusters": 5, "mlp": 5, "topics": 5}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_task_is_a_function_of_the_generator(family):
    before = torch.get_rng_state()
    first, again, other = (
        FAMILIES[family].sample(generator(seed), 6, 40, N_CLASSES[family]) for seed in (0, 0, 1)
    )
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[1], other[1])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("family", FAMILIES)
def test_shapes_types_and_ranges(family):
    n_classes = N_CLASSES[family]
    x, y = FAMILIES[family].sample(generator(), 400, 40, n_classes, n_features=(2, 5))
    assert x.shape == (400, 40, 5)
    assert y.shape == (400, 40)
    assert (x.dtype, y.dtype) == (torch.float32, torch.int64)
    assert torch.isfinite(x).all()
    assert y.unique().tolist() == list(range(n_classes))
    used = x.std(1) > 0
    counts = used.sum(1)
    assert set(counts.tolist()) == {2, 3, 4, 5}
    assert torch.equal(used, torch.arange(5) < counts[:, None])  # all features beyond are zero


def test_numbers_of_features_are_uniform_in_the_logarithm_or_plainly():
    plain = _draws.feature_mask(generator(), 20_000, (1, 16), logarithmic=False).sum(1)
    assert plain.mean().item() == pytest.approx(8.5, abs=0.15)
    logarithmic = _draws.feature_mask(generator(), 20_000, (2, 512), logarithmic=True).sum(1)
    assert logarithmic.median().item() == pytest.approx(math.sqrt(2 * 513), rel=0.05)


@pytest.mark.parametrize("edge", [0.0, 1 - 2**-24])
def test_extreme_draws_stay_within_the_bounds(monkeypatch, edge):
    monkeypatch.setattr(torch, "rand", lambda *shape, generator: torch.full(*shape, edge))
    for low, high in [(2, 2), (3, 10), (4, 320), (48, 512), (5, 7), (1, 100_000)]:
        expected = high if edge else low
        assert _draws.log_uniform_int(generator(), (low, high)) == expected
        for logarithmic in (False, True):
            mask = _draws.feature_mask(generator(), 1, (low, high), logarithmic=logarithmic)
            assert mask.sum() == expected
    assert _draws.categorical(generator(), torch.tensor([[0.0, 30.0, -30.0]])).tolist() == [1]


def test_categorical_draws_have_the_probabilities_of_softmax():
    logits = torch.tensor([0.0, 1.0, -2.0, 3.0])
    drawn = _draws.categorical(generator(), logits.expand(200_000, -1))
    shares = torch.bincount(drawn, minlength=4) / len(drawn)
    torch.testing.assert_close(shares, logits.softmax(0), atol=0.005, rtol=0)


def test_directions_have_unit_length_on_average_and_the_asked_spectrum():
    size = torch.tensor([[4.0, 2.0, 0.0], [1.0, 1.0, 1.0]])
    square = _draws.directions(generator(), 50_000, size).square().mean(1)
    torch.testing.assert_close(square.sum(1), torch.ones(2), atol=0.02, rtol=0)
    torch.testing.assert_close(square[0], torch.tensor([0.8, 0.2, 0.0]), atol=0.02, rtol=0)


def test_half_of_the_tasks_have_intercepts():
    drawn = _draws.intercepts(generator(), 4000, 5, 0.7)
    assert drawn.shape == (4000, 1, 5)
    there = (drawn != 0).flatten(1)
    assert torch.equal(there.any(1), there.all(1))
    assert there.all(1).float().mean().item() == pytest.approx(0.5, abs=0.03)
    assert drawn[there.all(1)].std().item() == pytest.approx(0.7, rel=0.03)


def test_logistic_features_are_standard_normal():
    x, _ = sample_logistic(generator(), 50, 2000, 2, n_features=(4, 4))
    assert x.mean().abs() < 0.01
    torch.testing.assert_close(x.flatten(0, 1).T.cov(), torch.eye(4), atol=0.02, rtol=0)


@pytest.mark.parametrize("scale", [0.5, 10.0])
def test_logistic_labels_follow_the_definition_in_one_dimension(scale):
    """P(y = 1 | x) over w ~ N(0, a^2) is 1/2 for each x, so look at pairs: the integral over w is known."""
    x, y = sample_logistic(generator(), 60_000, 2, 2, **fixed(n_features=1, scale=scale))
    nodes, weights = np.polynomial.hermite_e.hermegauss(101)
    chance = expit(scale * nodes * x.numpy())  # (B, 2, nodes)
    agree = (chance.prod(1) + (1 - chance).prod(1)) @ weights / weights.sum()
    agreed = (y[:, 0] == y[:, 1]).numpy()
    for low, high in [(0, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 1)]:
        chosen = (agree >= low) & (agree < high)
        if chosen.sum() > 500:
            error = 4 * (agree[chosen] * (1 - agree[chosen])).mean() ** 0.5 / chosen.sum() ** 0.5
            assert agreed[chosen].mean() == pytest.approx(agree[chosen].mean(), abs=error)
    assert y.float().mean().item() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("n_features, scale", [(1, 3.0), (5, 0.7), (16, 2.0)])
def test_logistic_weights_and_labels_are_recovered_from_many_rows(n_features, scale):
    """Maximum likelihood on many rows is the true w: its length is a sqrt(D), and its answers are calibrated."""
    x, y = sample_logistic(generator(3), 12, 6000, 2, **fixed(n_features=n_features, scale=scale))
    squares = []
    for rows, labels in zip(x.numpy(), y.numpy(), strict=True):
        model = LogisticRegression(C=1e4, max_iter=500).fit(rows[:4000], labels[:4000])
        squares.append((model.coef_**2).mean())
        assert abs(model.intercept_[0]) < 0.4
        log_odds = model.decision_function(rows[4000:].astype(np.float64))
        proba, signs = expit(log_odds), 2 * labels[4000:] - 1
        gap = (labels[4000:] - proba).sum() / np.sqrt((proba * (1 - proba)).sum())
        assert abs(gap) < 5
        loss = -log_expit(signs * log_odds).mean()
        floor = -(proba * log_expit(log_odds) + (1 - proba) * log_expit(-log_odds)).mean()
        assert loss == pytest.approx(floor, abs=0.04)
    # A chi-square mean with 12 D degrees of freedom.
    assert np.mean(squares) / scale**2 == pytest.approx(1, abs=5 * (2 / (12 * n_features)) ** 0.5)


def test_logistic_scale_is_log_uniform_over_tasks():
    """For one task |E[(2 y - 1) x]| = E[z tanh(|w| z / 2)]: its square is compared with a draw of our own of |w|."""
    n_rows, n_features, bounds = 1500, 4, (0.05, 5.0)
    x, y = sample_logistic(generator(), 1500, n_rows, 2, n_features=(n_features, n_features), scale=bounds)
    square = ((2 * y - 1)[..., None] * x).mean(1).square().sum(1).numpy() - n_features / n_rows
    rng = np.random.default_rng(0)
    length = np.exp(rng.uniform(*np.log(bounds), size=1500))
    length *= np.sqrt(rng.chisquare(n_features, size=1500))
    nodes, weights = np.polynomial.hermite_e.hermegauss(101)
    expected = (nodes * np.tanh(length[:, None] * nodes / 2) @ weights / weights.sum()) ** 2
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        assert np.quantile(square, share) == pytest.approx(np.quantile(expected, share), abs=0.06)


def test_logistic_has_two_classes_only():
    with pytest.raises(RecipeError, match="the logistic prior has 2 classes; got n_classes=3"):
        sample_logistic(generator(), 4, 4, 3)


without_topics = partial(sample_topics, **fixed(crowding=0.0, tails=0.0, by_topic=0.0, within=0.0))
TEACHERS = pytest.mark.parametrize("sample", [sample_linear, without_topics], ids=["linear", "topics"])


@pytest.mark.parametrize("exponent", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("sample", [sample_linear, sample_mlp, without_topics])
def test_features_of_teachers_have_a_power_law_spectrum(sample, exponent):
    x, _ = sample(generator(), 4, 2000, 3, **fixed(n_features=60, spectrum=exponent))
    for task in x:
        assert spectrum_slope(task) == pytest.approx(exponent, abs=0.02)
        assert task.std(0)[0].item() == pytest.approx(1, abs=0.08)


@TEACHERS
def test_labels_are_a_linear_function_of_the_features(sample):
    tasks = sample(generator(), 6, 3000, 2, **fixed(n_features=6, scale=30.0))
    assert held_out_accuracy(LogisticRegression(C=1e3, max_iter=2000), *tasks) > 0.95


@TEACHERS
def test_alignment_leans_the_signal_to_the_leading_features(sample):
    def leading_share(alignment):
        options = fixed(n_features=32, spectrum=0.0, alignment=alignment)
        x, y = sample(generator(), 40, 1500, 2, **options, intercept=0.0)
        signal = ((2 * y - 1)[..., None] * x).mean(1).square()
        return (signal[:, :8].sum(1) / signal.sum(1)).mean().item()

    assert leading_share(0.0) == pytest.approx(8 / 32, abs=0.05)
    assert leading_share(1.5) > 0.9


def test_linear_scale_is_the_spread_of_a_logit():
    """Without intercept and with many features the margin between two classes is N(0, 2 s^2)."""
    scale = 1.5
    options = fixed(n_features=100, spectrum=0.0, alignment=0.0, scale=scale)
    x, y = sample_linear(generator(), 8, 8000, 2, **options, intercept=0.0)
    lengths = []
    for rows, labels in zip(x.numpy(), y.numpy(), strict=True):
        model = LogisticRegression(C=1e4, max_iter=500, fit_intercept=False).fit(rows, labels)
        lengths.append(np.linalg.norm(model.coef_))
    assert np.mean(lengths) == pytest.approx(scale * 2**0.5, rel=0.08)


def test_half_of_the_linear_tasks_have_an_intercept():
    _, y = sample_linear(generator(), 800, 300, 2, **fixed(n_features=3, scale=30.0), intercept=3.0)
    unbalanced = ((y.float().mean(1) - 0.5).abs() > 0.12).float().mean().item()
    assert 0.3 < unbalanced < 0.5  # half have one, some of these a small one


def test_mlp_teacher_bends():
    """A linear model is nearly right at small curvature, and far from the teacher at large."""

    def linear_accuracy(curvature):
        options = fixed(n_features=4, hidden=16, curvature=curvature, scale=30.0)
        return held_out_accuracy(LogisticRegression(), *sample_mlp(generator(), 12, 3000, 2, **options))

    assert linear_accuracy(0.01) > 0.94
    assert linear_accuracy(8.0) < 0.9
