"""The distance to Bayes: its parts against hand-made numbers, and the bar of the shipped checkpoint."""

import json
import math
from functools import partial

import numpy as np
import pytest
import torch

from sktart import load_checkpoint
from sktart.pretrain import _evaluate as evaluation
from sktart.pretrain._bayes import BayesPrediction, posterior_predictive
from sktart.pretrain._evaluate import bayes_distance, evaluate, logistic_tasks
from sktart.priors import FEWEST_TASKS, Tasks
from sktart.zoo._registry import PACKAGE

BARS = {16: 0.025, 64: 0.015, 256: 0.012}


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


def reasoner_that_answers(probability):
    """Stand in for a reasoner: logits whose softmax gives `probability` to class 1 for each query."""

    def answer(context_x, context_y, query_x, n_classes):
        chance = torch.as_tensor(probability, dtype=torch.float64).expand(query_x.shape[:2])
        return torch.stack([(1 - chance).log(), chance.log()], dim=-1)

    answer.max_context = None
    return answer


@pytest.fixture
def known_bayes(monkeypatch):
    """Replace the Markov chains by an answer of 0.25 to every query."""

    def quarter(context_x, context_y, query_x, *, scale, generator):
        chance = torch.full(query_x.shape[:2], 0.25, dtype=torch.float64)
        return BayesPrediction(chance, chance / 100, torch.ones(len(query_x)))

    monkeypatch.setattr(evaluation, "posterior_predictive", quarter)


@pytest.fixture
def short_chains(monkeypatch):
    """Return a function that sets how many and how long Markov chains are."""

    def shorten(length, n_chains):
        short = partial(posterior_predictive, n_samples=length, n_warmup=length, n_chains=n_chains)
        monkeypatch.setattr(evaluation, "posterior_predictive", short)

    return shorten


def test_kl_and_log_likelihood_by_hand():
    found = evaluation.kl(double(0.5, 0.25, 0.5, 0.0, 1.0, 0.5), double(0.5, 0.25, 0.25, 0.5, 0.5, 1.0))
    ends = 0.5 * math.log(0.25 / 1e-7)  # answers of 0 and 1 are clipped
    expected = double(0, 0, 0.5 * math.log(4 / 3), math.log(2), math.log(2), ends)
    torch.testing.assert_close(found, expected, rtol=0, atol=3e-6)
    found = evaluation._log_likelihood(double(0.25, 0.25, 0.0, 1.0), torch.tensor([1, 0, 1, 0]))
    torch.testing.assert_close(found, double(0.25, 0.75, 1e-7, 1e-7).log())


def distance_to_known_bayes(answer, n_tasks=4):
    return bayes_distance(reasoner_that_answers(answer), rows=8, n_tasks=n_tasks, n_queries=10)


@pytest.mark.usefixtures("known_bayes")
def test_bayes_against_itself_is_zero_from_the_fewest_tasks_on():
    distance = distance_to_known_bayes(0.25, n_tasks=FEWEST_TASKS)
    assert distance.kl == pytest.approx(0, abs=1e-12)
    assert distance.log_loss == pytest.approx(distance.bayes_log_loss, abs=1e-12)
    assert distance.accuracy == distance.bayes_accuracy
    assert distance.mc_error == 0.0025
    assert (distance.rows, distance.tasks) == (8, 2)
    with pytest.raises(ValueError, match=r"n_tasks must be at least 2, the fewest .* at once; got 1"):
        distance_to_known_bayes(0.25, n_tasks=1)


@pytest.mark.usefixtures("known_bayes")
def test_another_answer_is_as_far_as_the_formula_says():
    far = 0.25 * math.log(0.5) + 0.75 * math.log(1.5)
    distance = distance_to_known_bayes(0.5)
    assert distance.kl == pytest.approx(far)
    assert distance.kl_error == pytest.approx(0, abs=1e-12)
    assert distance.log_loss == pytest.approx(math.log(2))
    # Both say class 0 everywhere, so their accuracy is the share of zeros, which the log-loss of Bayes gives too.
    zeros = (distance.bayes_log_loss + math.log(0.25)) / (math.log(0.25) - math.log(0.75))
    assert distance.bayes_accuracy == distance.accuracy == pytest.approx(zeros)
    # The error of the mean is over tasks.
    half = distance_to_known_bayes(double(0.25, 0.5, 0.25, 0.5)[:, None])
    assert half.kl == pytest.approx(far / 2)
    assert half.kl_error == pytest.approx(np.std([0, far, 0, far], ddof=1) / 2)


@pytest.mark.usefixtures("known_bayes")
def test_evaluate_gives_three_rows_fit_for_json():
    rows = evaluate(reasoner_that_answers(0.5), n_tasks=4)
    assert [row["rows"] for row in rows] == [16, 64, 256]
    assert json.loads(json.dumps(rows)) == rows
    assert {round(row["kl"], 5) for row in rows} == {0.13081}
    # Logistic regression learns: with more rows it is better.
    assert rows[0]["lr_log_loss"] > rows[2]["lr_log_loss"]


def test_a_seed_gives_the_same_numbers_and_the_global_generator_is_untouched(short_chains):
    short_chains(16, 2)
    before = torch.get_rng_state()
    reasoner = load_checkpoint().reasoner
    one, two, other = (bayes_distance(reasoner, rows=8, n_tasks=4, seed=seed) for seed in (0, 0, 1))
    assert one == two
    assert one != other
    assert torch.equal(torch.get_rng_state(), before)


def one_task(labels):
    rng = np.random.default_rng(0)
    y = torch.tensor([labels])
    x = torch.from_numpy(rng.normal(size=(1, len(labels), 2))).float() + 2 * y[..., None]
    asked = torch.tensor([[[-9.0, -9.0], [9.0, 9.0]]])
    return Tasks(x, y, asked, torch.tensor([[0, 1]]), 2, x[:, :0], y[:, :0])


@pytest.mark.parametrize("labels", [[0, 1, 1, 1], [0, 0, 1, 1], [0, 1] * 10])
def test_logistic_regression_answers_in_order_of_the_labels(labels):
    answer = evaluation._logistic_regression(one_task(labels), 0, tuned=True)
    assert answer.dtype == torch.float64
    assert answer[0] < 0.5 < answer[1]


@pytest.mark.parametrize("labels, expected", [([1, 1, 1], 4 / 5), ([0, 0], 1 / 4)])
def test_logistic_regression_without_a_second_label_follows_laplace(labels, expected):
    answer = evaluation._logistic_regression(one_task(labels), 0, tuned=True)
    torch.testing.assert_close(answer, double(expected, expected))


@pytest.mark.parametrize("rows", BARS)
def test_shipped_checkpoint_is_as_near_to_bayes_as_recorded_and_that_is_below_the_bar(short_chains, rows):
    """On a few tasks of another seed: below the bar up to two standard errors, and near the same number."""
    metrics = json.loads((PACKAGE / "default" / "metrics.json").read_text(encoding="utf-8"))
    (recorded,) = (row for row in metrics["bayes"] if row["rows"] == rows)
    assert recorded["tasks"] >= 128
    assert recorded["kl"] < BARS[rows]
    # With many rows logistic regression is as good as Bayes on this prior, up to the noise of 128 tasks.
    assert recorded["log_loss"] < recorded["lr_log_loss"] + 0.005 * (rows == 256)
    short_chains(200, 16)
    distance = bayes_distance(load_checkpoint().reasoner, rows=rows, n_tasks=12, n_queries=32, seed=1)
    assert distance.kl - 2 * distance.kl_error < BARS[rows]
    spread = math.hypot(distance.kl_error, recorded["kl_error"])
    # A few tasks with large weights make much of the distance, and twelve tasks may have none of these.
    assert distance.kl == pytest.approx(recorded["kl"], abs=max(4 * spread, 0.6 * recorded["kl"]))


@pytest.mark.parametrize("n_features", [4, 16])
def test_the_shipped_decoder_is_at_least_as_good_as_logistic_regression_on_its_prior(n_features):
    """At 64 rows, against C = 1; without the Markov chains, which the bar does not need."""
    reasoner = load_checkpoint("tart-decoder-d16").reasoner
    rng = torch.Generator().manual_seed(1)
    tasks = logistic_tasks(rng, rows=64, n_features=(n_features, n_features), scale=(10.0, 10.0))
    with torch.inference_mode():
        logits = reasoner(tasks.context_x, tasks.context_y, tasks.query_x, 2)
    found = logits.double().softmax(-1)[..., 1]
    plain = torch.stack([evaluation._logistic_regression(tasks, task, tuned=False) for task in range(128)])
    ours, theirs = (-evaluation._log_likelihood(p, tasks.query_y).mean().item() for p in (found, plain))
    assert ours <= theirs
