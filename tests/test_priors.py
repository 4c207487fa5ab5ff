"""The synthetic tasks: what each family promises, checked against its definition."""

import math

import numpy as np
import pytest
import torch
from scipy.special import expit, log_expit
from sklearn.linear_model import LogisticRegression

from sktart.exceptions import RecipeError
from sktart.pretrain.recipe import read_recipe
from sktart.priors import FAMILIES, _draws, mixture, sample_tasks
from sktart.priors.clusters import sample_clusters
from sktart.priors.linear import sample_linear
from sktart.priors.logistic import sample_logistic
from sktart.priors.mlp import sample_mlp
from sktart.zoo.registry import PACKAGE

N_CLASSES = {"logistic": 2, "linear": 5, "clusters": 5, "mlp": 5}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draw(family, seed=0, **options):
    return FAMILIES[family](generator(seed), 6, 40, N_CLASSES[family], **options)


def features_in_use(x):
    """Features of each task that vary; checks that all features beyond are zero."""
    used = x.std(1) > 0
    counts = used.sum(1)
    assert torch.equal(used, torch.arange(x.shape[2]) < counts[:, None])
    return counts


def spectrum_slope(x):
    """Minus the slope of log standard deviation over log rank of the features of one task (R, D)."""
    rank = np.arange(1, x.shape[1] + 1)
    return -np.polyfit(np.log(rank), np.log(x.std(0).numpy()), 1)[0]


def effective_dimension(x):
    """(tr S)^2 / tr S^2 of the covariance of rows (R, D)."""
    eigenvalues = torch.linalg.eigvalsh(x.T.cov().double())
    return (eigenvalues.sum() ** 2 / eigenvalues.square().sum()).item()


@pytest.mark.parametrize("family", FAMILIES)
def test_shapes_types_and_ranges(family):
    x, y = draw(family, n_features=(3, 7))
    assert x.shape[:2] == y.shape == (6, 40)
    assert 3 <= x.shape[2] <= 7
    assert x.dtype == torch.float32
    assert y.dtype == torch.int64
    assert torch.isfinite(x).all()
    assert y.min() >= 0
    assert y.max() < N_CLASSES[family]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_task_is_a_function_of_the_generator(family):
    before = torch.get_rng_state()
    first, again, other = draw(family), draw(family), draw(family, seed=1)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert first[0].shape != other[0].shape or not torch.equal(first[0], other[0])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("family", FAMILIES)
def test_number_of_features_reaches_both_bounds_and_no_further(family):
    x, _ = FAMILIES[family](generator(), 400, 8, 2, n_features=(2, 5))
    assert set(features_in_use(x).tolist()) == {2, 3, 4, 5}


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


@pytest.mark.parametrize("edge", [0.0, 1 - 2**-24])
def test_extreme_draws_make_a_class(monkeypatch, edge):
    monkeypatch.setattr(torch, "rand", lambda *shape, generator: torch.full(*shape, edge))
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


def test_logistic_features_are_standard_normal():
    x, _ = sample_logistic(generator(), 50, 2000, 2, n_features=(4, 4))
    assert x.mean().abs() < 0.01
    torch.testing.assert_close(x.flatten(0, 1).T.cov(), torch.eye(4), atol=0.02, rtol=0)


@pytest.mark.parametrize("each_class", [True, False])
def test_context_begins_with_each_class_unless_said_otherwise(each_class):
    component = {"family": "logistic", "weight": 1.0, "n_classes": (2, 2), "each_class": each_class}
    tasks = sample_tasks(
        generator(), [component], context_rows=(6, 6), query_rows=1, max_tasks=200, max_tokens=10**6
    )
    differ = (tasks.context_y[:, 0] != tasks.context_y[:, 1]).float().mean().item()
    assert differ > 0.9 if each_class else 0.3 < differ < 0.7


@pytest.mark.parametrize("scale", [0.5, 10.0])
def test_logistic_labels_follow_the_definition_in_one_dimension(scale):
    """P(y = 1 | x) over w ~ N(0, a^2) is 1/2 for each x, so look at pairs: the integral over w is known."""
    x, y = sample_logistic(generator(), 60_000, 2, 2, n_features=(1, 1), scale=(scale, scale))
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
    x, y = sample_logistic(
        generator(3), 12, 6000, 2, n_features=(n_features, n_features), scale=(scale, scale)
    )
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


@pytest.mark.parametrize("exponent", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("sample", [sample_linear, sample_mlp])
def test_features_of_teachers_have_a_power_law_spectrum(sample, exponent):
    x, _ = sample(generator(), 4, 2000, 3, n_features=(60, 60), spectrum=(exponent, exponent))
    for task in x:
        assert spectrum_slope(task) == pytest.approx(exponent, abs=0.02)
        assert task.std(0)[0].item() == pytest.approx(1, abs=0.08)


def test_linear_labels_are_a_linear_function_of_the_features():
    x, y = sample_linear(generator(), 6, 3000, 2, n_features=(6, 6), scale=(30.0, 30.0))
    for rows, labels in zip(x.numpy(), y.numpy(), strict=True):
        model = LogisticRegression(C=1e3, max_iter=2000).fit(rows[:2000], labels[:2000])
        assert model.score(rows[2000:], labels[2000:]) > 0.95


def test_linear_scale_is_the_spread_of_a_logit():
    """Without intercept and with many features the margin between two classes is N(0, 2 s^2)."""
    scale = 1.5
    options = {"n_features": (100, 100), "spectrum": (0.0, 0.0), "alignment": (0.0, 0.0), "intercept": 0.0}
    x, y = sample_linear(generator(), 8, 8000, 2, scale=(scale, scale), **options)
    lengths = []
    for rows, labels in zip(x.numpy(), y.numpy(), strict=True):
        model = LogisticRegression(C=1e4, max_iter=500, fit_intercept=False).fit(rows, labels)
        lengths.append(np.linalg.norm(model.coef_))
    assert np.mean(lengths) == pytest.approx(scale * 2**0.5, rel=0.08)


def test_half_of_the_linear_tasks_have_an_intercept():
    _, y = sample_linear(generator(), 800, 300, 2, n_features=(3, 3), scale=(30.0, 30.0), intercept=3.0)
    unbalanced = ((y.float().mean(1) - 0.5).abs() > 0.12).float().mean().item()
    assert 0.3 < unbalanced < 0.5  # half have one, some of these a small one


def test_alignment_leans_the_signal_to_the_leading_features():
    def leading_share(alignment):
        x, y = sample_linear(
            generator(), 40, 1500, 2, n_features=(32, 32), spectrum=(0.0, 0.0), alignment=alignment
        )
        signal = ((2 * y - 1)[..., None] * x).mean(1).square()
        return (signal[:, :8].sum(1) / signal.sum(1)).mean().item()

    assert leading_share((0.0, 0.0)) == pytest.approx(8 / 32, abs=0.05)
    assert leading_share((1.5, 1.5)) > 0.9


def test_mlp_teacher_bends():
    """A linear model is nearly right at small curvature, and far from the teacher at large."""

    def linear_accuracy(curvature):
        x, y = sample_mlp(
            generator(),
            12,
            3000,
            2,
            n_features=(4, 4),
            hidden=(16, 16),
            curvature=curvature,
            scale=(30.0, 30.0),
        )
        return np.mean(
            [
                LogisticRegression().fit(rows[:2000], labels[:2000]).score(rows[2000:], labels[2000:])
                for rows, labels in zip(x.numpy(), y.numpy(), strict=True)
            ]
        )

    assert linear_accuracy((0.01, 0.01)) > 0.94
    assert linear_accuracy((8.0, 8.0)) < 0.9


SIMPLE_CLUSTERS = {"clusters": (1, 1), "unequal": (0.0, 0.0), "imbalance": (0.0, 0.0)}


@pytest.mark.parametrize("exponent", [0.2, 0.8])
def test_noise_of_clusters_has_a_power_law_spectrum(exponent):
    x, y = sample_clusters(
        generator(), 3, 4000, 2, n_features=(60, 60), spectrum=(exponent, exponent), **SIMPLE_CLUSTERS
    )
    for rows, labels in zip(x, y, strict=True):
        assert spectrum_slope(rows[labels == 0]) == pytest.approx(exponent, abs=0.02)


@pytest.mark.parametrize("separation", [0.5, 4.0])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_separation_is_the_typical_mahalanobis_distance_of_class_means(separation, n_classes):
    x, y = sample_clusters(
        generator(),
        60,
        400 * n_classes,
        n_classes,
        n_features=(40, 40),
        spectrum=(0.5, 0.5),
        alignment=(0.3, 0.3),
        separation=(separation, separation),
        **SIMPLE_CLUSTERS,
    )
    noise = torch.arange(1, 41) ** -0.5
    squares = []
    for rows, labels in zip(x / noise, y, strict=True):
        classes = [rows[labels == label] for label in range(n_classes)]
        means = torch.stack([members.mean(0) for members in classes])
        # What the estimate of a mean adds to the squared distance of two.
        chance = sum(40 / len(members) for members in classes) * 2 / n_classes
        squares.append((torch.pdist(means).square().mean() - chance).item())
    assert np.mean(squares) ** 0.5 == pytest.approx(separation, rel=0.1)


def test_unequal_noise_differs_between_classes():
    options = {**SIMPLE_CLUSTERS, "unequal": (0.4, 0.4), "n_features": (50, 50), "separation": (0.4, 0.4)}
    x, y = sample_clusters(generator(), 200, 200, 2, **options)
    spread = [
        [rows[labels == label].std(0)[0].log() for label in (0, 1)] for rows, labels in zip(x, y, strict=True)
    ]
    difference = torch.tensor(spread).diff(dim=1).std().item()
    assert difference == pytest.approx(0.4 * 2**0.5, abs=0.12)


def test_uneven_noise_differs_between_classes_in_each_feature():
    options = {**SIMPLE_CLUSTERS, "uneven": (0.5, 0.5), "n_features": (50, 50), "separation": (0.4, 0.4)}
    x, y = sample_clusters(generator(), 8, 2000, 2, **options)
    ratios = torch.stack(
        [
            (task[labels == 0].std(0) / task[labels == 1].std(0)).log()
            for task, labels in zip(x, y, strict=True)
        ]
    )
    assert ratios.std().item() == pytest.approx(0.5 * 2**0.5, rel=0.15)
    assert ratios.mean(1).abs().max() < 0.4  # no class is noisier as a whole


def test_scatter_makes_several_clusters_of_a_class():
    def excess(clusters):
        """How far the rows of one class are from a Gaussian: kurtosis along the longest axis."""
        x, y = sample_clusters(
            generator(),
            30,
            600,
            2,
            n_features=(3, 3),
            separation=(20.0, 20.0),
            **{**SIMPLE_CLUSTERS, "clusters": clusters},
            scatter=(1.5, 1.5),
        )
        values = []
        for rows, labels in zip(x, y, strict=True):
            members = rows[labels == 0]
            centred = members - members.mean(0)
            along = centred @ torch.linalg.svd(centred, full_matrices=False).Vh[0]
            values.append((along**4).mean() / (along**2).mean() ** 2)
        return torch.stack(values).mean().item()

    assert excess((1, 1)) == pytest.approx(3, abs=0.3)
    assert excess((2, 2)) < 2.2


def test_half_of_the_cluster_tasks_are_exactly_balanced():
    _, y = sample_clusters(generator(), 1000, 30, 3, n_features=(2, 2), imbalance=(1.5, 1.5))
    counts = torch.stack([(y == label).sum(1) for label in range(3)], dim=1)
    balanced = (counts == 10).all(1)
    assert balanced.float().mean().item() == pytest.approx(0.5, abs=0.08)
    runs = y[balanced][:10].unflatten(1, (10, 3)).sort(dim=2).values
    assert torch.equal(runs, torch.arange(3).expand_as(runs))
    assert counts[~balanced].max() > 25


def test_imbalance_is_the_spread_of_the_log_odds():
    _, y = sample_clusters(generator(1), 600, 2000, 2, n_features=(2, 2), imbalance=(0.5, 0.5))
    share = y.float().mean(1)
    log_odds = share[(share - 0.5).abs() > 1e-6].logit()
    assert log_odds.std().item() == pytest.approx(0.5 * 2**0.5, rel=0.15)


COMPONENT = {"family": "linear", "weight": 1.0, "n_classes": (2, 6), "options": {"n_features": (2, 9)}}
SIZES = {"context_rows": (4, 20), "query_rows": 7, "max_tasks": 8, "max_tokens": 1500}


def test_tasks_keep_the_sizes_of_the_recipe():
    rows, classes = set(), set()
    for seed in range(200):
        tasks = sample_tasks(generator(seed), [COMPONENT], **SIZES)
        n_tasks, n_context, n_features = tasks.context_x.shape
        assert tasks.query_x.shape == (n_tasks, 7, n_features)
        assert tasks.context_y.shape == (n_tasks, n_context)
        assert tasks.query_y.shape == (n_tasks, 7)
        assert n_features <= 9
        assert n_context >= tasks.n_classes
        tokens = (n_context + 7) * tasks.n_classes
        assert n_tasks == max(4, min(8, 1500 // tokens))
        assert max(tasks.context_y.max(), tasks.query_y.max()) < tasks.n_classes
        rows.add(n_context)
        classes.add(tasks.n_classes)
    assert classes == {2, 3, 4, 5, 6}
    assert rows == set(range(4, 21))


def test_context_is_never_smaller_than_the_number_of_classes():
    component = {**COMPONENT, "n_classes": (9, 9)}
    tasks = sample_tasks(generator(), [component], **{**SIZES, "context_rows": (1, 2)})
    assert tasks.context_x.shape[1] == 9


def test_queries_ask_for_no_class_that_the_context_does_not_show():
    for seed in range(20):
        tasks = sample_tasks(generator(seed), [{**COMPONENT, "label_noise": 1.0}], **SIZES)
        for context_y, query_y in zip(tasks.context_y, tasks.query_y, strict=True):
            assert set(query_y.tolist()) <= set(context_y.tolist())


def test_tasks_are_a_function_of_the_generator():
    before = torch.get_rng_state()
    first, again, other = (sample_tasks(generator(seed), [COMPONENT], **SIZES) for seed in (0, 0, 1))
    for name in ("context_x", "context_y", "query_x", "query_y"):
        assert torch.equal(getattr(first, name), getattr(again, name))
    assert first.context_x.shape != other.context_x.shape or not torch.equal(first.context_x, other.context_x)
    assert torch.equal(torch.get_rng_state(), before)


def test_components_are_drawn_by_their_weight():
    components = [
        {**COMPONENT, "weight": 3.0, "n_classes": (2, 2)},
        {**COMPONENT, "weight": 1.0, "n_classes": (3, 3)},
    ]
    draws = [sample_tasks(generator(seed), components, **SIZES).n_classes for seed in range(600)]
    assert draws.count(2) / 600 == pytest.approx(0.75, abs=0.06)


def test_unit_rows_lie_on_a_sphere_in_the_asked_share_of_tasks():
    x = 5 * torch.randn(2000, 6, 10, generator=generator())
    moved = mixture._unit_rows(generator(), x, 0.3)
    on_sphere = (moved.norm(dim=-1) - 1).abs().amax(1) < 1e-5
    assert on_sphere.float().mean().item() == pytest.approx(0.3, abs=0.04)
    assert torch.equal(moved[~on_sphere], x[~on_sphere])
    assert torch.equal(mixture._unit_rows(generator(), x, 0.0), x)
    # About a random origin: the mean direction of the rows of a task is not always near zero.
    length = mixture._unit_rows(generator(), x, 1.0).mean(1).norm(dim=1)
    assert length.min() < 0.35
    assert length.max() > 0.75


def test_label_noise_replaces_up_to_30_percent_of_the_labels_of_a_share_of_tasks():
    y = torch.zeros(4000, 500, dtype=torch.int64)
    flipped = mixture._label_noise(generator(), y, 4, 0.4).ne(0).float().mean(1)
    noisy = flipped > 0
    assert noisy.float().mean().item() == pytest.approx(0.4, abs=0.03)
    # A random label is another one in 3 of 4 draws, and the rate is uniform up to 0.3.
    assert flipped[noisy].mean().item() == pytest.approx(0.15 * 0.75, abs=0.01)
    assert flipped.max() < 0.3
    assert torch.equal(mixture._label_noise(generator(), y, 4, 0.0), y)


def test_first_row_of_each_class_comes_first_and_rows_keep_their_labels():
    y = torch.tensor([[1, 1, 0, 1, 2, 0], [0, 0, 0, 0, 2, 2]])
    x = torch.arange(12.0).reshape(2, 6, 1)
    moved_x, moved_y = mixture._context_holds_each_class(x, y, 3)
    assert moved_y.tolist() == [[1, 0, 2, 1, 1, 0], [0, 2, 0, 0, 0, 2]]
    assert moved_x[..., 0].tolist() == [[0, 2, 4, 1, 3, 5], [6, 10, 7, 8, 9, 11]]


def test_wide_components_of_the_shipped_recipe_are_as_broad_as_embeddings():
    """Sentence embeddings have effective dimensions of 60 to 110 (design, section 4): the prior must go beyond."""
    recipe = read_recipe(PACKAGE / "default" / "recipe.json")
    wide = [
        component
        for component in recipe.prior
        if component.get("options", {}).get("n_features", [0])[0] >= 48 and component["family"] != "mlp"
    ]
    assert wide
    found = []
    for component in wide:
        for seed in range(3):
            tasks = sample_tasks(
                generator(seed),
                [component],
                context_rows=(600, 600),
                query_rows=600,
                max_tasks=8,
                max_tokens=1,
            )
            x = torch.cat([tasks.context_x, tasks.query_x], dim=1)
            # The sample is finite, which makes the estimate a bit small.
            found += [effective_dimension(task) for task in x]
    assert max(found) > 110
    assert sum(60 < value < 110 for value in found) > 2
    assert sum(value < 60 for value in found) > 2
