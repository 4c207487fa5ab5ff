"""The decoder reasoner: the GPT-2 of the paper over the sequence x1, y1, ..., xN, yN, x*.

The context is a prefix that all queries share: it is run once, its keys and values are kept, and each query attends to
them and to itself, as if it stood alone behind them.

Shapes: B tasks, N context rows, M query rows, D features, C classes, K channels (1 for two classes, else C),
W width, H heads.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sktart.reasoners._base import Reasoner
from sktart.reasoners._config import DecoderConfig

INIT_STD = 0.02  # GPT-2's


@dataclass(frozen=True)
class Layer:
    """Keys and values of the context at one depth, each (B K, H, 2N, W / H), 2N padded to a multiple of 16."""

    keys: Tensor
    values: Tensor


@dataclass(frozen=True)
class Context:
    """A context that has been read."""

    n_rows: int
    n_classes: int
    layers: tuple[Layer, ...]


class DecoderBlock(nn.Module):
    """One block of GPT-2: pre-norm causal attention, then an MLP of fourfold width."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        width = config.width
        self.n_heads = config.n_heads
        self.norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp_in = nn.Linear(width, 4 * width)
        self.mlp_out = nn.Linear(4 * width, width)

    def forward(self, h: Tensor) -> tuple[Tensor, Layer]:
        """Update a whole sequence (B, S, W) causally, and return its keys and values too."""
        queries, keys, values = self._split(h)
        if torch.is_grad_enabled():
            # In bfloat16 on a CPU the fused kernel's backward pass is half of a step (docs/notes/attention-kernels.md).
            length = h.shape[1]
            future = torch.ones(length, length, dtype=torch.bool, device=h.device).triu(1)
            logits = (queries @ keys.mT * keys.shape[-1] ** -0.5).masked_fill(future, -torch.inf)
            attended = logits.softmax(-1).to(values.dtype) @ values
        else:
            attended = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        return self._finish(h, attended), Layer(keys, values)

    def answer(self, h: Tensor, layer: Layer, length: int) -> Tensor:
        """Update queries (B, M, W), each of which sees the first `length` keys of the context and itself."""
        queries, keys, values = self._split(h)
        scale = queries.shape[-1] ** -0.5
        logits = queries @ layer.keys.mT * scale  # (B, H, M, 2N)
        logits[..., length:] = -torch.inf
        own = (queries * keys).sum(-1, keepdim=True) * scale
        largest = torch.maximum(own, logits.amax(-1, keepdim=True)) if length else own
        weights, own = (logits - largest).exp(), (own - largest).exp()
        attended = (weights @ layer.values + own * values) / (weights.sum(-1, keepdim=True) + own)
        return self._finish(h, attended)

    def _split(self, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        parts = self.query_key_value(self.norm(h)).chunk(3, dim=-1)
        queries, keys, values = (part.unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for part in parts)
        return queries, keys, values

    def _finish(self, h: Tensor, attended: Tensor) -> Tensor:
        h = h + self.out(attended.transpose(1, 2).flatten(2))
        return h + self.mlp_out(F.gelu(self.mlp_in(self.mlp_norm(h)), approximate="tanh"))


class DecoderReasoner(Reasoner):
    """In-context classifier that reads features as they are, in the order of the rows.

    Labels are 0 and 1, each in the first entry of an otherwise empty row of D features. More than two classes
    are answered one against the rest, and the probabilities divided by their sum. Features should have about
    unit variance and no correlation, as in its pretraining; rows with fewer than D features are padded with zeros.

    Parameters
    ----------
    config : DecoderConfig

    References
    ----------
    Bhatia, Narayan, De Sa, Ré. TART: A plug-and-play Transformer module for task-agnostic reasoning.
    arXiv 2306.07536, 2023, section 4.

    Examples
    --------
    >>> reasoner = DecoderReasoner(DecoderConfig(width=8, n_layers=1, n_heads=2, n_features=4, n_pairs=4))
    >>> context = reasoner.read_context(torch.ones(1, 2, 3), torch.tensor([[0, 1]]), 2)
    >>> reasoner.answer(context, torch.zeros(1, 5, 3)).shape
    torch.Size([1, 5, 2])
    """

    config: DecoderConfig
    reads_in_order: ClassVar[bool] = True
    keeps_rows: ClassVar[bool] = False

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.read_in = nn.Linear(config.n_features, config.width)
        self.positions = nn.Embedding(2 * config.n_pairs, config.width)
        self.blocks = nn.ModuleList(DecoderBlock(config) for _ in range(config.n_layers))
        self.norm = nn.LayerNorm(config.width)
        self.read_out = nn.Linear(config.width, 1)
        self._initialise()

    @property
    def max_context(self) -> int:
        """Largest number of context rows: a query needs a position behind them."""
        return self.config.n_pairs - 1

    @property
    def max_features(self) -> int:
        """Number of features that it reads."""
        return self.config.n_features

    def sequence_logits(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the logit (B, R) of label 1 for each row of x (B, R, D) from the rows and labels (B, R) before it."""
        h, _ = self._run(self._interleave(x, y)[:, :-1])
        return self._logit(h[:, ::2])

    def loss(
        self, context_x: Tensor, context_y: Tensor, query_x: Tensor, query_y: Tensor, n_classes: int
    ) -> Tensor:
        """Return the binary cross-entropy over all rows, context and queries alike, as one sequence."""
        x, y = torch.cat([context_x, query_x], 1), torch.cat([context_y, query_y], 1)
        return F.binary_cross_entropy_with_logits(self.sequence_logits(x, y).float(), y.float())

    def read_context(
        self, context_x: Tensor, context_y: Tensor, n_classes: int, weight: Tensor | None = None
    ) -> Context:
        """Run the labelled rows through the network once.

        Parameters
        ----------
        context_x : Tensor of shape (B, N, D)
            Up to `max_context` rows with up to `max_features` features.
        context_y : Tensor of shape (B, N)
            Integers below `n_classes`.
        n_classes : int
        weight : Tensor of shape (B, N), optional
            Must be 1 for each row.
        """
        self._check(context_x, weight)
        if n_classes <= 2:
            x, labels = context_x, context_y
        else:
            labels = F.one_hot(context_y, n_classes).transpose(1, 2).flatten(0, 1)  # (B K, N)
            x = context_x.repeat_interleave(n_classes, dim=0)
        _, layers = self._run(self._interleave(x, labels))
        # Rows of unequal alignment would be summed in an order that depends on a query's place in its batch.
        padding = (0, 0, 0, -2 * x.shape[1] % 16)
        kept = tuple(Layer(F.pad(layer.keys, padding), F.pad(layer.values, padding)) for layer in layers)
        return Context(x.shape[1], n_classes, kept)

    def answer(self, context: Context, query_x: Tensor) -> Tensor:
        """Return logits of shape (B, M, C) for queries of shape (B, M, D), each answered by itself."""
        if context.n_classes == 1:
            return query_x.new_zeros(*query_x.shape[:2], 1)
        h = self._embed(query_x) + self.positions.weight[2 * context.n_rows]
        if context.n_classes > 2:
            h = h.repeat_interleave(context.n_classes, dim=0)
        for block, layer in zip(self._blocks(), context.layers, strict=True):
            h = block.answer(h, layer, 2 * context.n_rows)
        logit = self._logit(h)
        if context.n_classes == 2:
            return torch.stack([torch.zeros_like(logit), logit], dim=-1)
        return F.logsigmoid(logit).unflatten(0, (-1, context.n_classes)).transpose(1, 2)

    def _check(self, x: Tensor, weight: Tensor | None) -> None:
        n_rows, n_features = x.shape[1:]
        if n_rows > self.max_context:
            raise ValueError(f"this decoder reads at most {self.max_context} context rows; got {n_rows}")
        if n_features > self.max_features:
            raise ValueError(f"this decoder reads at most {self.max_features} features; got {n_features}")
        if weight is not None and not bool((weight == 1).all()):
            raise ValueError(
                "a decoder cannot weigh rows: weights must be 1; repeat rows or use a gram reasoner"
            )

    def _embed(self, x: Tensor) -> Tensor:
        """Read rows (B, R, D) into tokens (B, R, W) without a position."""
        x = x.to(self.read_in.weight.dtype)
        return self.read_in(F.pad(x, (0, self.config.n_features - x.shape[-1])))

    def _interleave(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the tokens (B, 2R, W) of x1, y1, ..., xR, yR with their positions."""
        labels = y[..., None].to(x.dtype)
        tokens = torch.stack([self._embed(x), self._embed(labels)], dim=2).flatten(1, 2)
        return tokens + self.positions.weight[: tokens.shape[1]]

    def _run(self, h: Tensor) -> tuple[Tensor, list[Layer]]:
        layers = []
        for block in self._blocks():
            h, layer = block(h)
            layers.append(layer)
        return h, layers

    def _logit(self, h: Tensor) -> Tensor:
        return self.read_out(self.norm(h)).squeeze(-1)

    def _blocks(self) -> Iterable[DecoderBlock]:
        return cast("Iterable[DecoderBlock]", self.blocks)

    def _initialise(self) -> None:
        """Draw as GPT-2 does: small normal weights, smaller still where a block adds to the residual stream."""
        shrink = (2 * self.config.n_layers) ** -0.5
        for block in self._blocks():
            for layer, std in (
                (block.query_key_value, INIT_STD),
                (block.out, INIT_STD * shrink),
                (block.mlp_in, INIT_STD),
                (block.mlp_out, INIT_STD * shrink),
            ):
                nn.init.normal_(layer.weight, std=std)
                nn.init.zeros_(layer.bias)
        nn.init.normal_(self.positions.weight, std=INIT_STD)
