"""One block of the gram reasoner: attention over context rows, ridge regression steps, class mixer, MLP.

Shapes: B tasks, N context rows, R rows of either kind, C classes, W width, H heads, K ridge regressions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sktart.reasoners._config import GramConfig
from sktart.reasoners._ridge import STRENGTHS

N_OPERATORS = 1 + len(STRENGTHS)  # the inner products, and each ridge regression


@dataclass(frozen=True)
class Layer:
    """What one block keeps of the context, each (B, C, H, N, W / H) but `messages` (B, C, N, W)."""

    keys: Tensor
    values: Tensor
    messages: Tensor  # one part for each operator


class GramBlock(nn.Module):
    """Attention over context rows, steps in function space, class mixer and MLP, pre-norm and residual.

    Inner products move messages by a step of gradient descent, each ridge regression by a step of Newton's method.
    """

    def __init__(self, config: GramConfig) -> None:
        super().__init__()
        width, heads = config.width, config.n_heads
        self.n_heads = heads
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width, bias=False)
        self.message_width = config.message_width * N_OPERATORS
        self.key_value_message = nn.Linear(width, 2 * width + self.message_width, bias=False)
        self.out = nn.Linear(2 * width + self.message_width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp_in = nn.Linear(width, config.mlp_ratio * width)
        self.mlp_out = nn.Linear(config.mlp_ratio * width, width)
        # Exponents of (1, log N, log d_eff): sharpness of the inner-product attention, and step size.
        # A typical inner product is d_eff ** -0.5, so sharpness starts at a multiple of its inverse.
        sharpness = torch.tensor([[math.log(2.0**head), 0.0, 0.5] for head in range(heads)])
        self.sharpness = nn.Parameter(sharpness)
        self.step = nn.Parameter(torch.tensor([0.0, -0.5, 0.25]))
        self.content_scale = nn.Parameter(torch.zeros(heads))
        for layer in (self.out, self.mlp_out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def read(self, h: Tensor) -> Layer:
        """Turn context tokens (B, C, N, W) into what rows of this layer look at."""
        width = h.shape[-1]
        keys, values, messages = self.key_value_message(self.norm(h)).split(
            [width, width, self.message_width], dim=-1
        )
        # Views would each carry the storage of all three into a pickle.
        return Layer(self._heads(keys).contiguous(), self._heads(values).contiguous(), messages.contiguous())

    def forward(
        self, h: Tensor, gram: Tensor, smoothers: Tensor, weight: Tensor, sizes: Tensor, layer: Layer
    ) -> Tensor:
        """Update tokens.

        Parameters
        ----------
        h : Tensor of shape (B, C, R, W)
        gram : Tensor of shape (B, R, N), inner products with context rows
        smoothers : Tensor of shape (B, K, R, N), weights of context rows in the ridge predictions
        weight : Tensor of shape (B, N)
        sizes : Tensor of shape (B, 3): 1, log N, log effective dimension
        layer : Layer, what the context left at this depth
        """
        normed = self.norm(h)
        attended = self._attend(normed, gram, weight, sizes, layer)
        step = (sizes @ self.step).exp()[:, None, None]  # (B, 1, 1)
        operators = [gram * weight[:, None, :] * step, *smoothers.unbind(1)]
        moved = torch.cat(
            [
                operator[:, None].to(part.dtype) @ part
                for operator, part in zip(
                    operators, layer.messages.chunk(len(operators), dim=-1), strict=True
                )
            ],
            dim=-1,
        )
        mixed = normed.mean(dim=1, keepdim=True).expand_as(normed)
        h = h + self.out(torch.cat([attended, moved, mixed], dim=-1))
        return h + self.mlp_out(F.gelu(self.mlp_in(self.mlp_norm(h))))

    def _attend(self, normed: Tensor, gram: Tensor, weight: Tensor, sizes: Tensor, layer: Layer) -> Tensor:
        sharpness = (sizes @ self.sharpness.T).exp()  # (B, H)
        bias = sharpness[:, :, None, None] * gram[:, None] + weight.log()[:, None, None, :]  # (B, H, R, N)
        content = (1 + sizes[:, 1:2] * self.content_scale) / math.sqrt(layer.keys.shape[-1])  # (B, H)
        queries = self._heads(self.query(normed)) * content[:, None, :, None, None]
        if torch.is_grad_enabled():
            logits = queries @ layer.keys.mT + bias[:, None]  # (B, C, H, R, N)
            attended = logits.softmax(dim=-1).to(layer.values.dtype) @ layer.values
        else:
            # The fused kernel never holds the logits of all classes, but has no gradient for the bias.
            n_classes = queries.shape[1]
            attended = F.scaled_dot_product_attention(
                queries.flatten(0, 1),
                layer.keys.flatten(0, 1),
                layer.values.flatten(0, 1),
                attn_mask=bias if len(bias) == 1 else bias.repeat_interleave(n_classes, dim=0),
                scale=1.0,
            ).unflatten(0, (-1, n_classes))
        return attended.transpose(2, 3).flatten(3)

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.n_heads, -1)).transpose(2, 3)
