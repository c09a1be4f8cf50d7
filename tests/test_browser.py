"""Every page as a reader's browser draws it, from a server that compresses and sends the security policy."""

import io
import os
import re

import pytest
from browsing import CHROMIUM, LOOKS, Visit, wait_until
from conftest import SITE
from pypdf import PdfReader
from test_site import PAGES as FILES
from test_site import soup

PAGES = [path.stem for path in FILES]
CHAPTERS = [path.stem for path in FILES if soup(path).select_one("div.cell")]
each_page = pytest.mark.parametrize("name", PAGES)

if not CHROMIUM and not os.environ.get("CI"):
    pytest.skip("no Chromium is installed: the pages were not looked at in a browser", allow_module_level=True)


@pytest.fixture
def visit(browser, address):
    """A function that opens a page; its window is closed after the test."""
    visits = []

    def open_page(name, *arguments, **options):
        visits.append(Visit(browser, address, name, *arguments, **options))
        return visits[-1]

    yield open_page
    for visit in visits:
        visit.context.close()


# -- what is loaded ----------------------------------------------------------------------------------------------------

@each_page
@pytest.mark.parametrize("width, scheme", [(360, "light"), (768, "dark"), (1280, "light"), (1280, "dark"), (1600, "light")])
def test_page_is_whole(visit, name, width, scheme):
    """No script error, nothing that the security policy refuses, no other host, nothing wider than the screen."""
    seen = visit(name, width, scheme)
    seen.show_all()
    assert not seen.complaints and not seen.asked
    assert seen.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{name} is wider than {width}"
    broken = "[...document.images].filter(i => i.checkVisibility() && i.complete && !i.naturalWidth).map(i => i.src)"
    assert seen.page.evaluate(broken) == []
    wrong_theme = "[...document.querySelectorAll('figure img')].filter(i => i.checkVisibility() && !i.classList.contains('on-%s')).length"
    assert seen.page.evaluate(wrong_theme % scheme) == 0


@each_page
def test_page_is_light(visit, served, name):
    """Over the wire, compressed: 500 KB on a first visit, 150 for the next page, from the heaviest other one."""
    _, sent = served
    sent.clear()
    visit(name).page.wait_for_load_state("networkidle")
    assert sum(size for _, size in sent) <= 500_000, sent
    heaviest = max((path for path in FILES if path.stem != name), key=lambda path: path.stat().st_size)
    earlier = visit(heaviest.stem)
    earlier.page.wait_for_load_state("networkidle")
    sent.clear()
    visit(name, context=earlier.context).page.wait_for_load_state("networkidle")
    assert 0 < sum(size for _, size in sent) <= 150_000, sent


def test_the_fonts_come_with_the_site(visit):
    seen = visit("regularization")
    seen.show_all()
    for font in ("KaTeX_Main", "Source Sans 3", "Source Code Pro"):
        assert seen.page.evaluate(f"[...document.fonts].some(f => f.family.includes('{font}') && f.status == 'loaded')"), font


def test_what_the_policy_forbids_does_not_happen(visit):
    seen = visit("index")
    seen.page.evaluate("""() => {
        document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.planted = 1'}));
        document.body.insertAdjacentHTML('beforeend', '<img src="https://example.org/pixel.png" onerror="window.planted = 1" alt="">');
    }""")
    seen.page.wait_for_timeout(200)
    assert seen.page.evaluate("window.planted") is None
    refused = [text for text in seen.complaints if "Content Security Policy" in text]
    assert any("inline script" in text for text in refused) and any("example.org" in text for text in refused)


def test_pages_read_without_scripts(visit):
    page = visit("regularization", java_script_enabled=False).page
    for selector in ("main figure img", "main .katex-html", "main figcaption", "nav .sections a"):
        assert page.locator(selector).first.is_visible(), selector
    page.locator("details.solution summary").first.click()
    assert page.locator("details.solution p").first.is_visible()


# -- for everybody -----------------------------------------------------------------------------------------------------

@each_page
def test_accessibility_in_light(visit, name):
    seen = visit(name)
    seen.show_all()
    assert seen.violations() == []


@each_page
def test_accessibility_in_dark_on_a_phone(visit, name):
    seen = visit(name, 390, "dark")
    seen.show_all()
    assert seen.violations(LOOKS) == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_captions_and_formulas_are_visible(visit, name):
    seen = visit(name)
    for selector in ("article figcaption", "article .katex-html"):
        hidden = f"[...document.querySelectorAll('{selector}')].filter(e => !e.checkVisibility() && !e.closest('details, [popover]')).length"
        assert seen.page.evaluate(hidden) == 0, selector


@each_page
def test_nothing_moves_by_itself(visit, name):
    moving = "[...document.querySelectorAll('*')].filter(e => getComputedStyle(e).animationName != 'none').map(e => e.className)"
    assert visit(name, reduced_motion="reduce").page.evaluate(moving) == []


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", CHAPTERS)
def test_an_address_of_a_section_leads_there(visit, name, width):
    """Though the sections above it are not drawn before they come near, so that their heights are guessed."""
    page = visit(name, width).page
    page.goto(page.url + "#exercises")
    page.reload()
    wait_until(page, "Math.abs(document.getElementById('exercises').getBoundingClientRect().top) < 120")
    page.evaluate("location.hash = '#summary'")
    wait_until(page, "Math.abs(document.getElementById('summary').getBoundingClientRect().top) < 120")


# -- by keyboard -------------------------------------------------------------------------------------------------------

def focused(page):
    return page.evaluate("document.activeElement.innerText || document.activeElement.id || document.activeElement.tagName").strip()


def test_a_walk_by_keyboard(visit):
    """The first stops are the skip link, the tools and the contents, each with a ring; the skip link leads to the text."""
    page = visit("regularization").page
    stops = []
    for _ in range(5):
        page.keyboard.press("Tab")
        stops.append(focused(page).split("\n")[0])
        ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle != 'none' && document.activeElement.checkVisibility()")
        assert ring, f"{stops[-1]}: the focus cannot be seen"
    assert stops[:3] == ["Skip to the text", "Colours: automatic", "Search"]
    page.reload()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("!!document.activeElement.closest('main')")


def test_the_contents_on_a_phone(visit):
    page = visit("regularization", 390).page
    contents = page.locator("#contents")
    assert not contents.is_visible()
    button = page.get_by_role("button", name="Contents")
    button.focus()
    page.keyboard.press("Enter")
    assert contents.is_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("!!document.activeElement.closest('#contents')"), "the contents do not come next"
    page.keyboard.press("Escape")
    assert not contents.is_visible() and focused(page) == "Contents"
    button.click()
    page.get_by_role("link", name="Exercises", exact=True).click()
    wait_until(page, "Math.abs(document.getElementById('exercises').getBoundingClientRect().top) < 120")
    assert not contents.is_visible()


def test_the_contents_show_where_the_reader_is(visit):
    page = visit("regularization").page
    assert page.locator("nav a[aria-current=page]").inner_text().endswith("Regularization")
    page.locator("#summary").evaluate("section => section.scrollIntoView({behavior: 'instant'})")
    page.locator("nav a[aria-current=location]", has_text="Summary").wait_for()
    assert page.locator("nav a[aria-current=location]").count() == 1


def test_light_or_dark_is_chosen_and_remembered(visit):
    page = visit("index").page
    button = page.get_by_role("button", name="Colours")
    themes = []
    for _ in range(3):
        themes.append((button.inner_text(), page.evaluate("document.documentElement.dataset.theme")))
        button.focus()
        page.keyboard.press("Enter")
    assert themes == [("Colours: automatic", "light"), ("Colours: light", "light"), ("Colours: dark", "dark")]
    button.click()
    button.click()
    page.goto(page.url.replace("index", "references"))
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


@pytest.mark.parametrize("key", ["/", "Control+k"])
def test_the_search_opens_by_key(visit, key):
    page = visit("index").page
    page.keyboard.press(key)
    assert page.locator("#search").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#search").is_visible()
    page.keyboard.press(key)
    assert focused(page) == "search-input"
    page.keyboard.type("dropout")
    page.keyboard.press("Enter")
    page.locator("#search-here").wait_for()
    assert page.url.endswith("/search.html?q=dropout")


def test_folded_cells_and_solutions_open_by_keyboard(visit):
    page = visit("regularization").page
    for kind in ("details.hide", "details.solution"):
        fold = page.locator(kind).first
        fold.locator("summary").focus()
        page.keyboard.press("Enter")
        assert fold.evaluate("fold => fold.open") and fold.locator("pre, p, div.cell").last.is_visible()
        page.keyboard.press("Space")
        assert not fold.evaluate("fold => fold.open")


def test_code_can_be_copied(visit):
    page = visit("regularization", permissions=["clipboard-read", "clipboard-write"]).page
    page.locator(".cell_input button.copybtn >> visible=true").first.click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert len(copied) > 40 and copied.strip() in page.locator(".cell_input pre >> visible=true").first.inner_text()


# -- finding -----------------------------------------------------------------------------------------------------------

def words_by_place():
    """For prose, headings and code: a word that stands nowhere else on its page, and the page."""
    places = {}  # (kind of place, page) -> its words
    for name in CHAPTERS:
        article = soup(SITE / f"{name}.html").find("article")
        for text in article.find_all(string=re.compile(r"[a-z]{6}")):
            place = "code" if text.find_parent("pre") else "heading" if text.find_parent(["h2", "h3"]) else "prose"
            if not text.find_parent(class_=["katex", "output", "highlight-myst-ansi"]):
                places.setdefault((place, name), set()).update(re.findall(r"\b[a-z]{6,}\b", text.lower()))
    for kind in ("heading", "code", "prose"):
        alone = [(len(word), word, name) for (place, name), words in places.items() if place == kind for word in words
                 if word[:5] not in " ".join(w for other in places if other[1] == name and other != (kind, name)
                                             for w in places[other])]
        assert alone, f"no word stands in a {kind} alone"
        _, word, name = max(alone)
        yield pytest.param(word, name, id=f"{kind}-{word}")


@pytest.mark.parametrize("word, name", [*words_by_place()])
def test_search_finds_a_word(visit, word, name):
    """A word that stands in one kind of place of a page alone; the excerpts lead to its section."""
    seen = visit("search")
    seen.page.locator("#search-here").fill(word)
    seen.page.keyboard.press("Enter")
    found = seen.page.locator("ul.search > li", has=seen.page.locator(f"a[href^='{name}.html']")).first
    found.wait_for(timeout=10_000)
    shown = found.locator(".excerpts li, a", has_text=re.compile(word, re.I)).first
    shown.wait_for(timeout=10_000)
    link = found.locator("a[href*='#']").first.get_attribute("href")
    assert soup(SITE / f"{name}.html").find(id=link.partition("#")[2]), link
    assert not seen.asked and not seen.complaints


# -- on paper ----------------------------------------------------------------------------------------------------------

def test_a_chapter_on_paper(visit):
    """Printed from a dark page: the text alone, light figures, solutions shown, folded code left out."""
    page = visit("regularization", scheme="dark").page
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    for selector in ("header", "nav", ".skip-link", ".headerlink", "button", "details.hide summary", "img.on-dark"):
        assert page.evaluate(f"[...document.querySelectorAll('{selector}')].filter(e => e.checkVisibility()).length") == 0, selector
    for selector in ("figure img.on-light", "details.solution p", ".verdict", "h1"):
        assert page.locator(selector).first.is_visible(), selector
    contrast = "(([r, g, b]) => r + g + b)(getComputedStyle(document.querySelector('article p')).color.match(/\\d+/g).map(Number))"
    assert page.evaluate(contrast) < 200, "text is not dark on paper"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_summary_of_the_notes_prints_on_one_sheet(visit, address):
    page = visit("aws-notes").page
    page.locator("a[href='#one-sheet']").click()
    printed = PdfReader(io.BytesIO(page.pdf(format="A4"))).pages
    assert len(printed) == 1 and printed[0].extract_text().startswith("Regularization and tuning on one sheet")


def test_the_page_for_wrong_addresses(browser, address):
    page = browser.new_page()
    assert page.goto(f"{address}/no/such/page.html").status == 404
    assert page.get_by_role("heading", name="No such page").is_visible()
    page.locator("main").get_by_role("link", name="Regularization").click()
    page.wait_for_url(f"{address}/regularization.html")
    page.close()
