"""Look at a built site in Chromium: every page at the width of a phone and of a desk, light and dark.

    python docs/_site/check.py build/site [--shots build/shots]

Reports links that lead nowhere, pictures that do not show, pages that are wider than the window, requests to other
servers, and what browsers complain of. Links to other sites are not followed: they are listed beside the screenshots,
and reported where they are not well formed. It needs Chromium or Chrome, and its driver: `apt install chromium-driver`.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup
from selenium import webdriver

WIDTHS = {"phone": 390, "desk": 1280}
SCHEMES = ("light", "dark")
FLAGS = """--headless --no-sandbox --disable-gpu --disable-background-networking --disable-component-update
    --disable-sync --no-first-run --hide-scrollbars""".split()
# Addresses that end in punctuation were cut out of a sentence.
WELL_FORMED = re.compile(r"https://[\w-]+(\.[\w-]+)+(/[^\s<>]*)?(?<![.,;:])")
# Parts that only scroll where something in them is too wide, pictures without pixels, and what came from elsewhere.
LOOK = """
const wide = [...document.querySelectorAll("html, body, main, .bd-content, .bd-article-container, article")]
    .filter(e => e.scrollWidth > Math.min(e.clientWidth, WIDTH) + 1).map(e => e.localName + " " + e.scrollWidth);
const broken = [...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.src);
const foreign = performance.getEntriesByType("resource").map(r => r.name)
    .filter(name => !name.startsWith(location.origin) && !name.startsWith("data:"));
return {wide, broken, foreign, scheme: document.documentElement.dataset.theme};
"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@cache
def read(page: Path) -> BeautifulSoup:
    """Parse a page once."""
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return all places of a page that a link may name."""
    return frozenset(tag["id"] for tag in read(page).select("[id]"))


def outside(page: Path) -> set[str]:
    """Return the links of a page to other sites."""
    return {link["href"] for link in read(page).select("a[href]") if urlsplit(link["href"]).scheme}


def bad_links(site: Path, page: Path) -> Iterator[str]:
    """Find links to files or places that are not there, and to other sites by addresses that cannot be right."""
    yield from (f"malformed link {link}" for link in outside(page) if not WELL_FORMED.fullmatch(link))
    for link in read(page).select("a[href]"):
        url = urlsplit(link["href"])
        if url.scheme or url.netloc:
            continue
        target = (page.parent / unquote(url.path)).resolve() if url.path else page
        if target.is_dir():
            target /= "index.html"
        if not target.is_relative_to(site) or not target.exists():
            yield f"dead link {link['href']}"
        elif url.fragment and target.suffix == ".html" and unquote(url.fragment) not in anchors(target):
            yield f"dead anchor {link['href']}"


def open_browser(profile: str) -> webdriver.Chrome:
    """Start Chromium with a fresh profile."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for flag in [*FLAGS, f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))


def look(browser: webdriver.Chrome, address: str, width: int, scheme: str, shot: Path) -> Iterator[str]:
    """Open a page in a window of that width, light or dark, and find what is wrong."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    browser.get(address)
    # Pictures further down load when they come into sight.
    browser.execute_script('document.querySelectorAll("img[loading=lazy]").forEach(i => i.loading = "eager")')
    found = browser.execute_async_script(
        "const done = arguments[0];"
        "Promise.all([...document.images].map(i => i.decode().catch(() => 0)))"
        f".then(() => done((() => {{const WIDTH = {width}; {LOOK}}})()));"
    )
    if found["scheme"] != scheme:
        yield f"is {found['scheme']}"
    yield from (f"overflow of {part} pixels" for part in found["wide"])
    yield from (f"broken picture {source}" for source in found["broken"])
    yield from (f"asks another server for {name}" for name in found["foreign"])
    yield from (
        f"console: {entry['message']}" for entry in browser.get_log("browser") if entry["level"] != "INFO"
    )
    shot.parent.mkdir(parents=True, exist_ok=True)
    browser.save_screenshot(str(shot))


def main() -> int:
    """Check all pages, print what is wrong, and return how many things are."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("site", type=Path)
    parser.add_argument("--shots", type=Path, default=Path("build/shots"), help="folder for screenshots")
    args = parser.parse_args()
    site = args.site.resolve()
    pages = sorted(page for page in site.rglob("*.html") if "_static" not in page.parts)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    Thread(target=server.serve_forever, daemon=True).start()
    wrong = 0
    with tempfile.TemporaryDirectory() as profile:
        browser = open_browser(profile)
        for page in pages:
            name = page.relative_to(site).as_posix()
            address = f"http://127.0.0.1:{server.server_port}/{name}"
            problems = list(bad_links(site, page))
            for (device, width), scheme in product(WIDTHS.items(), SCHEMES):
                view = f"{device}-{scheme}"
                shot = args.shots / view / f"{name.replace('/', '-').removesuffix('.html')}.png"
                problems += [f"{view}: {found}" for found in look(browser, address, width, scheme, shot)]
            for problem in problems:
                print(f"{name}: {problem}")
            wrong += len(problems)
        browser.quit()
    links = sorted(set().union(*map(outside, pages)))
    (args.shots / "outside.txt").write_text("\n".join(links) + "\n", encoding="utf-8")
    print(f"{len(pages)} pages at {len(WIDTHS)} widths, light and dark: {wrong} problems")
    print(
        f"screenshots are in {args.shots}, and {len(links)} links to other sites in {args.shots}/outside.txt"
    )
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
