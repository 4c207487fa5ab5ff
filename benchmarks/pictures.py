"""The look of all pictures, in the documentation and in the gallery."""

from pathlib import Path

from matplotlib import style

STYLE = Path(__file__).parents[1] / "docs/_static/sktart.mplstyle"
# Decorates a function that draws.
in_our_style = style.context(STYLE)
