"""The paper's table: tasks x encoders x protocols x numbers of labels, all methods on the same rows; see README.md.

    python -m benchmarks.paper --data DIR
    python -m benchmarks.paper --encoders gpt-neo-125m pythia-160m bloom-560m --protocols stream vanilla loo

Every result is a line of ``results/paper.jsonl``. A second run skips what is there, and tries again what failed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd

from benchmarks.fewshot.contexts import draw
from benchmarks.fewshot.readers import DataSet
from benchmarks.fewshot.scores import fit_and_score
from benchmarks.paper.hub import MissingData
from benchmarks.paper.methods import METHODS, encode, whiten
from benchmarks.paper.report import write
from benchmarks.paper.results import Results
from benchmarks.paper.tasks import TASKS, load_task
from sktart.exceptions import EncoderError, MissingExtraError

PROTOCOLS = ("stream", "vanilla", "loo")
N_COMPONENTS = 16
ENCODERS = {"text": "encoders", "image": "image_encoders", "audio": "audio_encoders"}


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        "--data",
        type=Path,
        help="folder with data sets (benchmarks/README.md); what it lacks comes from the Hub",
    )
    add("--datasets", nargs="+", choices=TASKS, metavar="NAME", default=list(TASKS), help=" ".join(TASKS))
    add("--encoders", nargs="+", default=["all-MiniLM-L6-v2"], help="of texts: short names, Hub ids, folders")
    add(
        "--image-encoders",
        nargs="+",
        default=["pixels"],
        help="pixels, or models such as vit-base-patch16-224-in21k",
    )
    add("--audio-encoders", nargs="+", default=["log-mel"], help="log-mel, or models such as whisper-base")
    add("--protocols", nargs="+", choices=PROTOCOLS, default=["stream"], help="for texts")
    add("--labels", nargs="+", type=int, default=[18, 32, 48, 64, 128, 256], help="labelled rows in total")
    add("--seeds", type=int, default=5, help="draws of each cell")
    add("--queries", type=int, default=300, help="at most so many test rows a task")
    add("--max-chars", type=int, default=100, help="where texts are cut, 100 as in the paper; 0: nowhere")
    add("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    add("--decoder", default="tart-decoder-d16", help="checkpoint of the decoder reasoner: name or folder")
    add("--permutations", type=int, default=1, help="orders of the context that the decoder averages over")
    add("--cache", type=Path, default=Path(".cache"), help="where embeddings are kept")
    add("--out", type=Path, default=Path("results"), help="folder for paper.jsonl, tables and paper.md")
    return parser.parse_args(argv)


def run_task(
    data: DataSet, source: str, results: Results, args: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """Yield a result for each encoder, protocol, number of labels, seed and method, from the file where it is there."""
    for encoder in getattr(args, ENCODERS[data.modality]):
        broken: dict[str, str] = {}
        for protocol in args.protocols if data.modality == "text" else ("stream",):
            for n_labels in args.labels:
                for seed in range(args.seeds):
                    about = {
                        "dataset": data.name,
                        "modality": data.modality,
                        "source": source,
                        "encoder": encoder,
                    }
                    about |= {"protocol": protocol, "labels": n_labels, "seed": seed}
                    about |= {"queries": args.queries, "max_chars": args.max_chars}
                    cells = [
                        about | {"method": name, "identity": METHODS[name].identity(args)}
                        for name in args.methods
                    ]
                    todo = [cell for cell in cells if cell not in results]
                    if todo:
                        for row in run_cell(data, todo, broken, args):
                            results.add(row)
                    yield from (results[cell] for cell in cells)


def run_cell(
    data: DataSet, todo: list[dict[str, Any]], broken: dict[str, str], args: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """Yield the results of some methods on one draw, or why there are none.

    An encoder that does not work for a protocol at all goes into `broken`, and is not tried again.
    """
    about = todo[0]
    n_labels, protocol = about["labels"], about["protocol"]
    drawn = draw(data, n_labels, "balanced", about["seed"], args.queries)
    if drawn is None:
        yield from _failed(todo, f"the data set has too few rows for {n_labels} labels")
        return
    if protocol in broken:
        yield from _failed(todo, broken[protocol])
        return
    context, queries = drawn
    labelled = data.X[context], data.y[context]
    start = perf_counter()
    try:
        shown, asked = encode(about["encoder"], protocol, data.modality, labelled, data.X[queries], args)
    except (EncoderError, MissingExtraError) as error:
        broken[protocol] = str(error)
        yield from _failed(todo, str(error))
        return
    except (ValueError, RuntimeError) as error:  # what does not fit: the window, or the memory
        yield from _failed(todo, str(error))
        return
    seconds = perf_counter() - start
    features = {False: (shown, asked), True: whiten(shown, asked, N_COMPONENTS)}
    for cell in todo:
        method = METHODS[cell["method"]]
        shown_x, asked_x = features[method.whitened]
        parts = shown_x, data.y[context], asked_x, data.y[queries]
        classifier = method.make(data.y[context], args, about["seed"])
        shape = {"features": shown_x.shape[1], "asked": len(queries), "encode_seconds": seconds}
        yield cell | shape | fit_and_score(classifier, parts)


def _failed(cells: list[dict[str, Any]], why: str) -> Iterator[dict[str, Any]]:
    return (cell | {"failed": why} for cell in cells)


def main(argv: list[str] | None = None) -> None:
    """Run what is not there yet, write tables and report, and print the report."""
    args = parse(argv)
    results = Results(args.out / "paper.jsonl")
    rows: list[dict[str, Any]] = []
    missing: dict[str, str] = {}
    for name in args.datasets:
        start = perf_counter()
        try:
            data, source = load_task(name, args.data, args.queries)
        except MissingData as error:
            missing[name] = str(error)
            continue
        rows += run_task(data, source, results, args)
        print(f"{name}: {perf_counter() - start:.0f} s", file=sys.stderr)
    print(write(pd.DataFrame(rows), missing, args))


if __name__ == "__main__":
    main()
