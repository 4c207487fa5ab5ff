"""How Sphinx builds the site; `make docs` calls it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_site"))  # our own extensions

import sktart

project = "sktart"
author = "The sktart developers"
copyright = author
version = release = sktart.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "repository_links",
    "markdown_pages",
]
exclude_patterns = ["_*", "gallery/*.ipynb", "gallery/*.py"]

# Markdown. Headings have the anchors that they have on GitHub.
myst_enable_extensions = ["attrs_inline", "colon_fence"]
myst_heading_anchors = 4

# Docstrings.
autosummary_generate = True
autodoc_typehints = "none"  # numpydoc says the types
numpydoc_show_class_members = False
templates_path = ["_templates"]

sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "gallery",
    "within_subsection_order": "gallery_style.Order",
    "reset_modules": ("gallery_style.use_style",),
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,  # its page asks another server for scripts
    "download_all_examples": False,
    "capture_repr": ("_repr_html_",),  # frames, not what matplotlib returns
}

html_theme = "pydata_sphinx_theme"
html_title = "sktart"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/logo.svg"
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "logo": {"image_light": "_static/logo.svg", "image_dark": "_static/logo.svg", "text": "sktart"},
    "header_links_before_dropdown": 5,
    "navbar_align": "left",
    "show_prev_next": True,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_context = {"default_mode": "auto"}
html_sidebars = {"index": [], "start": [], "changelog": []}
