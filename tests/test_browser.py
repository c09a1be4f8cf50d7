"""Every page as a reader's browser draws it: no other host, no script error, nothing wider than the screen, legible."""

import functools
import gzip
import http.server
import os
import shutil
import threading

import pytest
from conftest import SITE

PAGES = sorted(path.stem for path in SITE.glob("*.html"))
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

if not CHROMIUM and not os.environ.get("CI"):
    pytest.skip("no Chromium is installed: the pages were not looked at in a browser", allow_module_level=True)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def address():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=SITE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Visit:
    """One page in one window; what the browser complained about and which other hosts it asked."""

    def __init__(self, browser, address, name, width=1280, scheme="light", **options):
        self.page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options).new_page()
        self.complaints, self.asked = [], []
        self.page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("response", lambda answer: self.complaints.append(answer.url) if answer.status >= 400 else None)
        self.page.on("request", lambda request: self.asked.append(request.url)
                     if not request.url.startswith((address, "data:")) else None)
        self.page.goto(f"{address}/{name}.html", wait_until="load")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_page_is_whole(browser, address, name, width, scheme):
    visit = Visit(browser, address, name, width, scheme)
    visit.page.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
    visit.page.wait_for_load_state("networkidle")
    assert not visit.complaints and not visit.asked
    assert visit.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{name} is wider than {width}"
    broken = "[...document.images].filter(i => i.checkVisibility() && i.loading && i.complete && !i.naturalWidth).map(i => i.src)"
    assert visit.page.evaluate(broken) == []
    wrong_theme = "[...document.querySelectorAll('figure img')].filter(i => i.checkVisibility() && !i.classList.contains('on-%s')).length"
    assert visit.page.evaluate(wrong_theme % scheme) == 0
    visit.page.context.close()


@pytest.mark.parametrize("name", [page for page in PAGES if page not in ("genindex", "search")])
def test_captions_and_formulas_are_visible(browser, address, name):
    visit = Visit(browser, address, name)
    for selector in ("article figcaption", "article .katex-html"):
        hidden = f"""[...document.querySelectorAll('{selector}')].filter(
            e => !e.checkVisibility() && !e.closest('details:not([open]), .toggle-hidden, .dropdown')).length"""
        assert visit.page.evaluate(hidden) == 0, selector
    visit.page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_first_visit_is_light(browser, address, name):
    """Everything that a first visit loads, pictures further down left out, compressed as a web server does it."""
    visit = Visit(browser, address, name)
    visit.page.wait_for_load_state("networkidle")
    loaded = visit.page.evaluate("[location.href, ...performance.getEntriesByType('resource').map(entry => entry.name)]")
    files = {SITE / url.removeprefix(address).lstrip("/").partition("?")[0] for url in loaded if url.startswith(address)}
    assert len(files) > 5
    size = sum(min(len(content), len(gzip.compress(content))) for content in (file.read_bytes() for file in files))
    assert size < 500_000, f"{name}: {size:,} bytes"
    visit.page.context.close()


def test_the_mathematics_font_comes_with_the_site(browser, address):
    visit = Visit(browser, address, "regularization")
    assert visit.page.evaluate("document.fonts.ready.then(() => document.fonts.check('16px KaTeX_Main'))")
    assert visit.page.evaluate("document.fonts.ready.then(() => document.fonts.check('16px \"Source Sans 3\"'))")
    visit.page.context.close()


def test_pages_read_without_scripts(browser, address):
    visit = Visit(browser, address, "regularization", java_script_enabled=False)
    assert visit.page.locator("main figure img").first.is_visible()
    assert visit.page.locator("main .katex-html").first.is_visible()
    assert visit.page.locator("main figcaption").first.is_visible()
    visit.page.context.close()


def test_a_solution_opens_by_keyboard(browser, address):
    visit = Visit(browser, address, "regularization")
    solution = visit.page.locator("div.solution").first
    button = solution.locator("button.toggle-button")
    button.focus()
    visit.page.keyboard.press("Enter")
    assert solution.locator("div.cell, p").last.is_visible()
    visit.page.context.close()


def test_search_finds_a_word_of_a_chapter(browser, address):
    visit = Visit(browser, address, "search")
    visit.page.goto(f"{address}/search.html?q=dropout")
    visit.page.locator("ul.search li a[href*='regularization.html']").first.wait_for(timeout=10_000)
    assert not visit.asked
    visit.page.context.close()
