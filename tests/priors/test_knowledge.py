"""What tasks have beside labelled rows."""

import pytest
import torch

from sktart.exceptions import RecipeError
from sktart.priors import Knowledge, sample_tasks
from sktart.priors._knowledge import describe, lean, move

LINEAR = {"family": "linear", "weight": 1.0, "n_classes": [2, 3], "options": {"n_features": [6, 6]}}
SIZES = {"context_rows": (8, 8), "query_rows": 5, "max_tasks": 6, "max_tokens": 2000}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def sample(seed=0, component=LINEAR, **knowledge):
    return sample_tasks(generator(seed), [component], **SIZES, knowledge=Knowledge(**knowledge))


def rows(n_tasks=200, n_rows=60, n_features=4, n_classes=2, seed=0):
    drawn = generator(seed)
    y = torch.randint(n_classes, (n_tasks, n_rows), generator=drawn)
    return torch.randn(n_tasks, n_rows, n_features, generator=drawn) + y[..., None], y


def test_tasks_have_what_is_asked_for():
    tasks = sample(pool=1.0, pool_rows=(20, 30), described=1.0)
    assert tasks.pool_x.shape[0] == tasks.query_x.shape[0]
    assert 20 <= tasks.pool_x.shape[1] <= 30
    assert tasks.pool_y.shape == tasks.pool_x.shape[:2]
    assert tasks.class_vectors.shape == (len(tasks.pool_x), tasks.n_classes, 6)
    assert tasks.query_x.shape[1] == 5
    plain = sample()
    assert plain.pool_x.shape[1] == 0
    assert plain.class_vectors is None


def test_without_knowledge_tasks_are_as_they_were_before_there_was_any():
    tasks = sample_tasks(generator(), [LINEAR], **SIZES)
    assert tasks.pool_x.shape == (6, 0, 6)
    assert tasks.n_tokens == 6 * (8 + 5) * tasks.n_classes


def test_a_pool_keeps_within_the_budget_of_tokens_but_has_its_fewest_rows():
    few = sample_tasks(generator(), [LINEAR], **SIZES | {"max_tokens": 100}, knowledge=Knowledge(pool=1.0))
    assert few.pool_x.shape[:2] == (2, 16)
    for seed in range(20):
        tasks = sample(seed, pool=1.0, pool_rows=(1, 2000))
        assert tasks.n_tokens <= 2000


def test_shares_of_calls():
    drawn = [sample(seed, pool=0.5, described=0.25) for seed in range(200)]
    assert 0.4 < sum(tasks.pool_x.shape[1] > 0 for tasks in drawn) / 200 < 0.6
    assert 0.17 < sum(tasks.class_vectors is not None for tasks in drawn) / 200 < 0.33


def test_a_few_contexts_have_no_row_of_some_class():
    sizes = {sample(seed, pool=1.0, described=1.0, few=1.0).context_y.shape[1] for seed in range(40)}
    assert sizes == {0, 1, 2, 3}


def test_projected_tasks_keep_pool_and_descriptions_in_the_space_of_the_rows():
    tasks = sample(component={**LINEAR, "projected": 1.0}, pool=1.0, described=1.0)
    widths = {part.shape[2] for part in (tasks.context_x, tasks.pool_x, tasks.query_x, tasks.class_vectors)}
    assert len(widths) == 1


def test_leaning_draws_prefer_some_classes():
    x, y = rows()
    shares = [
        lean(generator(), x, y, 30, share, n_classes)[1].float().mean(1)
        for share, n_classes in ((0.0, 2), (1.0, 2))
    ]
    assert shares[1].std() > 1.5 * shares[0].std()


def test_leaning_to_regions_alone_keeps_what_a_row_says_of_its_label():
    x = torch.randn(400, 60, 1, generator=generator())
    y = torch.randint(2, (400, 60), generator=generator(1))  # features say nothing
    chosen_x, chosen_y = lean(generator(2), x, y, 20, 1.0)
    assert chosen_x.mean(1).std() > 1.5 * x[:, :20].mean(1).std()
    assert abs(chosen_y.float().mean() - 0.5) < 0.02
    assert chosen_y.float().mean(1).std() < 1.2 * y[:, :20].float().mean(1).std()


def test_moved_queries_are_at_most_half_a_radius_away_and_their_pool_mostly_follows():
    x, _ = rows()
    context, query, pool = x[:, :20], x[:, 20:40], x[:, 40:]
    moved, moved_pool = move(generator(), context, query, pool, 1.0)
    radius = (x[:, :40] - x[:, :40].mean(1, keepdim=True)).square().sum(-1).mean(1).sqrt()
    distance = (moved - query).mean(1).norm(dim=-1) / radius
    assert distance.max() < 0.51
    assert distance.median() > 0.15
    stays = (moved_pool == pool).all(dim=(1, 2)).float().mean()
    assert 0.23 < stays < 0.43
    unmoved, same_pool = move(generator(), context, query, pool, 0.0)
    torch.testing.assert_close(unmoved, query)
    torch.testing.assert_close(same_pool, pool)


def test_descriptions_lie_in_the_direction_of_their_class_as_far_as_noise_lets_them():
    x, y = rows(n_features=40)
    vectors = describe(generator(), x, y, 2, Knowledge(description_noise=(0.5, 12.0)))
    kept = ~vectors.isnan().any(-1).any(-1)
    assert 0.85 < kept.float().mean() < 1.0
    difference = vectors[kept][:, 1] - vectors[kept][:, 0]
    cosine = torch.nn.functional.cosine_similarity(difference, torch.ones(40), dim=-1)
    assert cosine.mean() > 0.3
    assert cosine.min() < 0.1  # some say nothing
    assert cosine.max() > 0.8


def fits(x, y, vectors):
    """Return the correlation of scores with classes as a share of that of class means, of each task that has all."""
    one_hot = torch.nn.functional.one_hot(y, vectors.shape[1]).float()
    centred = x - x.mean(1, keepdim=True)
    means = one_hot.mT @ centred / one_hot.sum(1)[..., None]
    found, best = (
        ((scores := centred @ (each - each.mean(1, keepdim=True)).mT) * one_hot).sum(dim=(1, 2))
        / scores.square().sum(dim=(1, 2)).sqrt()
        for each in (vectors, means)
    )
    return (found / best)[~found.isnan()]


@pytest.mark.parametrize("fit", [0.9, 0.4, -0.3])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_descriptions_fit_classes_as_well_as_they_are_told_to(fit, n_classes):
    x, y = rows(n_tasks=50, n_features=40, n_classes=n_classes)
    found = fits(x, y, describe(generator(), x, y, n_classes, Knowledge(description_fit=(fit, fit))))
    assert len(found) > 30  # of the others, a class is left out
    torch.testing.assert_close(found, torch.full_like(found, fit), rtol=1e-3, atol=1e-3)


def test_most_descriptions_fit_well_and_few_mislead():
    x, y = rows(n_features=40)
    found = fits(x, y, describe(generator(), x, y, 2, Knowledge(description_fit=(-0.2, 0.97))))
    assert -0.2 <= found.min() < found.max() <= 0.971
    assert 0.5 < found.median() < 0.8
    assert 0.03 < (found < 0).float().mean() < 0.17
    flatter = Knowledge(description_fit=(-0.2, 0.97), description_fit_power=1.0)
    assert fits(x, y, describe(generator(), x, y, 2, flatter)).median() < found.median() - 0.1


def test_a_class_without_rows_is_not_described():
    x, _ = rows(n_tasks=3)
    vectors = describe(generator(), x, torch.zeros(3, 60, dtype=torch.long), 2, Knowledge())
    assert vectors[:, 1].isnan().all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"description_noise": (2.0, 1.0)},
            "description_noise of knowledge must be two rising positive numbers",
        ),
        *(
            (
                {"description_fit": fit},
                r"description_fit of knowledge must be two rising numbers between -1 and 1",
            )
            for fit in (0.5, (0.5, 0.2), (-1.0, 0.5), (0.1, 0.2, 0.3), (0.5, "much"))
        ),
        (
            {"description_fit_power": 0.5},
            "description_fit_power of knowledge must be a number from 1 to 4, got 0.5",
        ),
        ({"pool": 1.5}, "pool of knowledge must be a number from 0 to 1, got 1.5"),
        ({"pool_rows": (0, 4)}, r"pool_rows of knowledge must be two rising positive integers, got \(0, 4\)"),
    ],
)
def test_values_that_break_a_rule(values, message):
    with pytest.raises(RecipeError, match=message):
        Knowledge(**values)
