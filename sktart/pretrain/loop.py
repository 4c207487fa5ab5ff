"""The pretraining loop: stream -> net -> state after each epoch -> checkpoint folder."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from skorch.callbacks import Callback
from tqdm import tqdm

from sktart._runtime import resolve_device, torch_threads
from sktart._version import __version__
from sktart.exceptions import RecipeError
from sktart.pretrain.batches import TaskStream
from sktart.pretrain.net import PretrainNet
from sktart.pretrain.recipe import Recipe
from sktart.zoo.checkpoint import save_checkpoint
from sktart.zoo.golden import golden_predictions

STATE_FILE = "training_state.pt"


class Keeper(Callback):
    """Saves the state after each epoch, moves the stream on, shows progress, and stops when the time is over."""

    def __init__(self, path: Path, minutes: float | None, progress: bool) -> None:
        self.path = path
        self.minutes = minutes
        self.progress = progress

    def on_train_begin(self, net: PretrainNet, X: TaskStream, y: Any = None, **kwargs: Any) -> None:
        """Take up the saved state, if there is one."""
        self.began_ = time.monotonic()
        self.state_ = load_state(self.path, net) or {"steps": 0, "seconds": 0.0, "losses": []}
        self.seconds_before_ = self.state_["seconds"]
        X.start = self.state_["steps"]
        steps = net.recipe.steps
        self.bar_ = tqdm(total=steps, initial=X.start, unit="step", disable=not self.progress)

    def on_batch_end(self, net: PretrainNet, **kwargs: Any) -> None:
        """Move the bar."""
        self.bar_.update()

    def on_epoch_end(self, net: PretrainNet, dataset_train: TaskStream, **kwargs: Any) -> None:
        """Save everything that the next step depends on, in one file that is replaced at once."""
        batches = net.history[-1]["batches"]
        loss = sum(batch["train_loss"] for batch in batches) / len(batches)
        dataset_train.start += len(dataset_train)
        elapsed = time.monotonic() - self.began_
        self.state_["steps"] = dataset_train.start
        self.state_["seconds"] = self.seconds_before_ + elapsed
        self.state_["losses"].append(loss)
        save_state(self.path, net, self.state_)
        self.bar_.set_postfix(loss=f"{loss:.4f}")
        if self.minutes is not None and elapsed > 60 * self.minutes:
            # The way in which skorch's own callbacks end a training.
            raise KeyboardInterrupt

    def on_train_end(self, net: PretrainNet, **kwargs: Any) -> None:
        """Leave the terminal tidy."""
        self.bar_.close()


def save_state(path: Path, net: PretrainNet, progress: dict[str, Any]) -> None:
    """Write weights, optimisers and progress; a kill at any moment leaves the former file or the new one."""
    state = {
        "recipe": net.recipe.fingerprint(),
        "module": net.module_.state_dict(),
        "muon": net.muon_.state_dict(),
        "adamw": net.adamw_.state_dict(),
        "progress": progress,
    }
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.replace(path)


def load_state(path: Path, net: PretrainNet) -> dict[str, Any] | None:
    """Restore what `save_state` wrote, and return the progress; None where there is no file.

    Raises
    ------
    RecipeError
        If the state was made by another recipe, or the file is damaged.
    """
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location=net.device, weights_only=True)
    except (RuntimeError, EOFError, UnpicklingError) as error:
        raise RecipeError(f"{path} is damaged; remove it to begin anew ({error})") from error
    if state["recipe"] != net.recipe.fingerprint():
        raise RecipeError(
            f"{path} was made by another recipe than {net.recipe.name!r}; choose another --out, or remove that file"
        )
    net.module_.load_state_dict(state["module"])
    net.muon_.load_state_dict(state["muon"])
    net.adamw_.load_state_dict(state["adamw"])
    return state["progress"]


def pretrain(
    recipe: Recipe,
    out: str | Path,
    *,
    minutes: float | None = None,
    device: str = "auto",
    progress: bool = True,
) -> bool:
    """Pretrain a reasoner, or go on where an earlier call stopped, and write a checkpoint folder.

    Parameters
    ----------
    recipe : Recipe
    out : path
        Folder of the checkpoint; while steps are left it holds the training state as well.
    minutes : float, optional
        Stop at the end of the epoch in which this time is over. The folder then holds the reasoner as it is, and the
        next call goes on; the learning rate follows the recipe's steps, not the time.
    device : str
        ``"auto"`` or a torch device.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    bool
        Whether all steps of the recipe are done.

    Raises
    ------
    RecipeError
        If `out` holds the state of another recipe.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    state_path = out / STATE_FILE
    keeper = Keeper(state_path, minutes, progress)
    # Groups of a step in parallel, one torch thread each, is 1.4 times as fast as two threads in each operation.
    with (
        torch_threads(1),
        ThreadPoolExecutor(min(recipe.groups, os.cpu_count() or 1), initializer=one_thread) as pool,
    ):
        net = PretrainNet(recipe, pool, device=resolve_device(device), callbacks=[("keeper", keeper)])
        net.initialize()
        before = load_state(state_path, net) or {"steps": 0}
        epochs = (recipe.steps - before["steps"]) // recipe.steps_per_epoch
        net.partial_fit(TaskStream(recipe), epochs=epochs)
    # An interrupt between two saves leaves weights that no state belongs to: take the saved ones.
    reached = load_state(state_path, net)
    if reached is None:
        return False
    reasoner = net.module_.cpu().eval().requires_grad_(False)
    metrics = {"training": training_record(reached), "golden": golden_predictions(reasoner)}
    save_checkpoint(out, reasoner, recipe=recipe.to_dict(), metrics=metrics)
    finished = reached["steps"] == recipe.steps
    if finished:
        state_path.unlink()
    return finished


def training_record(reached: dict[str, Any]) -> dict[str, Any]:
    """Return what ``metrics.json`` tells of the training."""
    return {
        "steps": reached["steps"],
        "seconds": round(reached["seconds"]),
        "cores": os.cpu_count(),
        "versions": {"sktart": __version__, **{name: version(name) for name in ("torch", "skorch", "numpy")}},
        "loss_by_epoch": [round(loss, 4) for loss in reached["losses"]],
    }


def one_thread() -> None:
    """Let the calling thread compute with one torch thread; the number is kept for each thread."""
    torch.set_num_threads(1)
