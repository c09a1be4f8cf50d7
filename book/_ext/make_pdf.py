"""Print the built site as one PDF, with Chromium: `make pdf`.

The pages are put one after another, in the order of _toc.yml, without what only a screen can use; addresses get the
page's name in front, so that links work within the PDF. It is printed twice: where everything landed is known only
after the first time, and then goes into the table of contents.

usage: make_pdf.py [SITE OUTPUT]
"""

import io
import re
import shutil
import sys
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

import matplotlib
from bs4 import BeautifulSoup
from pypdf import PdfReader
from pypdf.generic import DictionaryObject, NameObject, NumberObject, TextStringObject
from repository import git
from take_along import PDF, ROOT

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
LEFT_OUT = {"genindex"}  # its sections have no page numbers
ONLY_ON_SCREENS = ("script, .headerlink, .on-dark, .take-along, .ledger-filter, .definition, .copybtn, .toggle-button, "
                   ".sd-container-fluid, details.hide, .index-letters, .visually-hidden")  # folded cells, too
FALLBACK = Path(matplotlib.get_data_path(), "fonts", "ttf")  # for the few signs that the course's typefaces lack


def pages():
    """Names of the site's pages, in the order in which they are printed."""
    names = re.findall(r"(?:file|root): (\S+)", (ROOT / "_toc.yml").read_text(encoding="utf8"))
    return [name for name in names if name not in LEFT_OUT]


def article(site, name, names):
    """The text of the page `name` as it is printed; its addresses begin with the page's name."""
    page = BeautifulSoup((site / f"{name}.html").read_text(encoding="utf8"), "html.parser").select_one("article")
    for element in page.select(ONLY_ON_SCREENS):
        element.decompose()
    for cell in page.select("div.cell"):
        if not cell.find(["pre", "img", "table"]) and not cell.get_text(strip=True):
            cell.decompose()
    for element in page.find_all(id=True):
        element["id"] = f"{name}--{element['id']}"
    for link in page.find_all("a"):
        address = urlsplit(link.get("href", ""))
        target = address.path.removesuffix(".html") or name
        if not address.scheme and target in names:
            link["href"] = f"#{target}--{address.fragment}" if address.fragment else f"#{target}"
        elif not address.scheme:
            link.unwrap()
    for image in page.find_all("img"):
        image["src"] = (site / image["src"]).resolve().as_uri()
        del image["loading"]
    for table in page.find_all("table"):  # pandas styles its tables by addresses that are other ones now
        for style in table.parent.find_all("style"):
            style.decompose()
    return page


def plain(heading):
    """The text of a heading, its formulas as they look, on one line."""
    parts = (part for part in heading.strings if not part.find_parent(class_="katex-mathml"))
    return " ".join("".join(parts).replace("\u200b", "").split())


def title_page(first):
    """The title page, from what the landing page opens with; that is taken out of the landing page."""
    title, opening, picture = first.h1.extract(), first.select_one(".hero"), first.find("figure")
    date = git("log", "-1", "--format=%cs")
    image = picture.img.extract() if picture else ""
    for used in filter(None, (opening, picture)):
        used.extract()
    main, _, rest = title.get_text().partition(", ")
    return (f'<section class="title-page"><h1>{escape(main)}</h1><p class="subtitle">{escape(rest)}</p>{image}'
            f'<div class="opening">{opening.decode_contents() if opening else ""}</div>'
            f'<p class="date">{date}</p></section>')


def contents(articles, landed):
    """The table of contents: chapters and their sections, with the numbers of the pages where they landed."""
    lines = []
    for name, page in articles.items():
        lines.append(("chapter", name, plain(page.h1)))
        lines += [("section", heading.parent["id"], plain(heading)) for heading in page.find_all("h2")
                  if heading.parent.get("id")]
    rows = "".join(f'<li class="{kind}"><a href="#{anchor}"><span>{escape(text)}</span><span class="leader"></span>'
                   f'<span>{landed.get(anchor, "")}</span></a></li>' for kind, anchor, text in lines)
    return f'<nav class="contents" id="contents"><h1>Contents</h1><ol>{rows}</ol></nav>'


def document(site, names):
    """A function from page numbers to the whole course as one HTML document, and the headings in it."""
    articles = {name: article(site, name, names) for name in names}
    first = articles[names[0]]
    course = plain(first.h1)
    title = title_page(first)
    first.insert(0, BeautifulSoup("<h1>About this course</h1>", "html.parser"))
    running = "".join(f'@page {name} {{ @top-right {{ content: "{plain(page.h1)}" }} }} #{name} {{ page: {name}; }}\n'
                      for name, page in articles.items())
    sheets = "".join(f'<link rel="stylesheet" href="{(site / "_static" / name).resolve().as_uri()}">'
                     for name in ("pygments.css", "katex/katex.min.css"))
    style = Path(__file__).with_name("pdf.css").read_text(encoding="utf8")
    for word, folder in (("FONTS", site / "_static" / "fonts"), ("FALLBACK", FALLBACK)):
        style = style.replace(word, folder.resolve().as_uri())
    body = "".join(f'<section class="page" id="{name}">{page.decode_contents()}</section>'
                   for name, page in articles.items())

    def with_numbers(landed):
        return ('<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">'
                f'<title>{escape(course)}</title>{sheets}<style>{style}{running}</style></head>'
                f'<body>{title}{contents(articles, landed)}{body}</body></html>')

    opening = BeautifulSoup(with_numbers({}).partition("<section class=\"page\"")[0], "html.parser")
    headings = re.compile("^h[1-6]$")
    return with_numbers, [heading for part in (opening, *articles.values()) for heading in part.find_all(headings)]


FIT = """() => {  // what is wider than the page is set smaller; what would become too small to read is reported
  const width = document.querySelector('.page').clientWidth, tooWide = [];
  for (const element of document.querySelectorAll('table, .katex-display, pre')) {
    const wide = element.scrollWidth / Math.min(width, element.parentElement.clientWidth);
    if (wide > 1.005) {
      element.style.fontSize = `${parseFloat(getComputedStyle(element).fontSize) / wide * .98}px`;
      if (wide > 1.6 || element.scrollWidth > width + 1) tooWide.push(element.textContent.trim().slice(0, 80));
    }
  }
  return tooWide;
}"""


def letters(text):
    return re.sub(r"\s", "", text)


def with_whole_titles(pdf, headings):
    """The PDF with the titles of its outline as the headings read. They are appended, as an update to the file.

    Chromium leaves formulas out, loses the space where a heading wraps, and doubles a heading at the top of a page.
    """
    whole = {}
    for heading in headings:
        told = letters("".join(part for part in heading.strings if not part.find_parent(class_="katex")))
        whole[told] = whole[told * 2] = plain(heading)
    reader, update, places = PdfReader(io.BytesIO(pdf)), io.BytesIO(), {}
    open_entries = [reader.root_object["/Outlines"]["/First"]]
    while open_entries:
        entry = open_entries.pop()
        open_entries += [entry[key] for key in ("/First", "/Next") if key in entry]
        title = whole.get(letters(entry["/Title"]), entry["/Title"])
        if title != entry["/Title"]:
            entry[NameObject("/Title")] = TextStringObject(title)
            places[entry.indirect_reference.idnum] = len(pdf) + update.tell()
            update.write(b"%d 0 obj\n" % entry.indirect_reference.idnum)
            entry.write_to_stream(update)
            update.write(b"\nendobj\n")
    table = len(pdf) + update.tell()
    update.write(b"xref\n" + b"".join(b"%d 1\n%010d 00000 n \n" % place for place in places.items()))
    trailer = {key: reader.trailer.raw_get(key) for key in ("/Size", "/Root", "/Info")}
    trailer["/Prev"] = NumberObject(re.findall(rb"startxref\s+(\d+)", pdf)[-1].decode())
    update.write(b"trailer\n")
    DictionaryObject({NameObject(key): value for key, value in trailer.items()}).write_to_stream(update)
    update.write(b"\nstartxref\n%d\n%%%%EOF\n" % table)
    return pdf + update.getvalue()


def print_course(site, output):
    """Print the pages in the folder `site` into the file `output`; exit with a message if that cannot be done."""
    if not CHROMIUM:
        sys.exit("make pdf needs Chromium and found none: install it (on Debian: apt-get install chromium).")
    from playwright.sync_api import sync_playwright

    html, headings = document(site, pages())
    source = site.parent / "pdf" / "course.html"
    source.parent.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 643, "height": 950})  # the text of an A4 page, in pixels
        page.emulate_media(media="print", color_scheme="light")
        landed = {}
        for last in (False, True):
            source.write_text(html(landed), encoding="utf8")
            page.goto(source.resolve().as_uri(), wait_until="load")
            page.evaluate("document.fonts.ready")
            too_wide = page.evaluate(FIT)
            if too_wide:
                sys.exit("The PDF was NOT made; wider than its pages: " + "; ".join(map(repr, too_wide)))
            pdf = page.pdf(prefer_css_page_size=True, print_background=True, tagged=last, outline=last)
            reader = PdfReader(io.BytesIO(pdf))
            numbers = {page.indirect_reference.idnum: number for number, page in enumerate(reader.pages, 1)}
            landed = {name.lstrip("/"): numbers[place.raw_get("/Page").idnum]
                      for name, place in reader.named_destinations.items()}
        browser.close()
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(with_whole_titles(pdf, headings))
    print(f"The course as a PDF, {len(numbers)} pages, is in {output}.")


if __name__ == "__main__":
    print_course(*map(Path, sys.argv[1:] or (ROOT / "_build" / "html", PDF)))
