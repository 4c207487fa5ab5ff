"""The pretraining loop: stream -> net -> state after each epoch -> checkpoint folder."""

from __future__ import annotations

import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from joblib import cpu_count
from skorch.callbacks import Callback
from tqdm import tqdm

from sktart import __version__
from sktart._runtime import resolve_device, torch_threads
from sktart.exceptions import CheckpointError, RecipeError
from sktart.pretrain._batches import TaskStream, one_thread_each
from sktart.pretrain._net import PretrainNet
from sktart.pretrain._processes import agreed, joined, place
from sktart.pretrain._recipe import Recipe, recipe_from_dict
from sktart.pretrain._start import begin_with
from sktart.zoo import load_checkpoint
from sktart.zoo._checkpoint import save_checkpoint
from sktart.zoo._folder import CheckpointFolder
from sktart.zoo._golden import golden_predictions

STATE_FILE = "training_state.pt"


class Keeper(Callback):
    """Saves the state after each epoch, moves the stream on, shows progress, and stops when the time is over."""

    def __init__(self, path: Path, reached: dict[str, Any], minutes: float | None, progress: bool) -> None:
        self.path = path
        self.reached = reached
        self.minutes = minutes
        self.progress = progress

    def on_train_begin(self, net: PretrainNet, **kwargs: Any) -> None:
        """Start the clock and the bar."""
        self.began_ = time.monotonic() - self.reached["seconds"]
        self.stop_ = None if self.minutes is None else time.monotonic() + 60 * self.minutes
        steps = net.recipe.steps
        hidden = not self.progress or place()[0] > 0
        self.bar_ = tqdm(total=steps, initial=self.reached["steps"], unit="step", disable=hidden)

    def on_batch_end(self, net: PretrainNet, **kwargs: Any) -> None:
        """Move the bar."""
        self.bar_.update()

    def on_epoch_end(self, net: PretrainNet, dataset_train: TaskStream, **kwargs: Any) -> None:
        """Save everything that the next step depends on, in one file that is replaced at once."""
        batches = net.history[-1]["batches"]
        loss = sum(batch["train_loss"] for batch in batches) / len(batches)
        dataset_train.start += len(dataset_train)
        self.reached["steps"] = dataset_train.start
        self.reached["seconds"] = time.monotonic() - self.began_
        self.reached["losses"].append(loss)
        if place()[0] == 0:
            save_state(self.path, net, self.reached)
        self.bar_.set_postfix(loss=f"{loss:.4f}")
        if agreed(self.stop_ is not None and time.monotonic() > self.stop_):
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
        "optimizers": {name: optimizer.state_dict() for name, optimizer in net.optimizers_.items()},
        "progress": progress,
    }
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.replace(path)


def load_state(path: Path, net: PretrainNet) -> dict[str, Any] | None:
    """Restore what `save_state` wrote, and return the progress; None where there is no file."""
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location=net.device, weights_only=True)
    # torch.load has no error of its own: it raises KeyError, EOFError, OSError, RuntimeError ...
    except Exception as error:
        raise RecipeError(f"{path} is damaged; remove it to begin anew ({error})") from error
    if state["recipe"] != net.recipe.fingerprint():
        raise RecipeError(
            f"{path} was made by another recipe than {net.recipe.name!r}; choose another --out, or remove that file"
        )
    net.module_.load_state_dict(state["module"])
    for name, optimizer in net.optimizers_.items():
        optimizer.load_state_dict(state["optimizers"][name])
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

    Processes that torchrun started share the groups of each step, and one of them writes. The bits of the weights do
    not depend on how many there are.

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
        Whether all steps of the recipe are done. Of a folder that was finished before, nothing is done again.

    Raises
    ------
    RecipeError
        If `out` holds the state of another recipe.
    """
    out = Path(out)
    state_path = out / STATE_FILE
    if not state_path.exists() and _is_finished(out, recipe):
        return True
    out.mkdir(parents=True, exist_ok=True)
    stream = TaskStream(recipe)
    # Groups in parallel, one torch thread each, beat two threads in each operation (docs/notes/training-speed.md).
    workers = min(recipe.groups, cpu_count())
    with joined(), torch_threads(1), one_thread_each(workers) as pool:
        net = PretrainNet(recipe, pool, device=resolve_device(device)).initialize()
        reached = load_state(state_path, net) or {"steps": 0, "seconds": 0.0, "losses": []}
        stream.start = reached["steps"]
        net.callbacks = [("keeper", Keeper(state_path, reached, minutes, progress))]
        net.initialize_callbacks()
        net.partial_fit(stream, epochs=(recipe.steps - reached["steps"]) // recipe.steps_per_epoch)
        if place()[0] > 0:
            return reached["steps"] == recipe.steps
    # An interrupt between two saves leaves weights and progress that no state belongs to: take the saved ones.
    saved = load_state(state_path, net)
    if saved is None:
        return False
    reasoner = net.module_.cpu().eval().requires_grad_(False)
    finished = saved["steps"] == recipe.steps
    if finished and recipe.start_share:
        other = recipe.share_of or recipe.start
        begin_with(reasoner, load_checkpoint(other).reasoner, other, recipe.start_share)
    metrics = {"training": training_record(saved, str(net.device)), "golden": golden_predictions(reasoner)}
    save_checkpoint(out, reasoner, recipe=recipe.to_dict(), metrics=metrics)
    if finished:
        state_path.unlink()
    return finished


def _is_finished(out: Path, recipe: Recipe) -> bool:
    """Tell whether a folder already holds what the recipe makes."""
    try:
        made = CheckpointFolder.read(out)
    except CheckpointError:
        return False
    same = recipe_from_dict(made.recipe).fingerprint() == recipe.fingerprint()
    return same and made.metrics["training"]["steps"] == recipe.steps


def training_record(reached: dict[str, Any], device: str) -> dict[str, Any]:
    """Return what ``metrics.json`` tells of the training."""
    return {
        "steps": reached["steps"],
        "seconds": round(reached["seconds"]),
        "cores": cpu_count(),
        "device": device,
        "versions": {"sktart": __version__, **{name: version(name) for name in ("torch", "skorch", "numpy")}},
        "loss_by_epoch": [round(loss, 4) for loss in reached["losses"]],
    }
