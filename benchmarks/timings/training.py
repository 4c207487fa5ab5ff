"""Time a pretraining step of a recipe: precision, and groups shared by threads or threads inside each operation."""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import perf_counter

import torch

from benchmarks.printing import machine
from sktart.pretrain._batches import TaskStream
from sktart.pretrain._net import PretrainNet
from sktart.pretrain._recipe import Recipe, read_recipe


def seconds_per_step(recipe: Recipe, workers: int, threads: int, steps: int) -> float:
    """Return the mean time of a step with `workers` groups at once and `threads` threads in each operation."""
    torch.set_num_threads(threads)
    stream = TaskStream(recipe)
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(threads,)) as pool:
        net = PretrainNet(recipe, pool).initialize()
        net.train_step((torch.tensor([0]), stream[0]))
        start = perf_counter()
        for step in range(1, steps + 1):
            net.train_step((torch.tensor([step]), stream[step]))
    return (perf_counter() - start) / steps


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--cores", type=int, default=2)
    args = parser.parse_args(argv)
    recipe = read_recipe(args.recipe)
    print(f"{machine()}; seed {recipe.seed}; mean of {args.steps} steps\n")
    print(
        "| precision | groups at once | threads in an operation | seconds a step |\n| --- | --- | --- | --- |"
    )
    for precision in ("float32", "bfloat16"):
        for workers, threads in ((1, args.cores), (args.cores, 1)):
            seconds = seconds_per_step(replace(recipe, precision=precision), workers, threads, args.steps)
            print(f"| {precision} | {workers} | {threads} | {seconds:.2f} |")


if __name__ == "__main__":
    main()
