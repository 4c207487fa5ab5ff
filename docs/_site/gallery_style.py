"""One look for all pictures of the gallery, and their order on its page."""

from pathlib import Path

import matplotlib.pyplot as plt

STYLE = Path(__file__).parents[1] / "_static" / "sktart.mplstyle"
ORDER = [
    "plot_texts.py",
    "plot_descriptions.py",
    "plot_unlabelled.py",
    "plot_languages.py",
    "plot_images.py",
    "plot_photograph.py",
    "plot_tones.py",
    "plot_mixed_frame.py",
    "plot_automl.py",
    "plot_influence.py",
    "plot_prediction_sets.py",
    "plot_label_errors.py",
    "plot_active_learning.py",
    "plot_grid_search.py",
    "plot_decoder.py",
    "plot_pretrain.py",
]


class Order:
    """Sort key of the examples: from the first steps to research."""

    def __init__(self, folder: str) -> None:
        pass

    def __call__(self, name: str) -> int:
        """Return the place of a file."""
        return ORDER.index(name)


def use_style(gallery_conf: dict, name: str) -> None:
    """Give an example the style, whatever the one before it did."""
    plt.rcdefaults()
    plt.style.use(STYLE)
