"""``sktart pretrain``, ``sktart evaluate`` and ``sktart import-tart``: checkpoints are made and measured."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from sktart.cli._output import Json, print_json, print_result

Out = Annotated[Path, typer.Option(help="Folder of the checkpoint.")]
ROWS = [16, 64, 256]
METHODS = {"reasoner": "", "Bayes": "bayes_", "LR-CV": "lr_", "LR(C=1)": "lr1_"}


def pretrain(
    recipe: Annotated[Path, typer.Argument(help="JSON file; the recipe.json of any checkpoint is one.")],
    out: Out,
    minutes: Annotated[float | None, typer.Option(help="Stop after this time, to go on later.")] = None,
    device: Annotated[str, typer.Option(help="'auto' or a torch device.")] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
    as_json: Json = False,
) -> None:
    """Make a checkpoint from a recipe.

    The same command goes on after a stop, be it by --minutes or by Ctrl-C.
    Processes that torchrun starts share the work, and come to the same bits.

    Example: sktart pretrain recipe.json --out runs/mine --minutes 60
    """
    from sktart.pretrain import _loop
    from sktart.pretrain._processes import place
    from sktart.pretrain._recipe import read_recipe

    began = time.monotonic()
    finished = _loop.pretrain(read_recipe(recipe), out, minutes=minutes, device=device, progress=not quiet)
    speaks = place()[0] == 0  # the first process, for all
    if speaks and as_json:
        print_json({"folder": str(out), "finished": finished})
    elif speaks:
        typer.echo(f"{'finished' if finished else 'paused, run the same command to go on'}: {out}")
    # skorch ends a training in the same way after Ctrl-C as when the time is over.
    if not finished and (minutes is None or time.monotonic() < began + 60 * minutes):
        raise typer.Exit(130)


def evaluate(
    checkpoint: Annotated[str, typer.Argument(help="Name or folder.")],
    tasks: Annotated[int, typer.Option(help="Tasks for each number of rows.")] = 128,
    rows: Annotated[
        list[int], typer.Option(metavar="<int>", help="Number of labelled rows; repeat for more.")
    ] = ROWS,
    features: Annotated[
        tuple[int, int], typer.Option(metavar="LOW HIGH", help="Bounds of the number of features.")
    ] = (1, 16),
    scale: Annotated[
        tuple[float, float],
        typer.Option(metavar="LOW HIGH", help="Bounds of the scale of the weights; the paper has 10 10."),
    ] = (0.5, 10.0),
    seed: Annotated[int, typer.Option(help="Another seed draws other tasks.")] = 0,
    save: Annotated[
        bool, typer.Option("--save", help="Write the numbers into the folder's metrics.json and model card.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure how far a checkpoint is from the best predictor.

    The tasks are drawn from the prior of the TART paper, where Bayes' rule is
    the best predictor. Logistic regression answers the same tasks.

    Example: sktart evaluate runs/mine --rows 16 --rows 64
    """
    from sktart.pretrain import _evaluate
    from sktart.zoo import load_checkpoint
    from sktart.zoo._checkpoint import update_metrics

    # Only a folder can be written to; a path is never a name of the registry.
    reasoner = load_checkpoint(Path(checkpoint) if save else checkpoint).reasoner
    results = _evaluate.evaluate(
        reasoner, rows=rows, n_features=features, scale=scale, n_tasks=tasks, seed=seed
    )
    left_out = sorted(set(rows) - {result["rows"] for result in results})
    if left_out:
        numbers = ", ".join(map(str, left_out))
        typer.echo(f"left out: {numbers} rows, as it reads at most {reasoner.max_context}", err=True)
    lines = [
        [
            str(result["rows"]),
            f"{result['kl']:.4f}±{result['kl_error']:.4f}",
            *(f"{result[key + 'log_loss']:.4f} {result[key + 'accuracy']:.4f}" for key in METHODS.values()),
        ]
        for result in results
    ]
    titles = ["\nrows", "KL(Bayes|\nreasoner)", *(f"{method}\nlog-loss acc." for method in METHODS)]
    print_result(results, titles, lines, as_json=as_json)
    if save:
        update_metrics(checkpoint, bayes=results, bayes_prior={"n_features": features, "scale": scale})


def import_tart(
    weights: Annotated[Path, typer.Argument(help="PyTorch state dict, for example head.pt.")],
    out: Out,
    heads: Annotated[
        int | None, typer.Option(help="Attention heads; left out: one for each 32 channels.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Turn weights of the TART authors' code into a checkpoint.

    Example: sktart import-tart head.pt --out heads/published
    """
    from sktart.zoo import _import_tart

    config = _import_tart.import_tart(weights, out, n_heads=heads).reasoner.config
    if as_json:
        print_json({"folder": str(out), "config": config.to_dict()})
    else:
        typer.echo(f"imported: {out} ({config})")
