"""The skorch net of pretraining: Muon on the matrices of the blocks, AdamW on the rest, loss over groups of tasks."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any

import torch
from skorch import NeuralNet
from torch import Tensor, nn

from sktart.exceptions import RecipeError
from sktart.pretrain.batches import Epoch
from sktart.pretrain.recipe import Recipe
from sktart.priors import Tasks
from sktart.reasoners.gram import GramReasoner
from sktart.zoo import load_checkpoint

MAX_GRADIENT_NORM = 1.0


class PretrainNet(NeuralNet):
    """A reasoner in training.

    Parameters
    ----------
    recipe : Recipe
    workers : concurrent.futures.Executor
        Threads that share the groups of a step; each computes with one torch thread, so that the result does
        not depend on how many there are.
    device : str or torch.device
    **kwargs
        Of :class:`skorch.NeuralNet`, for example `callbacks`.
    """

    def __init__(self, recipe: Recipe, workers: Executor, device: Any = "cpu", **kwargs: Any) -> None:
        self.recipe = recipe
        self.workers_ = workers
        kwargs.setdefault("module", GramReasoner)
        kwargs.setdefault("module__config", recipe.network)
        kwargs.setdefault("criterion", nn.CrossEntropyLoss)
        kwargs.setdefault("iterator_train", Epoch)
        kwargs.setdefault("train_split", None)
        kwargs.setdefault("verbose", 0)
        super().__init__(device=device, **kwargs)

    def initialize_module(self) -> PretrainNet:
        """Build the network from the recipe's seed or start, and leave torch's global generator as it was.

        Raises
        ------
        RecipeError
            If the checkpoint to start from has another shape.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.seed)
            super().initialize_module()
        if self.recipe.start:
            start = load_checkpoint(self.recipe.start).reasoner
            if start.config != self.recipe.network:
                raise RecipeError(
                    f"start must have the recipe's network {self.recipe.network}; "
                    f"{self.recipe.start!r} is {start.config}"
                )
            self.module_.load_state_dict(start.state_dict())
        return self

    def initialize_optimizer(self, triggered_directly: Any = None) -> PretrainNet:
        """Split the parameters: hidden matrices go to Muon, everything else to AdamW."""
        named = list(self.module_.named_parameters())
        matrices = [
            p for name, p in named if name.startswith("blocks.") and name.endswith(".weight") and p.ndim == 2
        ]
        chosen = {id(p) for p in matrices}
        rest = [p for _, p in named if id(p) not in chosen]
        recipe = self.recipe
        self.muon_ = torch.optim.Muon(
            matrices,
            lr=recipe.muon_learning_rate,
            weight_decay=recipe.weight_decay,
            adjust_lr_fn="match_rms_adamw",
        )
        self.adamw_ = torch.optim.AdamW(
            rest, lr=recipe.adamw_learning_rate, weight_decay=recipe.weight_decay, betas=(0.9, 0.98)
        )
        return self

    def train_step(self, batch: tuple[Tensor, list[Tasks]], **fit_params: Any) -> dict[str, Any]:
        """Make one step on the mean loss of the groups of one batch."""
        step, groups = int(batch[0]), batch[1]
        self._set_training(True)
        results = list(self.workers_.map(self._loss_and_gradients, groups))
        # Summed in the order of the groups, so that it does not matter which worker was done first.
        for parameter, *gradients in zip(self.module_.parameters(), *(g for _, g in results), strict=True):
            parameter.grad = torch.stack(gradients).mean(0)
        nn.utils.clip_grad_norm_(self.module_.parameters(), MAX_GRADIENT_NORM)
        share = schedule(step, self.recipe.steps, self.recipe.warmup_steps)
        for optimizer, peak in (
            (self.muon_, self.recipe.muon_learning_rate),
            (self.adamw_, self.recipe.adamw_learning_rate),
        ):
            for parameters in optimizer.param_groups:
                parameters["lr"] = peak * share
            optimizer.step()
        return {"loss": torch.stack([loss for loss, _ in results]).mean(), "y_pred": None}

    def _loss_and_gradients(self, tasks: Tasks) -> tuple[Tensor, tuple[Tensor, ...]]:
        device = torch.device(self.device)
        with torch.autocast(device.type, torch.bfloat16, enabled=self.recipe.precision == "bfloat16"):
            logits = self.module_(
                tasks.context_x.to(device),
                tasks.context_y.to(device),
                tasks.query_x.to(device),
                tasks.n_classes,
            )
        loss = self.criterion_(logits.float().flatten(0, 1), tasks.query_y.to(device).flatten())
        return loss.detach().cpu(), torch.autograd.grad(loss, list(self.module_.parameters()))


def schedule(step: int, steps: int, warmup_steps: int) -> float:
    """Share of the peak learning rate: linear up, then linear down to 0.

    Examples
    --------
    >>> [schedule(step, 10, 2) for step in (0, 1, 2, 9)]
    [0.5, 1.0, 1.0, 0.125]
    """
    return min((step + 1) / max(1, warmup_steps), (steps - step) / max(1, steps - warmup_steps))
