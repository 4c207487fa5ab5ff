"""What tasks of any family go through: balance, spheres, wrong labels, each class first, projection."""

import pytest
import torch
from drawing import generator
from sklearn.decomposition import PCA

from sktart.priors import _treatments


def test_unit_rows_lie_on_a_sphere_in_the_asked_share_of_tasks():
    x = 5 * torch.randn(2000, 6, 10, generator=generator())
    moved = _treatments.unit_rows(generator(), x, 0.3)
    on_sphere = (moved.norm(dim=-1) - 1).abs().amax(1) < 1e-5
    assert on_sphere.float().mean().item() == pytest.approx(0.3, abs=0.04)
    assert torch.equal(moved[~on_sphere], x[~on_sphere])
    assert torch.equal(_treatments.unit_rows(generator(), x, 0.0), x)
    # About a random origin: the mean direction of the rows of a task is not always near zero.
    length = _treatments.unit_rows(generator(), x, 1.0).mean(1).norm(dim=1)
    assert length.min() < 0.35
    assert length.max() > 0.75


def test_label_noise_replaces_up_to_30_percent_of_the_labels_of_a_share_of_tasks():
    y = torch.zeros(4000, 500, dtype=torch.int64)
    flipped = _treatments.label_noise(generator(), y, 4, 0.4).ne(0).float().mean(1)
    noisy = flipped > 0
    assert noisy.float().mean().item() == pytest.approx(0.4, abs=0.03)
    # A random label is another one in 3 of 4 draws, and the rate is uniform up to 0.3.
    assert flipped[noisy].mean().item() == pytest.approx(0.15 * 0.75, abs=0.01)
    assert flipped.max() < 0.3
    assert torch.equal(_treatments.label_noise(generator(), y, 4, 0.0), y)


def test_first_row_of_each_class_comes_first_and_rows_keep_their_labels():
    y = torch.tensor([[1, 1, 0, 1, 2, 0], [0, 0, 0, 0, 2, 2]])
    x = torch.arange(12.0).reshape(2, 6, 1)
    moved_x, moved_y = _treatments.each_class_first(x, y, 3)
    assert moved_y.tolist() == [[1, 0, 2, 1, 1, 0], [0, 2, 0, 0, 0, 2]]
    assert moved_x[..., 0].tolist() == [[0, 2, 4, 1, 3, 5], [6, 10, 7, 8, 9, 11]]


def balanced_rows(y, n_classes, share, n_rows):
    """The rows that balancing takes, by where they stood, and their labels."""
    x = torch.arange(y.shape[1]).expand_as(y)[..., None].float()
    x, y = _treatments.balance(generator(), x, y, n_classes, share, n_rows)
    return x[..., 0].long(), y


def uneven_labels(n_tasks, counts):
    """Labels with the same counts in each task, in random order."""
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts)).expand(n_tasks, -1)
    return labels.gather(1, torch.rand(labels.shape, generator=generator(7)).argsort(1))


def test_balanced_rows_come_from_each_class_in_turn_and_those_that_run_out_leave_theirs_to_the_others():
    y = uneven_labels(50, [30, 20, 4])
    rows, balanced = balanced_rows(y, 3, 1.0, 24)
    counts = torch.nn.functional.one_hot(balanced, 3).cumsum(1)
    for turn in range(1, 5):
        assert (counts[:, 3 * turn - 1] == turn).all()
    assert (counts[:, -1] == torch.tensor([10, 10, 4])).all()
    assert torch.equal(y.gather(1, rows), balanced)
    for task, labels in zip(rows, balanced, strict=True):
        for c in range(3):
            assert (task[labels == c].diff() > 0).all()  # the first rows of each class, in their order


def test_a_balanced_label_does_not_tell_the_first_of_the_next_turn():
    y = uneven_labels(4000, [4, 4])
    _, balanced = balanced_rows(y, 2, 1.0, 4)
    alike = balanced[:, 0] == balanced[:, 2]
    assert balanced.float().mean(0).sub(0.5).abs().max() < 0.03
    assert alike.float().mean().item() == pytest.approx(0.5, abs=0.03)


def test_a_share_of_tasks_is_balanced_and_of_the_others_the_first_rows_are_taken():
    y = (torch.rand(2000, 160, generator=generator(3)) < 0.2).long()
    rows, taken = balanced_rows(y, 2, 0.6, 16)
    balanced = taken.sum(1) == 8
    untouched = (rows == torch.arange(16)).all(1)
    assert (balanced | untouched).all()
    assert balanced.float().mean().item() == pytest.approx(0.6, abs=0.04)
    assert torch.equal(taken[untouched], y[untouched, :16])


def flat(n_tasks, n_rows, n_features):
    """Rows of which some features vary more, (B, R, D)."""
    scale = torch.arange(1.0, n_features + 1) ** -0.5
    return torch.randn(n_tasks, n_rows, n_features, generator=generator(5)) * scale + 3


@pytest.mark.parametrize("n_context, n_features", [(12, 30), (30, 12), (12, 12), (2, 5), (5, 1)])
def test_projected_rows_are_principal_components_fitted_on_the_context(n_context, n_features):
    """Against scikit-learn, whose components come in the reverse order and with signs of their own."""
    context, queries = flat(3, n_context + 40, n_features).split((n_context, 40), dim=1)
    for seed in range(4):
        found, asked = _treatments.project(generator(seed), context, queries)
        n_kept = found.shape[2]
        assert 1 <= n_kept <= min(n_context - 1, n_features)
        for task in range(len(context)):
            pca = PCA(n_kept).fit(context[task].double())
            shown, others = (
                torch.from_numpy(pca.transform(rows[task].double())).float().flip(1)
                for rows in (context, queries)
            )
            signs = (shown * found[task]).sum(0).sign()
            torch.testing.assert_close(found[task], shown * signs, atol=2e-4, rtol=1e-4)
            torch.testing.assert_close(asked[task], others * signs, atol=2e-4, rtol=1e-4)


def test_half_of_the_projected_groups_have_the_usual_number_of_components():
    rows = flat(2, 150, 150)
    kept = [_treatments.project(generator(seed), rows, rows[:, :1])[0].shape[2] for seed in range(200)]
    assert kept.count(64) / 200 == pytest.approx(0.5, abs=0.1)
    assert min(kept) == 2
    assert 110 < max(kept) <= 128
    # Uniform in the logarithm: as many from 2 to 15 as from 16 to 128.
    others = [n for n in kept if n != 64]
    assert sum(n < 16 for n in others) / len(others) == pytest.approx(0.5, abs=0.15)


def test_tasks_with_fewer_features_than_components_are_projected_too():
    rows = flat(2, 40, 30)
    rows[0, :, 4:] = 0
    found, asked = _treatments.project(generator(), rows[:, :35], rows[:, 35:])
    assert found.shape[2] == 30
    centred = rows - rows[:, :35].mean(1, keepdim=True)
    torch.testing.assert_close(found @ asked.mT, centred[:, :35] @ centred[:, 35:].mT, atol=1e-3, rtol=1e-3)


def test_warped_rows_went_through_a_layer_that_all_rows_of_a_task_share():
    x = torch.randn(3, 50, 40, generator=generator())
    x[:, 1] = x[:, 0]
    kinds = set()
    for seed in range(20):
        warped = _treatments.warp(generator(seed), 7 * x + 5)
        assert warped.shape == x.shape
        torch.testing.assert_close(warped[:, 1], warped[:, 0])
        # Neither place nor size of the rows matters.
        torch.testing.assert_close(_treatments.warp(generator(seed), x), warped, rtol=1e-3, atol=1e-3)
        is_cut, is_bounded = (warped == 0).any(), warped.abs().max() <= 1
        kinds.add("relu" if is_cut else "tanh" if is_bounded else "growing")
    assert kinds == {"relu", "tanh", "growing"}


def test_warped_rows_are_no_linear_function_of_the_rows():
    x = torch.randn(1, 400, 5, generator=generator())
    design = torch.cat([x[0], torch.ones(400, 1)], dim=1)
    for seed in range(6):
        warped = _treatments.warp(generator(seed), x)[0]
        residual = warped - design @ torch.linalg.lstsq(design, warped).solution
        assert residual.var() > 0.005 * warped.var()
