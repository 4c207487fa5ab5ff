"""What the gram reasoner keeps of a context, and all of it that no weight of the network has part in.

Shapes: B tasks, N labelled rows, U rows without a label (the pool), R rows of any kind, L landmarks, D features,
C classes, K and P ridge regressions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from sktart.reasoners._descriptions import Descriptions, no_descriptions, read_descriptions
from sktart.reasoners._gram_block import POOL_STRENGTHS, Layer, Sizes, View
from sktart.reasoners._landmarks import Landmarks
from sktart.reasoners._message_sums import Summands
from sktart.reasoners._metric import Root, in_metric, root_of_metric
from sktart.reasoners._ridge import HeldOut, Ridge, inverse_covariance, smoother, solve_ridge
from sktart.reasoners._sureness import doubt


@dataclass(frozen=True)
class Context:
    """A context that has been read: all that answering a query needs, and no network weights."""

    mean: Tensor  # (B, 1, D), of the dtype of the features
    inverse_scale: Tensor  # (B, 1, 1)
    landmarks: tuple[Landmarks, ...]  # centred and scaled, D padded to a multiple of 16
    weight: Tensor  # (B,), of all rows
    ridge: Ridge
    pool_operators: Tensor  # (B, P, N + U or D, D), of regressions on all rows; (B, 0, 0, D) without a pool
    task_scalars: Tensor  # (B, C, 5 + K): what is the same for all rows
    sizes: Sizes
    descriptions: Descriptions
    sure: Tensor  # (B,): factor of all logits
    layers: tuple[Layer, ...]
    metric_root: tuple[Tensor, ...] = ()  # see `root_of_metric`; none where rows are compared as they are
    groups: tuple[Context, ...] = ()  # of each group of classes, where this one tells groups apart
    members: tuple[Tensor, ...] = ()  # the classes of each group

    @property
    def has_pool(self) -> bool:
        """Whether rows without a label were read."""
        return self.pool_operators.shape[1] > 0

    def view(self, x: Tensor, smoothers: Tensor | None = None) -> View:
        """Return how rows (B, R, D), whose ridge weights are known or not, stand to those of the context."""
        with torch.autocast(x.device.type, enabled=False):
            grams = tuple(x @ landmarks.x.mT for landmarks in self.landmarks)
            total = self.weight.rsqrt()[:, None, None]
            if self.ridge.is_summed:
                return View(grams, x, x)
            weighted = grams[0] * self.landmarks[0].weight[:, None, :]
            if smoothers is None:
                smoothers = self.ridge.weights(x)
            movers = (weighted[..., : self.landmarks[0].n_labelled], *smoothers.unbind(1))
            if not self.has_pool:
                return View(grams, movers, ())
            pooled = (x[:, None] @ self.pool_operators.mT).unbind(1)
            return View(grams, movers, (weighted * total, *pooled))


@dataclass(frozen=True)
class Rows:
    """Rows of a context while it is read, centred and scaled.

    Parameters
    ----------
    x : Tensor of shape (B, N + U, D)
        The labelled ones first, D padded to a multiple of 16.
    weight : Tensor of shape (B, N + U)
    y : Tensor of shape (B, N)
    one_hot : Tensor of shape (B, C, N)
    """

    x: Tensor
    weight: Tensor
    y: Tensor
    one_hot: Tensor

    @property
    def n_labelled(self) -> int:
        """N."""
        return self.y.shape[1]

    @property
    def labelled_x(self) -> Tensor:
        """The labelled rows, (B, N, D)."""
        return self.x[:, : self.n_labelled]

    @property
    def pool_x(self) -> Tensor:
        """The rows without a label, (B, U, D)."""
        return self.x[:, self.n_labelled :]

    @property
    def label(self) -> Tensor:
        """1 for the class of a row and -1 for others, (B, C, N)."""
        return 2 * self.one_hot - 1

    def summands(self, context: Context, rows_at_once: int) -> Summands:
        """Return what sums of messages are made of."""
        weight = self.weight[..., None]
        return Summands(
            torch.cat([self.x * weight, weight], dim=-1),
            self.n_labelled,
            context.ridge.centre,
            context.ridge.operators,
            context.pool_operators,
            rows_at_once,
        )


def prepare_context(
    labelled_x: Tensor,
    y: Tensor,
    n_classes: int,
    weight: Tensor | None,
    pool_x: Tensor | None,
    pool_weight: Tensor | None,
    class_vectors: Tensor | None,
    *,
    dtype: torch.dtype,
    max_exact_rows: int,
    pool_metric: bool,
) -> tuple[Context, Rows, HeldOut]:
    """Centre and scale rows, solve ridge regression on them, and describe the task.

    Parameters are those of :meth:`GramReasoner.read_context`. A single task of more than `max_exact_rows` rows, and
    more rows than features, has its rows summed, unless it is trained on. With `pool_metric`, rows are compared in the
    metric of all rows where some have no label.
    """
    n_labelled = labelled_x.shape[1]
    given = labelled_x if pool_x is None else torch.cat([labelled_x, pool_x], dim=1)
    has_pool = given.shape[1] > n_labelled
    weight = _joined(weight, pool_weight, given, n_labelled)
    mean, inverse_scale = centre_and_scale(given, weight)
    x = aligned(((given - mean) * inverse_scale).to(dtype))
    weight = weight.to(dtype)
    vectors = None if class_vectors is None else aligned(class_vectors)
    metric_root: Root = ()
    if pool_metric and has_pool:
        metric_root = root_of_metric(x, weight)
        x = in_metric(x, metric_root)
        vectors = None if vectors is None else in_metric(vectors, metric_root)
    rows = Rows(x, weight, y, F.one_hot(y, n_classes).to(dtype).transpose(1, 2))
    # Sums take the square of the features.
    is_large = x.shape[1] > max(max_exact_rows, x.shape[2])
    is_summed = len(x) == 1 and is_large and not torch.is_grad_enabled()
    ridge, held_out = solve_ridge(
        rows.labelled_x, rows.label, weight[:, :n_labelled], is_centred=not has_pool, is_summed=is_summed
    )
    task_scalars = torch.cat([_task_scalars(x, weight, rows.one_hot), held_out.error], dim=-1)
    sizes = Sizes(_exponents(task_scalars), _pool_ratio(weight, n_labelled))
    context = Context(
        mean,
        inverse_scale,
        (Landmarks(x, weight, n_labelled),),
        weight.sum(1),
        ridge,
        _pool_operators(x, weight, is_summed=is_summed)
        if has_pool
        else x.new_zeros(len(x), 0, 0, x.shape[2]),
        task_scalars,
        sizes,
        no_descriptions(x) if vectors is None else read_descriptions(vectors, x, weight, rows.one_hot, dtype),
        doubt(sizes),
        (),
        metric_root,
    )
    return context, rows, held_out


def centre_and_scale(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted mean (B, 1, D) and the inverse (B, 1, 1) of the root mean squared norm about it.

    The inverse is 0 where all rows are equal up to rounding, or too near for it to be finite: then nothing but the
    classes' shares is known.
    """
    share = (weight / weight.sum(1, keepdim=True))[..., None].to(x.dtype)
    mean = (share * x).sum(1, keepdim=True)
    centred = x - mean
    tiny = torch.finfo(x.dtype).tiny
    largest = x.abs().amax(dim=(1, 2), keepdim=True).clamp_min(tiny)
    radius = (share * (centred / largest).square()).sum(dim=(1, 2), keepdim=True).sqrt()
    rounding = 10 * torch.finfo(x.dtype).eps
    spread = radius.clamp_min(rounding) * largest
    return mean, torch.where((radius > rounding) & (spread >= tiny), 1 / spread, 0.0)


def aligned(x: Tensor) -> Tensor:
    """Pad features with zeros to a multiple of 16.

    Otherwise rows start at unequal offsets from a cache line, and a matrix product may sum the same row in another
    order in another place: the answer would depend on where in its batch a query stands.
    """
    return F.pad(x, (0, -x.shape[-1] % 16))


def _joined(weight: Tensor | None, pool_weight: Tensor | None, rows: Tensor, n_labelled: int) -> Tensor:
    """Return the weights (B, N + U) of all rows; 1 where none were given."""
    ones = rows.new_ones(rows.shape[:2])
    labelled = ones[:, :n_labelled] if weight is None else weight.to(rows.dtype)
    pool = ones[:, n_labelled:] if pool_weight is None else pool_weight.to(rows.dtype)
    return torch.cat([labelled, pool], dim=1)


def _task_scalars(x: Tensor, weight: Tensor, one_hot: Tensor) -> Tensor:
    """Describe a task to each of its classes: (B, C, 5), the last three of them for `_exponents`.

    The effective dimension is that of all rows, the rest is of the labelled ones.
    """
    n_classes, n_labelled = one_hot.shape[1:]
    labelled = weight[:, :n_labelled]
    total = labelled.sum(1)  # (B,)
    count = (one_hot * labelled[:, None]).sum(-1)  # (B, C)
    scaled = x * weight.sqrt()[..., None]
    # ||G||_F is the same for X X' and X' X: take the smaller.
    smaller = scaled @ scaled.mT if x.shape[1] <= x.shape[2] else scaled.mT @ scaled
    square = smaller.square().sum(dim=(1, 2))
    every = weight.sum(1)
    effective = torch.where(square > 0, every.square() / square.clamp_min(torch.finfo(x.dtype).tiny), 1.0)
    relative = ((count + 1) / (total[:, None] / n_classes + 1)).log()
    if n_labelled:
        share, log_total = count / total[:, None], total.log()
    else:  # what one row would tell of sizes, and nothing of classes
        share, log_total = torch.full_like(count, 1 / n_classes), torch.zeros_like(total)
    sizes = torch.stack([torch.full_like(total, math.log(n_classes)), log_total, effective.log()], dim=-1)
    return torch.cat(
        [torch.stack([share, relative], dim=-1), sizes[:, None].expand(-1, n_classes, -1)], dim=-1
    )


def _exponents(task_scalars: Tensor) -> Tensor:
    """Return (B, 3): 1, log N, log effective dimension."""
    sizes = task_scalars[:, 0, 2:5].clone()
    sizes[:, 0] = 1
    return sizes


def _pool_ratio(weight: Tensor, n_labelled: int) -> Tensor:
    """Return the logarithm of (U + 1) / (N + 1), (B,)."""
    return weight[:, n_labelled:].sum(1).log1p() - weight[:, :n_labelled].sum(1).log1p()


def _pool_operators(x: Tensor, weight: Tensor, *, is_summed: bool) -> Tensor:
    """Return what turns a row into the weights of all rows in a ridge regression, (B, P, N + U or D, D)."""
    exact = torch.float32 if x.device.type == "mps" else torch.float64
    solve = inverse_covariance if is_summed else smoother
    with torch.autocast(x.device.type, enabled=False):
        return solve(x.to(exact), weight.to(exact), POOL_STRENGTHS).to(x.dtype)
