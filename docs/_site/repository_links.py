"""Links between Markdown files of the repository become links between pages of the site.

The same files are read on the site and in the repository, where links are relative to the file.
"""

import posixpath
import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#\s]+)")
# What lies outside of docs/, or is a folder there -> the page that shows it.
PAGES = {
    "CHANGELOG.md": "/changelog.md",
    "CONTRIBUTING.md": "/contributing.md",
    "README.md": "/index.md",
    "benchmarks": "/benchmarks.md",
    "benchmarks/README.md": "/benchmarks.md",
    "benchmarks/results": "/measured-cells.md",
    "benchmarks/results/README.md": "/measured-cells.md",
    "docs/notes": "/notes/README.md",
    "examples": "/gallery/index.rst",
    "examples/gallery": "/gallery/index.rst",
}
EXAMPLE = re.compile(r"examples/gallery/(plot_\w+)\.py")
# Pages with others below them that only the site lists.
CHILDREN = {"contributing": "map", "notes/README": "*", "results": "benchmarks\nmeasured-cells"}
TOCTREE = "\n\n```{{toctree}}\n:hidden:\n:glob:\n\n{}\n```\n"


def rewrite(text: str, file: Path) -> str:
    """Point each link of a file to a page of the site."""
    folder = file.relative_to(ROOT).parent.as_posix()

    def page(link: re.Match) -> str:
        target = posixpath.normpath(posixpath.join(folder, link[1]))
        if example := EXAMPLE.fullmatch(target):
            return f"/gallery/{example[1]}.rst"
        if target in PAGES:
            return PAGES[target]
        if target.startswith("docs/"):
            return target.removeprefix("docs")
        raise ExtensionError(f"{file} links to {link[1]}, which is on no page: add it to {__file__}")

    return LINK.sub(page, text)


def on_read(app: Sphinx, name: str, content: list[str]) -> None:
    """Mend the links of a page, and list its children."""
    file = Path(app.env.doc2path(name))
    if file.suffix == ".md":
        content[0] = rewrite(content[0], file)
    if name in CHILDREN:
        content[0] += TOCTREE.format(CHILDREN[name])


def on_include(app: Sphinx, path: Path, parent: str, content: list[str]) -> None:
    """Mend the links of a file that a page includes."""
    content[0] = rewrite(content[0], (Path(app.srcdir) / path).resolve())


def skip(app: Sphinx, kind: str, name: str, member: object, skipped: bool, options: object) -> bool | None:
    """Leave out what scikit-learn adds for metadata routing; it refers to scikit-learn's own pages."""
    return True if re.fullmatch(r"set_\w+_request", name) else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx what to call."""
    app.connect("source-read", on_read)
    app.connect("include-read", on_include)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True}
