"""Ridge regression whose strength and temperature are chosen by what it says of rows that it has not seen."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin

from sktart.reasoners._ridge import solve_ridge

TEMPERATURES = np.logspace(-2, 0.5, 26)


class HeldOutRidge(ClassifierMixin, BaseEstimator):
    """The four ridge regressions that the gram reasoner begins with, without the network.

    Each predicts each labelled row from all others, which has a closed form. The strength and the temperature of least
    log-loss of these predictions are taken.
    """

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """Solve, and choose."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.mean_ = X.mean(axis=0)
        self.scale_ = np.sqrt(np.square(X - self.mean_).sum(axis=1).mean())
        x = torch.from_numpy(self._rows(X))[None]
        one_hot = np.eye(len(self.classes_))[codes]
        label = torch.from_numpy(2 * one_hot.T - 1)[None]
        ridge, held_out = solve_ridge(x, label, torch.ones(1, len(y), dtype=torch.float64))
        self.offset_ = 2 * one_hot.mean(axis=0) - 1
        unseen = held_out.prediction[0].numpy().transpose(2, 1, 0) + self.offset_  # (K, N, C)
        losses = np.array(
            [
                [-log_softmax(each / t, axis=1)[np.arange(len(y)), codes].mean() for t in TEMPERATURES]
                for each in unseen
            ]
        )
        strength, temperature = np.unravel_index(losses.argmin(), losses.shape)
        self.solution_ = ridge.solution[0, strength].numpy()
        self.temperature_ = TEMPERATURES[temperature]
        return self

    def _rows(self, X: np.ndarray) -> np.ndarray:
        return (np.asarray(X, dtype=np.float64) - self.mean_) / self.scale_

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the softmax of the chosen regression over the chosen temperature."""
        return softmax((self._rows(X) @ self.solution_.T + self.offset_) / self.temperature_, axis=1)
