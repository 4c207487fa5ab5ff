"""The command line: ``sktart pretrain``, ``sktart evaluate``, ``sktart import-tart`` and ``sktart zoo``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from sktart import __version__
from sktart.exceptions import SktartError


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status; errors of sktart end in one line on stderr.

    Examples
    --------
    >>> main(["pretrain", "no-such-recipe.json", "--out", "nowhere"])
    1
    """
    argv = sys.argv[1:] if argv is None else argv
    try:
        if argv[:1] == ["zoo"]:
            return _zoo(argv[1:])
        arguments = _parser().parse_args(argv)
        return arguments.run(arguments)
    except (SktartError, ValueError, OSError) as error:
        print(f"sktart {argv[0]}: {' '.join(str(error).split())}", file=sys.stderr)
        return 1


def _zoo(argv: list[str]) -> int:
    from sktart.cli._zoo import run

    return run(argv)


def _pretrain(arguments: argparse.Namespace) -> int:
    from sktart.pretrain._loop import pretrain
    from sktart.pretrain._recipe import read_recipe

    finished = pretrain(
        read_recipe(arguments.recipe),
        arguments.out,
        minutes=arguments.minutes,
        device=arguments.device,
        progress=not arguments.quiet,
    )
    print(f"{'finished' if finished else 'paused, run the same command to go on'}: {arguments.out}")
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    from sktart.pretrain._evaluate import evaluate
    from sktart.zoo import load_checkpoint
    from sktart.zoo._checkpoint import update_metrics

    # Only a folder can be written to; a path is never a name of the registry.
    checkpoint = Path(arguments.checkpoint) if arguments.save else arguments.checkpoint
    reasoner = load_checkpoint(checkpoint).reasoner
    rows = evaluate(
        reasoner,
        rows=arguments.rows,
        n_features=tuple(arguments.features),
        scale=tuple(arguments.scale),
        n_tasks=arguments.tasks,
        seed=arguments.seed,
    )
    left_out = sorted(set(arguments.rows) - {row["rows"] for row in rows})
    if left_out:
        print(f"left out: {', '.join(map(str, left_out))} rows, as it reads at most {reasoner.max_context}")
    methods = {"": "reasoner", "bayes_": "Bayes", "lr_": "LR-CV", "lr1_": "LR(C=1)"}
    print("rows  KL(Bayes|reasoner)  log-loss, accuracy of " + "  ".join(methods.values()))
    for row in rows:
        scores = "  ".join(f"{row[m + 'log_loss']:.4f} {row[m + 'accuracy']:.4f}" for m in methods)
        print(f"{row['rows']:4d}  {row['kl']:.4f}±{row['kl_error']:.4f}  {scores}")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    if arguments.save:
        prior = {"n_features": arguments.features, "scale": arguments.scale}
        update_metrics(arguments.checkpoint, bayes=rows, bayes_prior=prior)
    return 0


def _import_tart(arguments: argparse.Namespace) -> int:
    from sktart.zoo._import_tart import import_tart

    checkpoint = import_tart(arguments.weights, arguments.out, n_heads=arguments.heads)
    print(f"imported: {arguments.out} ({checkpoint.reasoner.config})")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sktart", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)

    train = commands.add_parser(
        "pretrain", help="make a checkpoint from a recipe; the same command goes on after a stop"
    )
    train.add_argument("recipe", help="JSON file; the recipe.json of any checkpoint is one")
    train.add_argument("--out", required=True, help="folder of the checkpoint")
    train.add_argument("--minutes", type=float, help="stop after this time, to go on later")
    train.add_argument("--device", default="auto", help="'auto' or a torch device")
    train.add_argument("--quiet", action="store_true", help="no progress bar")
    train.set_defaults(run=_pretrain)

    test = commands.add_parser(
        "evaluate", help="distance to the Bayes-optimal predictor on the paper's prior"
    )
    test.add_argument("checkpoint", help="name or folder")
    test.add_argument("--tasks", type=int, default=128, help="tasks for each number of rows")
    test.add_argument("--rows", type=int, nargs="+", default=[16, 64, 256], help="numbers of context rows")
    test.add_argument(
        "--features", type=int, nargs=2, default=[1, 16], metavar=("LOW", "HIGH"), help="bounds of D"
    )
    test.add_argument(
        "--scale",
        type=float,
        nargs=2,
        default=[0.5, 10.0],
        metavar=("LOW", "HIGH"),
        help="bounds of the standard deviation of the weights; the paper has 10 10",
    )
    test.add_argument("--seed", type=int, default=0)
    test.add_argument("--json", help="file to write the numbers to")
    test.add_argument(
        "--save", action="store_true", help="record the numbers in the folder's metrics.json and model card"
    )
    test.set_defaults(run=_evaluate)

    bring = commands.add_parser("import-tart", help="turn weights of the reference project into a checkpoint")
    bring.add_argument("weights", help="PyTorch state dict, for example head.pt")
    bring.add_argument("--out", required=True, help="folder of the checkpoint")
    bring.add_argument("--heads", type=int, help="attention heads; left out: one for each 32 channels")
    bring.set_defaults(run=_import_tart)

    # Only for the list of commands: `main` hands all that follows on.
    commands.add_parser("zoo", help="checkpoints: list, show, pull, verify, push, where, prune, row")
    return parser
