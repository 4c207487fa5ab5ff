"""The skorch net of pretraining: optimisers, schedule, loss over groups of tasks."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any

import torch
from skorch import NeuralNet
from torch import Tensor, nn

from sktart.pretrain._batches import Epoch
from sktart.pretrain._processes import gathered
from sktart.pretrain._recipe import Recipe
from sktart.pretrain._start import begin_with
from sktart.priors import Tasks
from sktart.reasoners._families import build_reasoner
from sktart.reasoners._nearest_mean import start_from_nearest_mean
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
        kwargs.setdefault("module", build_reasoner)
        kwargs.setdefault("module__config", recipe.network)
        kwargs.setdefault("criterion", nn.Identity)  # each family has a loss of its own
        kwargs.setdefault("iterator_train", Epoch)
        kwargs.setdefault("train_split", None)
        kwargs.setdefault("verbose", 0)
        super().__init__(device=device, **kwargs)

    def initialize_module(self) -> PretrainNet:
        """Build the network from the recipe's seed or start, and leave torch's global generator as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.seed)
            super().initialize_module()
            if self.recipe.initialise == "nearest-mean":
                start_from_nearest_mean(self.module_)
        if self.recipe.start:
            begin_with(self.module_, load_checkpoint(self.recipe.start).reasoner, self.recipe.start)
        if self.recipe.keeps_labels_only or self.recipe.only_sureness:
            module = self.module_.requires_grad_(False)
            part = module.sureness_parameters if self.recipe.only_sureness else module.knowledge_parameters
            for weight in part():
                weight.requires_grad_()
        return self

    def initialize_optimizer(self, triggered_directly: Any = None) -> PretrainNet:
        """Split the parameters as the recipe's optimizer has it; the two share their names with its rates."""
        recipe = self.recipe
        named = [(name, p) for name, p in self.module_.named_parameters() if p.requires_grad]
        self.optimizers_: dict[str, torch.optim.Optimizer]
        if recipe.optimizer == "adam":
            self.optimizers_ = {
                "adamw": torch.optim.AdamW([p for _, p in named], lr=0.0, weight_decay=recipe.weight_decay)
            }
            return self
        matrices = [
            p for name, p in named if name.startswith("blocks.") and name.endswith(".weight") and p.ndim == 2
        ]
        chosen = {id(p) for p in matrices}
        rest = [p for _, p in named if id(p) not in chosen]
        self.optimizers_ = {
            "adamw": torch.optim.AdamW(rest, lr=0.0, weight_decay=recipe.weight_decay, betas=(0.9, 0.98))
        }
        if matrices:
            self.optimizers_["muon"] = torch.optim.Muon(
                matrices, lr=0.0, weight_decay=recipe.weight_decay, adjust_lr_fn="match_rms_adamw"
            )
        return self

    def train_step(self, batch: tuple[Tensor, list[Tasks]], **fit_params: Any) -> dict[str, Any]:
        """Make one step on the mean loss of the groups of one batch."""
        step, groups = int(batch[0]), batch[1]
        self._set_training(True)
        # The largest groups first, so that no worker is left alone with one of them at the end.
        largest_first = sorted(range(len(groups)), key=lambda group: -groups[group].n_tokens)
        by_size = [groups[group] for group in largest_first]
        done = dict(zip(largest_first, self.workers_.map(self._loss_and_gradients, by_size), strict=True))
        # Summed in the order of the groups, so that it does not matter which worker or process was done first.
        results = gathered([done[group] for group in range(len(groups))])
        trained = self._trained()
        for parameter, *gradients in zip(trained, *(g for _, g in results), strict=True):
            parameter.grad = torch.stack(gradients).mean(0)
        nn.utils.clip_grad_norm_(trained, MAX_GRADIENT_NORM)
        share = schedule(step, self.recipe)
        for name, optimizer in self.optimizers_.items():
            for parameters in optimizer.param_groups:
                parameters["lr"] = share * getattr(self.recipe, f"{name}_learning_rate")
            optimizer.step()
        return {"loss": torch.stack([loss for loss, _ in results]).mean(), "y_pred": None}

    def _loss_and_gradients(self, tasks: Tasks) -> tuple[Tensor, tuple[Tensor, ...]]:
        device = torch.device(self.device)
        low = self.recipe.precision == "bfloat16"
        # All threads share the cache of cast weights, and each clears it: gradients would depend on who was first.
        with torch.autocast(device.type, torch.bfloat16, enabled=low, cache_enabled=False):
            loss = self.module_.loss(
                tasks.context_x.to(device),
                tasks.context_y.to(device),
                tasks.query_x.to(device),
                tasks.query_y.to(device),
                tasks.n_classes,
                **_knowledge(tasks, device),
            )
        trained = self._trained()
        if not loss.requires_grad:  # labelled rows alone, where nothing that reads these is trained
            return loss.cpu(), tuple(map(torch.zeros_like, trained))
        return loss.detach().cpu(), torch.autograd.grad(loss, trained, materialize_grads=True)

    def _trained(self) -> list[nn.Parameter]:
        return [parameter for parameter in self.module_.parameters() if parameter.requires_grad]


def _knowledge(tasks: Tasks, device: torch.device) -> dict[str, Tensor]:
    """Return what tasks have beside labelled rows, for a loss; a family that reads none of it is given none."""
    known = {}
    if tasks.pool_x.shape[1]:
        known = {"pool_x": tasks.pool_x, "pool_y": tasks.pool_y}
    if tasks.class_vectors is not None:
        known["class_vectors"] = tasks.class_vectors
    return {name: part.to(device) for name, part in known.items()}


def schedule(step: int, recipe: Recipe) -> float:
    """Share of the peak learning rate: linear up, then linear down to 0, or level for the paper's Adam."""
    warm_up = (step + 1) / max(1, recipe.warmup_steps)
    if recipe.optimizer == "adam":
        return min(1.0, warm_up)
    return min(warm_up, (recipe.steps - step) / max(1, recipe.steps - recipe.warmup_steps))
