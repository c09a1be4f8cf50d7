"""The built pages, as files: links, images, figures, other hosts."""

import re
from functools import cache
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from conftest import SITE

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
            target = (page.parent / unquote(url.path)).resolve() if url.path else page
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
    for image in soup(page).find_all("img"):
        assert image.get("alt", "").strip(), f"{page.name}: {image['src']} has no alternative text"


@each_page
def test_one_heading_one_search(page):
    titles = [title for title in soup(page).find_all("h1") if not title.find_parent(id="jb-print-docs-body")]
    assert len(titles) == 1, f"{page.name} has more than one title"
    assert len(soup(page).select("header.bd-header")) <= 1
    assert len(soup(page).select(".search-button__wrapper form")) <= 1


@each_page
def test_formulas_are_typeset(page):
    for formula in soup(page).select("main .math"):
        assert formula.select_one(".katex"), f"{page.name}: not typeset: {formula.get_text()[:60]}"
        unknown = formula.select_one('[mathcolor="#cc0000"], .katex-error')  # how KaTeX shows what it does not know
        assert not unknown, f"{page.name}: KaTeX does not know {unknown.get_text()}"
