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
