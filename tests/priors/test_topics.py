"""Rows about topics: every option against its definition."""

import numpy as np
import pytest
import torch
from drawing import fixed, generator, held_out_accuracy
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from sktart.priors import _topics as module
from sktart.priors._topics import sample_topics

FLAT = {**fixed(spectrum=0.0, alignment=0.0), "intercept": 0.0}
LINEAR = {**FLAT, **fixed(crowding=0.0, tails=0.0, by_topic=0.0, within=0.0)}


def draw(n_tasks, n_rows, n_classes=2, simple=LINEAR, **options):
    """Tasks without what makes topics special, but for these options of one value each."""
    return sample_topics(generator(), n_tasks, n_rows, n_classes, **{**simple, **fixed(**options)})


@pytest.fixture
def drawn_topics(monkeypatch):
    """Return the list that the topics of rows of each call are added to."""
    calls, draw = [], module._topics_of_rows

    def watched(*arguments):
        calls.append(draw(*arguments))
        return calls[-1]

    monkeypatch.setattr(module, "_topics_of_rows", watched)
    return calls


def by_topic_of(values, topics):
    """Rows or labels of each topic that occurs, over all tasks."""
    return [task[topic == t] for task, topic in zip(values, topics, strict=True) for t in topic.unique()]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_crowding_is_the_share_of_the_variance_between_topics(drawn_topics, share):
    x, _ = draw(20, 800, n_features=60, topics=8, crowding=share)
    residuals = torch.cat([rows - rows.mean(0) for rows in by_topic_of(x, drawn_topics[0])])
    # Eight means are estimated from the rows.
    within = residuals.square().mean().item() * 800 / 792
    assert within == pytest.approx(1 - share, rel=0.03)
    assert x.square().mean().item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("spread", [0.0, 0.4])
def test_tails_are_the_spread_of_the_log_distance_from_the_topic(spread):
    x, _ = draw(8, 2000, n_features=500, tails=spread)
    # The length of 500 normal numbers varies too, by about 1 / sqrt(2 x 500).
    expected = (spread**2 + 1 / 1000) ** 0.5
    assert x.norm(dim=-1).log().std(1).mean().item() == pytest.approx(expected, rel=0.05)


def test_a_few_topics_are_common_in_some_tasks():
    topic = module._topics_of_rows(generator(), 1500, 3000, 2)
    exponent = -(topic.float().mean(1)).logit() / np.log(2)
    quantiles = torch.tensor([0.1, 0.5, 0.9])
    torch.testing.assert_close(exponent.quantile(quantiles), quantiles, atol=0.06, rtol=0)
    assert torch.equal(module._topics_of_rows(generator(), 9, 500, 7).unique(), torch.arange(7))


def test_by_topic_neighbours_know_what_one_direction_does_not():
    def lead(by_topic):
        tasks = draw(12, 900, n_features=6, topics=32, crowding=0.9, by_topic=by_topic, scale=30.0)
        models = KNeighborsClassifier(5), LogisticRegression()
        return np.subtract(*(held_out_accuracy(model, *tasks) for model in models))

    assert lead(0.0) < 0
    assert lead(10.0) > 0.1


def test_by_topic_alone_gives_the_rows_of_a_topic_one_label(drawn_topics):
    _, y = draw(20, 200, 3, FLAT, within=0.0, by_topic=1e3, scale=1e3, topics=8, n_features=32)
    agree = [(labels == labels.mode().values).float().mean() for labels in by_topic_of(y, drawn_topics[0])]
    assert torch.stack(agree).mean() > 0.98
    assert y.unique().tolist() == [0, 1, 2]


def test_within_bends_the_teacher_from_topic_to_topic(drawn_topics):
    options = {"crowding": 0.3, "scale": 30.0, "topics": 8, "n_features": 6}
    model = LogisticRegression(C=1e3, max_iter=2000)
    straight = held_out_accuracy(model, *draw(6, 3000, **options))
    x, y = draw(6, 3000, **options, within=100.0)
    assert held_out_accuracy(model, x, y) < straight - 0.2
    for rows, labels, topic in zip(x.numpy(), y.numpy(), drawn_topics[1].numpy(), strict=True):
        common = np.flatnonzero(topic == np.bincount(topic).argmax())
        shown, asked = common[::2], common[1::2]
        assert model.fit(rows[shown], labels[shown]).score(rows[asked], labels[asked]) > 0.9


@pytest.mark.parametrize("by_topic", [0.0, 2.0])
@pytest.mark.parametrize("within", [0.0, 0.7])
def test_scale_is_the_spread_of_a_logit_whatever_it_is_made_of(monkeypatch, by_topic, within):
    seen, categorical = [], module.categorical

    def watched(generator, logits):
        seen.append(logits)
        return categorical(generator, logits)

    monkeypatch.setattr(module, "categorical", watched)
    draw(300, 60, 4, n_features=40, by_topic=by_topic, within=within, crowding=0.5, scale=3.0)
    assert seen[-1].shape == (300, 60, 4)
    assert seen[-1].std().item() == pytest.approx(3, rel=0.06)


def test_rows_of_a_topic_share_a_label_where_the_teacher_reads_centres(drawn_topics):
    """And neighbours are then nearly as good as a linear rule."""

    def agreement(by_centre):
        x, y = draw(8, 900, n_features=64, topics=32, crowding=0.5, scale=30.0, by_centre=by_centre)
        shares = torch.stack([labels.float().mean() for labels in by_topic_of(y, drawn_topics[-1])])
        return (shares - 0.5).abs().mean().item() + 0.5, held_out_accuracy(KNeighborsClassifier(), x, y)

    (mixed, far), (alike, near) = agreement(0.0), agreement(1.0)
    assert mixed < 0.85
    assert alike > 0.95
    assert near > far + 0.1
