"""How sure the answers for a context are: a factor of all logits, the same for each query and class.

Shapes: B tasks, C classes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from sktart.reasoners._gram_context import Context
from sktart.reasoners._ridge import STRENGTHS

# With more labelled rows than any task of training has, answers are too sure: logits shrink by a power of their number.
MAX_SURE_ROWS = 1024
DOUBT = 0.1
LEAST_SURE = 0.8
# Of labelled rows 3 and an error of each ridge regression, of the pool 2, of descriptions 2.
N_SCALARS = 3 + len(STRENGTHS) + 2 + 2


class Sureness(nn.Module):
    """Read from what is the same for all queries of a task how sure answers should be; untrained, the factor is 1.

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

    def forward(self, context: Context) -> Tensor:
        """Return a factor (B,) between 1/e and e."""
        weight = self.read_in.weight
        with torch.autocast(weight.device.type, enabled=False):
            hidden = nn.functional.gelu(self.read_in(_scalars(context).to(weight.dtype)))
            return self.read_out(hidden)[:, 0].tanh().exp()


def doubt(context: Context) -> Tensor:
    """Return a factor (B,) for contexts of many labelled rows: exactly 1 up to `MAX_SURE_ROWS`."""
    log_ratio = context.sizes.exponents[:, 1] - math.log(MAX_SURE_ROWS)
    return (-DOUBT * log_ratio.clamp_min(0)).exp().clamp_min(LEAST_SURE)


def _scalars(context: Context) -> Tensor:
    """Describe a task, (B, N_SCALARS)."""
    # The first two tell classes apart; of the errors, the mean over classes.
    task = context.task_scalars[:, :, 2:].mean(1)
    n_classes, log_rows, rest = task.tensor_split((1, 2), dim=1)
    log_rows = log_rows.clamp_max(math.log(MAX_SURE_ROWS))
    ratio = context.sizes.pool_ratio[:, None]
    pool = torch.cat([torch.ones_like(ratio), ratio], dim=1) * float(context.has_pool)
    # The share of classes that are described, and how well descriptions and labels go together.
    described = task.new_zeros(len(task), 2)
    if context.descriptions:
        described = context.descriptions.scalars[..., ::2].mean(1)
    return torch.cat([n_classes, log_rows, rest, pool, described.to(task)], dim=1)
