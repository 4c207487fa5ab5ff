"""Rows about topics: every option against its definition."""

import numpy as np
import pytest
import torch
from drawing import generator
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from sktart.priors import _topics as module
from sktart.priors._topics import sample_topics

NONE = (0.0, 0.0)
FLAT = {"spectrum": NONE, "alignment": NONE, "intercept": 0.0}
LINEAR = {**FLAT, "crowding": NONE, "tails": NONE, "by_topic": NONE, "within": NONE}
SURE = (30.0, 30.0)


@pytest.fixture
def drawn_topics(monkeypatch):
    """Return the list that the topics of rows of each call are added to."""
    calls, draw = [], module._topics_of_rows

    def watched(*arguments):
        calls.append(draw(*arguments))
        return calls[-1]

    monkeypatch.setattr(module, "_topics_of_rows", watched)
    return calls


def held_out(model, x, y):
    """Mean accuracy over tasks of a model fitted on two thirds of the rows."""
    n = 2 * x.shape[1] // 3
    return np.mean(
        [
            model.fit(rows[:n], labels[:n]).score(rows[n:], labels[n:])
            for rows, labels in zip(x.numpy(), y.numpy(), strict=True)
        ]
    )


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_crowding_is_the_share_of_the_variance_between_topics(drawn_topics, share):
    x, _ = sample_topics(
        generator(), 20, 800, 2, n_features=(60, 60), topics=(8, 8), **{**LINEAR, "crowding": (share, share)}
    )
    residuals = torch.stack(
        [
            rows - torch.stack([rows[topic == t].mean(0) for t in range(8)])[topic]
            for rows, topic in zip(x, drawn_topics[0], strict=True)
        ]
    )
    # Eight means are estimated from the rows.
    within = residuals.square().mean().item() * 800 / 792
    assert within == pytest.approx(1 - share, rel=0.03)
    assert x.square().mean().item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("spread", [0.0, 0.4])
def test_tails_are_the_spread_of_the_log_distance_from_the_topic(spread):
    x, _ = sample_topics(
        generator(), 8, 2000, 2, n_features=(500, 500), **{**LINEAR, "tails": (spread, spread)}
    )
    # The length of 500 normal numbers varies too, by about 1 / sqrt(2 x 500).
    expected = (spread**2 + 1 / 1000) ** 0.5
    assert x.norm(dim=-1).log().std(1).mean().item() == pytest.approx(expected, rel=0.05)


def test_a_few_topics_are_common_in_some_tasks():
    topic = module._topics_of_rows(generator(), 1500, 3000, 2)
    exponent = -(topic.float().mean(1)).logit() / np.log(2)
    torch.testing.assert_close(
        exponent.quantile(torch.tensor([0.1, 0.5, 0.9])), torch.tensor([0.1, 0.5, 0.9]), atol=0.06, rtol=0
    )
    assert torch.equal(module._topics_of_rows(generator(), 9, 500, 7).unique(), torch.arange(7))


def test_without_topics_labels_are_a_linear_function_of_the_features():
    x, y = sample_topics(generator(), 6, 3000, 2, n_features=(6, 6), **LINEAR, scale=SURE)
    assert held_out(LogisticRegression(C=1e3, max_iter=2000), x, y) > 0.95


def test_by_topic_neighbours_know_what_one_direction_does_not():
    def accuracies(by_topic):
        options = {**LINEAR, "crowding": (0.9, 0.9), "by_topic": by_topic, "scale": SURE}
        x, y = sample_topics(generator(), 12, 900, 2, n_features=(6, 6), topics=(32, 32), **options)
        return [held_out(model, x, y) for model in (LogisticRegression(), KNeighborsClassifier(5))]

    linear, neighbours = accuracies((0.0, 0.0))
    assert linear > neighbours
    linear, neighbours = accuracies((10.0, 10.0))
    assert neighbours > linear + 0.1


def test_by_topic_alone_gives_the_rows_of_a_topic_one_label(drawn_topics):
    options = {**FLAT, "within": NONE, "by_topic": (1e3, 1e3), "scale": (1e3, 1e3), "topics": (8, 8)}
    _, y = sample_topics(generator(), 20, 200, 3, n_features=(32, 32), **options)
    agree = [
        (labels[topic == t] == labels[topic == t].mode().values).float().mean()
        for labels, topic in zip(y, drawn_topics[0], strict=True)
        for t in topic.unique()
    ]
    assert torch.stack(agree).mean() > 0.98
    assert y.unique().tolist() == [0, 1, 2]


def test_within_bends_the_teacher_from_topic_to_topic(drawn_topics):
    options = {**LINEAR, "crowding": (0.3, 0.3), "scale": SURE, "topics": (8, 8), "n_features": (6, 6)}
    model = LogisticRegression(C=1e3, max_iter=2000)
    straight = held_out(model, *sample_topics(generator(), 6, 3000, 2, **options))
    x, y = sample_topics(generator(), 6, 3000, 2, **{**options, "within": (100.0, 100.0)})
    assert held_out(model, x, y) < straight - 0.2
    for rows, labels, topic in zip(x.numpy(), y.numpy(), drawn_topics[1].numpy(), strict=True):
        common = np.flatnonzero(topic == np.bincount(topic).argmax())
        shown, asked = common[::2], common[1::2]
        assert model.fit(rows[shown], labels[shown]).score(rows[asked], labels[asked]) > 0.9


@pytest.mark.parametrize("by_topic", [0.0, 2.0])
@pytest.mark.parametrize("within", [0.0, 0.7])
def test_scale_is_the_spread_of_a_logit_whatever_it_is_made_of(monkeypatch, by_topic, within):
    seen, draw = [], module.categorical

    def watched(generator, logits):
        seen.append(logits)
        return draw(generator, logits)

    monkeypatch.setattr(module, "categorical", watched)
    weights = {"by_topic": (by_topic, by_topic), "within": (within, within), "crowding": (0.5, 0.5)}
    sample_topics(generator(), 300, 60, 4, n_features=(40, 40), **{**LINEAR, **weights}, scale=(3.0, 3.0))
    assert seen[-1].shape == (300, 60, 4)
    assert seen[-1].std().item() == pytest.approx(3, rel=0.06)


def test_teachers_lean_to_the_leading_features():
    def leading_share(alignment):
        options = {**LINEAR, "alignment": alignment}
        x, y = sample_topics(generator(), 40, 1500, 2, n_features=(32, 32), **options)
        signal = ((2 * y - 1)[..., None] * x).mean(1).square()
        return (signal[:, :8].sum(1) / signal.sum(1)).mean().item()

    assert leading_share((0.0, 0.0)) == pytest.approx(8 / 32, abs=0.06)
    assert leading_share((1.5, 1.5)) > 0.9


def test_rows_of_a_topic_share_a_label_where_the_teacher_reads_centres(drawn_topics):
    """And neighbours are then nearly as good as a linear rule."""

    def agreement(by_centre):
        options = {**LINEAR, "crowding": (0.5, 0.5), "scale": SURE, "by_centre": (by_centre, by_centre)}
        x, y = sample_topics(generator(), 8, 900, 2, n_features=(64, 64), topics=(32, 32), **options)
        shares = [
            labels[topic == t].float().mean()
            for labels, topic in zip(y, drawn_topics[-1], strict=True)
            for t in topic.unique()
        ]
        return (torch.stack(shares) - 0.5).abs().mean().item() + 0.5, held_out(KNeighborsClassifier(), x, y)

    (mixed, far), (alike, near) = agreement(0.0), agreement(1.0)
    assert mixed < 0.85
    assert alike > 0.95
    assert near > far + 0.1
