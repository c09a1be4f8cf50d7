"""The course as one PDF, as `make pdf` prints it from the built site: whole, linked, nothing missing and nothing cut off."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, SITE
from notebooks import chapters
from pypdf import PdfReader
from test_site import soup

if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))) and not os.environ.get("CI"):
    pytest.skip("no Chromium is installed: the PDF was not printed", allow_module_level=True)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    file = tmp_path_factory.mktemp("pdf") / "course.pdf"
    done = subprocess.run([sys.executable, ROOT / "book" / "_ext" / "make_pdf.py", SITE, file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr  # also where something is wider than its page
    return PdfReader(file)


def entries(outline, depth=0):
    for entry in outline:
        if isinstance(entry, list):
            yield from entries(entry, depth + 1)
        else:
            yield depth, entry


def letters(text):
    return re.sub(r"[^a-z]", "", text.lower())


@pytest.fixture(scope="module")
def begins(course):
    """Where each page of the site begins in the PDF: titles and page numbers, from 0."""
    return {entry.title: course.get_destination_page_number(entry) for depth, entry in entries(course.outline) if depth == 0}


def test_it_has_a_sane_number_of_a4_pages(course, begins):
    assert 25 * len(chapters()) < len(course.pages) < 75 * len(chapters())
    assert {(round(page.mediabox.width), round(page.mediabox.height)) for page in course.pages} == {(595, 842)}
    assert list(begins.values()) == sorted(begins.values()) and course.metadata.title.startswith("Regularization")


@pytest.mark.parametrize("chapter", chapters(), ids=lambda path: path.stem)
def test_it_holds_every_chapter(course, begins, chapter):
    main = soup(SITE / f"{chapter.stem}.html").find("article")
    title, opening = main.h1.find(string=True), main.find("p").get_text()
    first = course.pages[begins[title]].extract_text()
    assert letters(opening)[:200] in letters(first), f"the opening of {chapter.name} is not where the outline says"
    listed = [letters(entry.title) for depth, entry in entries(course.outline) if depth == 1]
    for heading in main.select("section > h2"):
        if not heading.select(".katex"):
            assert letters(heading.find(string=True)) in listed, heading.get_text()


def test_the_contents_name_the_right_pages(course, begins):
    text = course.pages[begins["Contents"]].extract_text()
    for title, page in begins.items():
        if page > begins["Contents"]:
            assert re.search(rf"{re.escape(title)}\s*{page + 1}\b", text), f"{title} is on page {page + 1}"


def test_links_lead_to_places_in_the_pdf_or_to_the_web(course):
    inside = outside = 0
    for page in course.pages:
        for note in page.get("/Annots", []):
            note = note.get_object()
            if note.get("/Subtype") == "/Link":
                address = note.get("/A", {}).get("/URI", "")
                assert not address or address.startswith("https://"), address
                target = note.get("/Dest")
                assert address or not isinstance(target, str) or target in course.named_destinations, target
                inside, outside = inside + (not address), outside + bool(address)
    assert inside > 300 and outside > 15


def test_no_glyph_is_missing(course):
    """Glyph 0 is the box that stands for a letter that no typeface has."""
    strings = 0
    for number, page in enumerate(course.pages, 1):
        for shown in re.findall(rb"<([0-9A-Fa-f]+)> ?Tj", page.get_contents().get_data()):
            strings += 1
            glyphs = {shown[place:place + 4] for place in range(0, len(shown), 4)}
            assert b"0000" not in glyphs, f"page {number} shows a letter that no typeface has"
    assert strings > 10_000


def test_code_and_formulas_are_not_cut_off(course):
    """Nothing is set beyond the margins: every piece of text begins within them."""
    for page in course.pages[2:8]:
        places = []
        page.extract_text(visitor_text=lambda text, cm, tm, font, size: places.append(cm[0] * tm[4] + cm[4]) if text.strip() else None)  # noqa: B023
        assert places and 50 < min(places) and max(places) < 595 - 50
