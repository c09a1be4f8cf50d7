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
from take_along import PDF
from test_site import soup

if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))) and not os.environ.get("CI"):
    pytest.skip("no Chromium is installed: the PDF was not printed", allow_module_level=True)


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    if os.environ.get("CI") and PDF.is_file():  # .ci/run has just printed it
        return PdfReader(PDF)
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
def begins(printed):
    """Where each page of the site begins in the PDF: titles and page numbers, from 0."""
    return {entry.title: printed.get_destination_page_number(entry) for depth, entry in entries(printed.outline) if depth == 0}


def test_it_has_a_sane_number_of_a4_pages(printed, begins):
    assert 25 * len(chapters()) < len(printed.pages) < 75 * len(chapters())
    assert {(round(page.mediabox.width), round(page.mediabox.height)) for page in printed.pages} == {(595, 842)}
    assert list(begins.values()) == sorted(begins.values()) and printed.metadata.title.startswith("Regularization")


@pytest.mark.parametrize("chapter", chapters(), ids=lambda path: path.stem)
def test_it_holds_every_chapter(printed, begins, chapter):
    main = soup(SITE / f"{chapter.stem}.html").find("article")
    title, opening = main.h1.find(string=True), main.find("p").get_text()
    first = printed.pages[begins[title]].extract_text()
    assert letters(opening)[:200] in letters(first), f"the opening of {chapter.name} is not where the outline says"
    listed = [letters(entry.title) for depth, entry in entries(printed.outline) if depth == 1]
    for heading in main.select("section > h2"):
        if not heading.select(".katex"):
            assert letters(heading.find(string=True)) in listed, heading.get_text()


def test_the_contents_name_the_right_pages(printed, begins):
    text = "\n".join(page.extract_text() for page in printed.pages[begins["Contents"]:begins["About this course"]])
    for title, page in begins.items():
        if page > begins["Contents"]:
            assert re.search(rf"{re.escape(title)}\s*{page + 1}\b", text), f"{title} is on page {page + 1}"


def test_links_lead_to_places_in_the_pdf_or_to_the_web(printed):
    inside = outside = 0
    for page in printed.pages:
        for note in page.get("/Annots", []):
            note = note.get_object()
            if note.get("/Subtype") == "/Link":
                address = note.get("/A", {}).get("/URI", "")
                assert not address or address.startswith("https://"), address
                target = note.get("/Dest")
                assert address or not isinstance(target, str) or target in printed.named_destinations, target
                inside, outside = inside + (not address), outside + bool(address)
    assert inside > 300 and outside > 15


def shown_glyphs(reader):
    """The glyphs that each page shows, as four hexadecimal digits each."""
    for page in reader.pages:
        strings = re.findall(rb"<([0-9A-Fa-f]+)> ?Tj", page.get_contents().get_data())
        yield {string[place:place + 4] for string in strings for place in range(0, len(string), 4)}


MISSING = b"0000"  # glyph 0 is the box that stands for a letter that no typeface has


def test_no_glyph_is_missing(printed):
    pages = list(shown_glyphs(printed))
    assert sum(len(glyphs) > 30 for glyphs in pages) > 0.8 * len(pages)
    assert not [number for number, glyphs in enumerate(pages, 1) if MISSING in glyphs]


def test_code_and_formulas_are_not_cut_off(printed):
    """Every piece of text begins within the margins; make_pdf.py refuses what is too wide, see below."""
    for page in printed.pages[2:8]:
        places = []
        page.extract_text(visitor_text=lambda text, cm, tm, font, size: places.append(cm[0] * tm[4] + cm[4]) if text.strip() else None)  # noqa: B023
        assert places and 50 < min(places) and max(places) < 595 - 50


# -- the same checks, on a faulty page -------------------------------------------------------------------------------

def make_pdf(course, text):
    course.edit("book/sums.md", "One and one", f"{text}\n\nOne and one")
    code, output, _ = course.make()
    assert code == 0, output
    file = course.root / "course.pdf"
    done = subprocess.run([sys.executable, course.root / "book" / "_ext" / "make_pdf.py", course.root / "_build" / "html", file],
                          capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr, file


def test_a_missing_glyph_is_found(course):
    code, output, file = make_pdf(course, "A letter of no script: \ue123.")
    assert code == 0 and any(MISSING in glyphs for glyphs in shown_glyphs(PdfReader(file))), output


def test_what_is_wider_than_the_page_is_refused(course):
    row = "|" + f" {'wide' * 9} |" * 9
    code, output, _ = make_pdf(course, f"{row}\n{'|---' * 9}|\n{row}")
    assert code != 0 and "The PDF was NOT made; wider than its pages: 'widewide" in output, output
