"""Draw two tasks of each component of a recipe: the context rows along their first two principal components.

python -m benchmarks.studies.prior_pictures --recipe zoo/any/any/gram-base-fourth/recipe.json --out docs/prior.png
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from matplotlib import colormaps, rcParams
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from PIL import Image

from benchmarks.pictures import in_our_style
from sktart.pretrain._recipe import read_recipe
from sktart.priors import Tasks, sample_tasks

TASKS = 2  # of a component
ACROSS = 4  # components in a row of the picture
ROWS = 200  # of a task


def draw_group(component: Mapping[str, Any], seed: int) -> Tasks:
    """Draw one group of tasks of `ROWS` context rows, whatever number the component would draw."""
    plain = {key: value for key, value in component.items() if key != "context_rows"}
    generator = torch.Generator().manual_seed(seed)
    return sample_tasks(
        generator, [plain], context_rows=(ROWS, ROWS), query_rows=1, max_tasks=1, max_tokens=1
    )


def scatter(axes: Axes, x: torch.Tensor, y: torch.Tensor, n_classes: int) -> None:
    """Show rows (N, D) along their first two principal components, coloured by class."""
    centred = x - x.mean(0)
    along = centred @ torch.linalg.svd(centred, full_matrices=False).Vh[:2].mT
    along = torch.cat([along, torch.zeros(len(along), 1)], dim=1)  # a task may have a single feature
    few = rcParams["axes.prop_cycle"].by_key()["color"]
    colours = ListedColormap(few) if n_classes <= len(few) else colormaps["turbo"].resampled(n_classes)
    axes.scatter(*along[:, :2].T.numpy(), s=3, c=colours(y.numpy()), linewidths=0)
    axes.set(xticks=[], yticks=[])


@in_our_style
def picture(components: Sequence[Mapping[str, Any]], seed: int) -> Figure:
    """Draw the whole picture; the tasks of one component stand side by side."""
    height = -(-len(components) // ACROSS)
    figure = Figure(figsize=(1.2 * TASKS * ACROSS, 1.35 * height), layout="constrained")
    FigureCanvasAgg(figure)  # no window and no global state, whatever backend is configured
    panels = figure.subplots(height, TASKS * ACROSS, squeeze=False).ravel()
    for panel in panels[TASKS * len(components) :]:
        panel.axis("off")
    for number, component in enumerate(components):
        for task in range(TASKS):
            group = draw_group(component, seed + TASKS * number + task)
            axes = panels[TASKS * number + task]
            scatter(axes, group.context_x[0], group.context_y[0], group.n_classes)
            axes.set_title(f"{number + 1} {component['family']}, {group.n_classes}", fontsize=7, pad=2)
    return figure


def main(argv: Sequence[str] | None = None) -> None:
    """Draw the components of a recipe and write the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    figure = picture(read_recipe(args.recipe).prior, args.seed)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    # Blends at the edges of dots make up most of the file: a palette halves it.
    Image.open(buffer).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(args.out, optimize=True)


if __name__ == "__main__":
    main()
