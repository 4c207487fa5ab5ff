"""How sure the answers for a context are: a factor of all logits, the same for each query and class.

Shapes: B tasks, C classes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from sktart.reasoners._gram_block import Sizes
from sktart.reasoners._ridge import STRENGTHS

# With more labelled rows than any task of training has, answers are too sure: logits shrink by a power of their number.
MAX_SURE_ROWS = 1024
DOUBT = 0.1
LEAST_SURE = 0.8
# How many classes and labelled rows there are, their effective dimension, and an error of each ridge regression.
N_SCALARS = 3 + len(STRENGTHS)
# Of what would make answers less sure, so that a task can still change its mind in training.
TRAINING_SLOPE = 0.1


class Sureness(nn.Module):
    """Read from what is the same for all queries of a task how sure answers should be; untrained, the factor is 1.

    It is for labelled rows alone: nothing else tells, where these are few, how far classes lie apart. It never makes
    answers less sure than they are without it.

    Parameters
    ----------
    width : int
        Hidden channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.read_in = nn.Linear(N_SCALARS, width)
        self.read_out = nn.Linear(width, 1)
        nn.init.zeros_(self.read_out.weight)
        nn.init.zeros_(self.read_out.bias)

    def forward(self, task_scalars: Tensor) -> Tensor:
        """Return a factor (B,) from 1 to e, given what a context keeps of its task, (B, C, 2 + N_SCALARS)."""
        weight = self.read_in.weight
        with torch.autocast(weight.device.type, enabled=False):
            hidden = nn.functional.gelu(self.read_in(_scalars(task_scalars).to(weight.dtype)))
            slope = TRAINING_SLOPE if self.training else 0.0
            return nn.functional.leaky_relu(self.read_out(hidden)[:, 0], slope).tanh().exp()


def doubt(sizes: Sizes) -> Tensor:
    """Return a factor (B,) for contexts of many labelled rows: exactly 1 up to `MAX_SURE_ROWS`."""
    log_ratio = sizes.exponents[:, 1] - math.log(MAX_SURE_ROWS)
    return (-DOUBT * log_ratio.clamp_min(0)).exp().clamp_min(LEAST_SURE)


def _scalars(task_scalars: Tensor) -> Tensor:
    """Describe a task, (B, N_SCALARS)."""
    # The first two tell classes apart; of the errors, the mean over classes.
    n_classes, log_rows, rest = task_scalars[:, :, 2:].mean(1).tensor_split((1, 2), dim=1)
    return torch.cat([n_classes, log_rows.clamp_max(math.log(MAX_SURE_ROWS)), rest], dim=1)
