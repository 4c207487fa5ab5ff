import math

import numpy as np
import pytest
import torch
from scipy.special import expit, logsumexp

from sktart.pretrain._bayes import posterior_predictive

SCALE = (0.5, 10.0)
FEW = {"n_samples": 16, "n_warmup": 16}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def contexts(n_features, n_rows=12, n_queries=6):
    """Four tasks: noisy labels, separable ones, only one label, labels without signal."""
    rng = np.random.default_rng(n_features)
    x = rng.standard_normal((4, n_rows + n_queries, n_features))
    logits = x @ np.linspace(1.0, -0.5, n_features)
    y = (expit(logits) > rng.random(logits.shape)).astype(float)
    y[1] = logits[1] > 0
    y[2] = 1.0
    y[3] = rng.integers(0, 2, y.shape[1])
    return x[:, :n_rows], y[:, :n_rows], x[:, n_rows:]


def grid_predictive(x, y, query_x, scale):
    """Integrate over a grid of w, up to 4.5 standard deviations, and of log a, for one task."""
    n_features = x.shape[1]
    reach = 4.5 * scale[1]
    axis = np.linspace(-reach, reach, {1: 8001, 2: 501}[n_features])
    w = np.stack(np.meshgrid(*[axis] * n_features), -1).reshape(-1, n_features)
    log_a = np.linspace(*np.log(scale), 101)
    ends = np.where(np.isin(np.arange(101), [0, 100]), 0.5, 1.0)  # trapezoid
    square = np.linspace(0, n_features * reach**2, 4001) ** 2 / (n_features * reach**2)  # dense near 0
    exponent = -square[:, None] / (2 * np.exp(2 * log_a)) - n_features * log_a
    log_prior = np.interp((w**2).sum(1), square, logsumexp(exponent, axis=1, b=ends))
    log_posterior = log_prior - np.logaddexp(0, -(w @ x.T) * (2 * y - 1)).sum(1)
    posterior = np.exp(log_posterior - logsumexp(log_posterior))
    return posterior @ expit(w @ query_x.T)


def predict(x, y, query_x, seed=0, **options):
    tasks = (torch.as_tensor(part) for part in (x, y, query_x))
    return posterior_predictive(*tasks, generator=generator(seed), **options)


@pytest.mark.parametrize(
    ("n_features", "padding", "scale"), [(1, 0, (2.0, 2.0)), (1, 0, SCALE), (1, 2, SCALE), (2, 0, SCALE)]
)
def test_probability_matches_integration_on_a_grid(n_features, padding, scale):
    x, y, query_x = contexts(n_features)
    truth = np.stack([grid_predictive(*task, scale) for task in zip(x, y, query_x, strict=True)])
    padded, padded_query = (np.pad(rows, [(0, 0), (0, 0), (0, padding)]) for rows in (x, query_x))
    bayes = predict(padded, y, padded_query, scale=scale, n_samples=300, n_warmup=128, n_chains=48)
    error = np.abs(bayes.probability.numpy() - truth)
    assert error.max() < 0.01
    assert np.sqrt((error**2).mean()) < 0.004
    assert (error < 4.5 * bayes.standard_error.numpy() + 0.001).all()
    assert bayes.r_hat.max() < 1.05


def test_an_empty_context_gives_the_prior():
    query_x = torch.randn(1, 5, 3, generator=generator())
    bayes = predict(torch.zeros(1, 0, 3), torch.zeros(1, 0), query_x, n_samples=300, n_warmup=64, n_chains=48)
    assert ((bayes.probability - 0.5).abs() < 4.5 * bayes.standard_error + 0.002).all()


@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_chains_agree_on_many_informative_rows(scale):
    rng = generator(1)
    x = torch.randn(2, 256 + 64, 16, generator=rng)
    chance = (scale * x @ torch.randn(2, 16, 1, generator=rng)).squeeze(2).sigmoid()
    y = torch.bernoulli(chance, generator=rng)
    bayes = predict(x[:, :256], y[:, :256], x[:, 256:], n_samples=800, n_warmup=1200)
    assert bayes.r_hat.max() < 1.05
    assert bayes.standard_error.mean() < 0.01
    assert (bayes.probability - chance[:, 256:]).abs().mean() < 0.1


def test_a_seed_gives_the_same_answer_in_the_shapes_of_the_batch_and_the_global_generator_is_untouched():
    x, y, query_x = (torch.from_numpy(part) for part in contexts(2))
    before = torch.get_rng_state()
    tasks = x.float(), y.long(), query_x.float()
    one, two, other = (predict(*tasks, seed, **FEW) for seed in (0, 0, 1))
    assert torch.equal(one.probability, two.probability)
    assert not torch.equal(one.probability, other.probability)
    assert torch.equal(before, torch.get_rng_state())
    assert one.probability.shape == one.standard_error.shape == (4, 6)
    assert one.r_hat.shape == (4,)
    assert one.probability.dtype == torch.float64


def test_huge_features_end():
    x = torch.tensor([[[1e100], [-1e100], [1e100]]], dtype=torch.float64)
    assert predict(x, torch.tensor([[1, 0, 0]]), x, **FEW).probability.isfinite().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scale": (0.0, 1.0)}, r"scale must be two .* with 0 < lower <= upper; got \(0.0, 1.0\)"),
        ({"scale": (2.0, 1.0)}, r"got \(2.0, 1.0\)"),
        ({"scale": (1.0, math.inf)}, r"scale must be two finite numbers .* got \(1.0, inf\)"),
        ({"n_samples": 15}, "n_samples and n_warmup must be at least 16.*n_samples=15"),
        ({"n_warmup": 15}, "n_samples and n_warmup must be at least 16.*n_warmup=15"),
        ({"n_chains": 1}, "n_chains at least 2.*n_chains=1"),
        ({"x": torch.zeros(3, 2)}, r"must be \(B, N, D\), \(B, N\), \(B, M, D\); got \(3, 2\)"),
        ({"y": torch.zeros(1, 4)}, r"got \(1, 3, 2\), \(1, 4\), \(1, 5, 2\)"),
        ({"query_x": torch.zeros(1, 5, 3)}, r"got \(1, 3, 2\), \(1, 3\), \(1, 5, 3\)"),
        ({"query_x": torch.zeros(2, 5, 2)}, r"got \(1, 3, 2\), \(1, 3\), \(2, 5, 2\)"),
        ({"query_x": torch.zeros(5, 2)}, r"got \(1, 3, 2\), \(1, 3\), \(5, 2\)"),
        ({"x": torch.full((1, 3, 2), math.nan)}, "context_x and query_x must be finite"),
        ({"query_x": torch.full((1, 5, 2), math.inf)}, "context_x and query_x must be finite"),
        ({"y": -torch.ones(1, 3)}, r"context_y must hold labels 0 and 1; got the values \[-1.0\]"),
    ],
)
def test_tasks_and_options_that_break_a_rule_raise(change, message):
    given = {"x": torch.zeros(1, 3, 2), "y": torch.zeros(1, 3), "query_x": torch.zeros(1, 5, 2), **FEW}
    with pytest.raises(ValueError, match=message):
        predict(**given | change)
