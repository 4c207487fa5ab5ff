"""Rows that crowd around topics, with labels that follow a direction, the topic, or a direction within it."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from sktart.priors._draws import (
    Range,
    categorical,
    directions,
    feature_mask,
    intercepts,
    log_uniform,
    log_uniform_int,
    normal,
    power_law,
    uniform,
)


def sample_topics(
    generator: Generator,
    n_tasks: int,
    n_rows: int,
    n_classes: int,
    *,
    n_features: tuple[int, int] = (32, 512),
    spectrum: Range = (0.2, 0.6),
    alignment: Range = (0.3, 1.8),
    topics: tuple[int, int] = (2, 64),
    crowding: Range = (0.0, 0.7),
    tails: Range = (0.0, 0.4),
    by_topic: Range = (0.0, 1.0),
    within: Range = (0.0, 0.5),
    scale: Range = (0.7, 30.0),
    intercept: float = 0.5,
    by_centre: Range | None = None,
) -> tuple[Tensor, Tensor]:
    """Draw rows of tasks that crowd around topics: x_j = j^-a z_j, z = sqrt(k) m_t + sqrt(1 - k) r e.

    Topic t of a row is drawn, its centre m_t and e are standard normal, and r = exp(q g) with g ~ N(0, 1) for each row.
    The logit of class c is ``s (w1 u_c.z + w2 l_tc + w3 v_tc.z + b_c)``, and (w1, w2, w3) is (1, by_topic, within)
    scaled to unit length. Alone, the first term is the family `linear`, in which near rows say little about the label.
    The second, a number for each topic and class, makes neighbours agree, as a topic of news does; the third bends the
    teacher from topic to topic, as a word praises one thing and blames another.

    Parameters
    ----------
    generator : torch.Generator
    n_tasks, n_rows, n_classes : int
    n_features, spectrum, scale, intercept
        As in :func:`~sktart.priors._linear.sample_linear`.
    alignment : (float, float)
        Bounds of the exponent p by which all directions of teachers lean to the leading features, u_j, v_j ~ j^-p.
    topics : (int, int)
        Bounds of the number of topics, log-uniform, one draw for all tasks of a call. The k-th has a share of rows
        ~ k^-e, e uniform in 0 to 1 for each task: a few are common, as words are.
    crowding : (float, float)
        Bounds of k, the share of the variance of z that is between topics, without tails.
    tails : (float, float)
        Bounds of q: rows differ in their distance from the topic, by the standard deviation q of its logarithm.
    by_topic, within : (float, float)
        Bounds of the weights of the topic's own level and of the topic's own direction, relative to the linear teacher.
    by_centre : (float, float), optional
        Bounds of b, where the linear teacher reads sqrt(b k) m_t + sqrt(1 - b) z in place of z. At b = 1 it reads the
        topic alone, as loudly as rows crowd: rows of a topic have like labels, and so have near topics. With many
        topics, nearest neighbours then come close to a linear rule, as in news.

    Returns
    -------
    x : Tensor of shape (B, R, D)
    y : Tensor of shape (B, R)
    """
    mask = feature_mask(generator, n_tasks, n_features, logarithmic=True)
    n_topics = log_uniform_int(generator, topics)
    topic = _topics_of_rows(generator, n_tasks, n_rows, n_topics)
    z, centre = _around_topics(generator, mask, topic, n_topics, crowding, tails)
    read = z
    if by_centre is not None:
        part = uniform(generator, by_centre, n_tasks, 1, 1)
        read = part.sqrt() * centre + (1 - part).sqrt() * z
    leaning = power_law(mask, uniform(generator, alignment, n_tasks))
    straight = read @ directions(generator, n_classes, leaning).mT  # (B, R, C)
    of_topic = topic[..., None].expand(-1, -1, n_classes)
    every_bent = (z @ directions(generator, n_classes * n_topics, leaning).mT).unflatten(-1, (-1, n_topics))
    bent = every_bent.gather(-1, of_topic[..., None]).squeeze(-1)  # (B, R, C)
    level = normal(generator, n_tasks, n_topics, n_classes).gather(1, of_topic)  # (B, R, C)
    drawn = [uniform(generator, bounds, n_tasks, 1, 1) for bounds in (by_topic, within)]
    weights = torch.cat([torch.ones(n_tasks, 1, 1), *drawn], dim=-1)
    weights = weights / weights.norm(dim=-1, keepdim=True)
    logits = straight * weights[..., :1] + level * weights[..., 1:2] + bent * weights[..., 2:]
    logits = logits + intercepts(generator, n_tasks, n_classes, intercept)
    x = z * power_law(mask, uniform(generator, spectrum, n_tasks))[:, None]
    return x, categorical(generator, logits * log_uniform(generator, scale, n_tasks, 1, 1))


def _topics_of_rows(generator: Generator, n_tasks: int, n_rows: int, n_topics: int) -> Tensor:
    """Draw the topic of each row, (B, R): the k-th topic is drawn with a chance ~ k^-e."""
    log_size = -torch.arange(1, n_topics + 1).log() * uniform(generator, (0.0, 1.0), n_tasks, 1)
    return categorical(generator, log_size[:, None].expand(-1, n_rows, -1))


def _around_topics(
    generator: Generator, mask: Tensor, topic: Tensor, n_topics: int, crowding: Range, tails: Range
) -> tuple[Tensor, Tensor]:
    """Draw rows about the centres of their topics, and these centres, (B, R, D), before features get their spectrum."""
    (n_tasks, n_rows), n_features = topic.shape, mask.shape[1]
    share = uniform(generator, crowding, n_tasks, 1, 1)
    centres = normal(generator, n_tasks, n_topics, n_features) * mask[:, None]
    noise = normal(generator, n_tasks, n_rows, n_features) * mask[:, None]
    distance = (normal(generator, n_tasks, n_rows, 1) * uniform(generator, tails, n_tasks, 1, 1)).exp()
    centre = share.sqrt() * centres.gather(1, topic[..., None].expand(-1, -1, n_features))
    return centre + (1 - share).sqrt() * noise * distance, centre
