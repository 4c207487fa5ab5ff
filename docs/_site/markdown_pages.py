"""Write each page as Markdown beside its HTML, and llms.txt with a line for each: for programs that read the site."""

import re
from importlib.metadata import metadata
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from markdownify import markdownify
from sphinx.application import Sphinx

NOT_TEXT = (
    "a.headerlink, script, style, svg, .sphx-glr-footer, .sphx-glr-timing, .sphx-glr-download-link-note"
)


def as_markdown(article: Tag) -> str:
    """Convert the text of a page; links to pages become links to their Markdown."""
    for part in article.select(NOT_TEXT):
        part.decompose()
    for link in article.select("a[href]"):
        if "://" not in link["href"]:
            link["href"] = link["href"].replace(".html", ".md")
    return markdownify(
        str(article), heading_style="ATX", bullets="-", code_language_callback=language
    ).strip()


def language(block: Tag) -> str:
    """Return the language of a code block, which Sphinx notes two levels above it."""
    classes = " ".join(block.parent.parent.get("class", []))
    found = re.search(r"highlight-(python|shell|json)", classes, re.IGNORECASE)
    return found[1].lower() if found else ""


def first_sentence(text: str) -> str:
    """Return the first sentence of a page that begins with a letter, and is no heading."""
    found = re.search(r"^[\s:*]*([A-Z`].*?[.?!])\**(\s|$)", text, re.MULTILINE)
    return found[1] if found else ""


def pages(app: Sphinx, name: str, seen: set[str]) -> list[str]:
    """List a page and all below it, in the order of the site."""
    seen.add(name)
    below = [child for child in app.env.toctree_includes.get(name, []) if child not in seen]
    return [name] + [page for child in below if child not in seen for page in pages(app, child, seen)]


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write all pages, when the site is built."""
    if exception or app.builder.name != "html":
        return
    lines = [f"# {app.config.project}", "", f"> {metadata('sktart')['Summary']}", ""]
    for name in pages(app, app.config.root_doc, set()):
        page = Path(app.outdir) / f"{name}.html"
        article = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").select_one("article")
        text = as_markdown(article)
        page.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
        lines.append(f"- [{app.env.titles[name].astext()}]({name}.md): {first_sentence(text)}")
    (Path(app.outdir) / "llms.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx what to call."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True}
