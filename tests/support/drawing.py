"""What tests of the prior share: a generator, and measures of a task's rows."""

import numpy as np
import torch


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def spectrum_slope(x):
    """Minus the slope of log standard deviation over log rank of the features of one task (R, D)."""
    rank = np.arange(1, x.shape[1] + 1)
    return -np.polyfit(np.log(rank), np.log(x.std(0).numpy()), 1)[0]


def effective_dimension(x):
    """(tr S)^2 / tr S^2 of the covariance of rows (R, D)."""
    eigenvalues = torch.linalg.eigvalsh(x.T.cov().double())
    return (eigenvalues.sum() ** 2 / eigenvalues.square().sum()).item()


def fixed(**values):
    """Options of a family that leave nothing to chance: bounds that are one value."""
    return {name: (value, value) for name, value in values.items()}


def by_class(x, y):
    """Rows of each class, for each task of (B, R, D) and (B, R)."""
    return [[rows[labels == c] for c in labels.unique()] for rows, labels in zip(x, y, strict=True)]


def held_out_accuracy(model, x, y):
    """Mean over tasks of the accuracy of a model fitted on two thirds of the rows."""
    n = 2 * x.shape[1] // 3
    return np.mean(
        [
            model.fit(rows[:n], labels[:n]).score(rows[n:], labels[n:])
            for rows, labels in zip(x.numpy(), y.numpy(), strict=True)
        ]
    )
