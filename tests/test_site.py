"""The built pages, as files: links, images, figures, other hosts."""

import base64
import hashlib
import re
from collections import Counter
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from conftest import SITE
from serving import prefix

PAGES = sorted(path for path in SITE.glob("*.html"))
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)


@cache
def soup(path):
    return BeautifulSoup(path.read_text(encoding="utf8"), "html.parser")


def test_the_site_was_built():
    assert {"index", "regularization", "search"} <= {page.stem for page in PAGES}


@each_page
def test_internal_links_and_images_resolve(page):
    for tag, attribute in (("a", "href"), ("link", "href"), ("img", "src"), ("script", "src")):
        for element in soup(page).find_all(tag, **{attribute: True}):
            url = urlsplit(element[attribute])
            if url.scheme or url.netloc:
                continue
            target = Path(SITE, unquote(url.path).removeprefix(prefix(SITE))).resolve() if url.path else page
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), f"{page.name}: {element[attribute]} does not exist"
            if url.fragment and target.suffix == ".html" and tag == "a":
                assert soup(target).find(id=unquote(url.fragment)), f"{page.name}: {element[attribute]} leads nowhere"


@each_page
def test_pages_ask_no_other_host(page):
    loaded = [element[attribute] for tag, attribute in (("link", "href"), ("img", "src"), ("script", "src"), ("iframe", "src"))
              for element in soup(page).find_all(tag, **{attribute: True}) if "canonical" not in element.get("rel", [])]
    assert not [url for url in loaded if urlsplit(url).netloc]


def test_style_sheets_ask_no_other_host():
    for sheet in SITE.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//", sheet.read_text(encoding="utf8")), sheet.name


@each_page
def test_figures_have_caption_name_and_alternative_text(page):
    for figure in soup(page).find("main").find_all("figure"):
        assert [image["class"][0] for image in figure.find_all("img")][:2] == ["on-light", "on-dark"], figure.get("id")
        assert figure.get("id"), f"{page.name}: a figure without a name"
        assert figure.figcaption and len(figure.figcaption.get_text(strip=True)) > 20, f"{page.name}: {figure['id']}: caption"


@each_page
def test_images_have_alternative_text(page):
    for image in soup(page).find("main").find_all("img"):  # the logo stands beside its name
        assert image.get("alt", "").strip(), f"{page.name}: {image['src']} has no alternative text"


@each_page
def test_one_heading_and_unique_ids(page):
    assert len(soup(page).find_all("h1")) == 1, f"{page.name} has more than one title"
    repeated = [name for name, count in Counter(element["id"] for element in soup(page).find_all(id=True)).items() if count > 1]
    assert not repeated, f"{page.name}: two elements are called {repeated}"


@each_page
def test_pages_say_what_they_are(page):
    html = soup(page)
    assert html.html["lang"] == "en" and html.title.get_text(strip=True)
    description = html.find("meta", attrs={"name": "description"})["content"]
    assert 40 <= len(description) <= 170, f"{page.name}: a description of {len(description)} letters"
    assert html.find("meta", property="og:title")["content"] and html.find("meta", property="og:description")["content"] == description
    others = {soup(other).find("meta", attrs={"name": "description"})["content"] for other in PAGES if other != page}
    assert description not in others, f"{page.name} is described as another page is"


@each_page
def test_pages_live_under_a_strict_policy(page):
    """One script inline, ours, known by its digest; no style sheet and no handler of events inside of a page."""
    html = soup(page)
    policy = html.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
    rules = dict(rule.split(" ", 1) for rule in policy["content"].split("; "))
    assert rules["default-src"] == "'none'" and "'unsafe" not in rules["script-src"] + rules["style-src"]
    assert not policy.find_previous_sibling(["script", "link", "style"]), "the policy has to come first"
    for script in html.find_all("script", src=False, type=lambda kind: kind != "application/json"):
        assert base64.b64encode(hashlib.sha256(script.string.encode()).digest()).decode() in rules["script-src"]
    for style in html.find_all("style"):
        assert base64.b64encode(hashlib.sha256(style.string.encode()).digest()).decode() in rules["style-src"]
    assert not html.find_all(["iframe", "object", "embed"])
    assert not [element.name for element in html.find_all() if any(name.startswith("on") for name in element.attrs)]
    outside = [a["href"] for a in html.find_all("a", href=re.compile("^https?:")) if "noopener" not in a.get("rel", [])]
    assert not outside, f"{page.name}: without rel=noopener: {outside}"


@each_page
def test_files_are_asked_for_by_their_digest(page):
    """Whatever may change has a digest in its address, so that browsers can keep it; fonts have lasting names."""
    for tag, attribute in (("link", "href"), ("script", "src"), ("img", "src")):
        for element in soup(page).find_all(tag, **{attribute: re.compile(r"\.(css|js|svg|png)\b")}):
            name, _, digest = unquote(element[attribute]).partition("?v=")
            content = Path(SITE, name.removeprefix(prefix(SITE))).read_bytes()
            assert digest == hashlib.sha256(content).hexdigest()[:8], f"{page.name}: {element[attribute]}"


def test_chapters_tell_how_long_they_take():
    chapters = [page for page in PAGES if soup(page).select_one("div.cell")]
    for page in chapters:
        facts = [fact.get_text() for fact in soup(page).select("main > .facts span")]
        assert re.fullmatch(rf"Chapter \d of {len(chapters)}", facts[0]) and re.fullmatch(r"\d+ minutes? to read", facts[1])
        assert re.fullmatch(r"(\d+ minutes?|a minute) to run", facts[2]), f"{page.name}: says no running time"
        card = soup(SITE / "index.html").select_one(f".sd-card:has(a[href='{page.name}'])")
        assert [fact.get_text() for fact in card.select(".facts span")] == facts[1:], f"{page.stem}: its card"


def test_the_site_ships_nothing_that_no_page_uses():
    """Style sheets are parts of one, which is loaded in their place."""
    offered = {"OFL.txt", "design-tabs.js"}  # a licence; what a page with tabs would load
    text = "".join(path.read_text(encoding="utf8") for path in [*PAGES, *SITE.rglob("*.css"), *SITE.rglob("*.js")])
    unused = [path.name for path in (SITE / "_static").rglob("*.*") if path.is_file() and path.name not in text
              and path.suffix != ".css" and path.name not in offered]
    assert not unused


def test_robots_are_welcome():
    assert (SITE / "robots.txt").read_text().startswith("User-agent: *\nAllow: /\n")


@each_page
def test_formulas_are_typeset(page):
    for formula in soup(page).select("main .math"):
        assert formula.select_one(".katex"), f"{page.name}: not typeset: {formula.get_text()[:60]}"
        unknown = formula.select_one('[mathcolor="#cc0000"], .katex-error')  # how KaTeX shows what it does not know
        assert not unknown, f"{page.name}: KaTeX does not know {unknown.get_text()}"
