"""The pages that are collected from the chapters, against the chapters: ledger, key numbers, glossary, index, references.

Also what readers take along: each chapter's notebook and Markdown.
"""

import re

import nbformat
import pytest
from conftest import ROOT, SITE
from notebooks import chapters, published
from pybtex.database import parse_file
from test_chapters import CLAIMS, VERDICTS
from test_site import soup

PROMISED = [(chapter.name, claim) for chapter in chapters() for claim in CLAIMS.get(chapter.stem, [])]
each_chapter = pytest.mark.parametrize("chapter", chapters(), ids=lambda path: path.stem)


def words(element):
    """What a reader sees of an element, on one line: without the addresses of headings, formulas as they look."""
    text = "".join(part for part in element.strings
                   if not part.find_parent(class_=["katex-mathml", "headerlink"]))
    return re.sub(r"\s+", " ", text).strip()


# -- the ledger ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("chapter, claim", PROMISED, ids=lambda value: value)
def test_every_promised_claim_is_in_the_ledger(chapter, claim):
    assert soup(SITE / "claims.html").find(id=f"claim-{claim.lower()}"), f"{claim} ({chapter}) has no verdict in the ledger"


def test_every_claim_in_the_ledger_has_a_verdict_and_a_measurement():
    for row in soup(SITE / "claims.html").select("table.ledger tbody tr"):
        claim, source, measured = words(row.select_one(".claim-id")), *row.find_all("td")
        assert words(row.select_one(".outcome-words")) in VERDICTS, f"{claim}: no verdict"
        assert re.match(r"The source says .{15}", words(source)), f"{claim}: what the source says is missing"
        assert words(measured).startswith("We measured") and measured.select(".key-number"), f"{claim}: nothing was measured"


def test_the_ledger_says_what_the_boxes_say():
    rows = soup(SITE / "claims.html").select("table.ledger tbody tr")
    assert rows, "the ledger is empty"
    for row in rows:
        page, _, anchor = row.select_one(".claim-id a")["href"].partition("#")
        box = soup(SITE / page).find(id=anchor)
        id, _, outcome = words(box.select_one(".admonition-title")).partition(": ")
        assert (id, outcome) == (words(row.select_one(".claim-id")), words(row.select_one(".outcome-words")))
        in_box = " ".join(words(part) for part in box.find_all(recursive=False)[1:])
        assert " ".join(words(cell) for cell in row.find_all("td")) == in_box, f"{id}: the ledger differs from the box"


def test_the_ledger_counts_its_rows():
    page = soup(SITE / "claims.html")
    outcomes = [words(mark) for mark in page.select("table.ledger .outcome-words")]
    sums = [int(words(cell).replace("–", "0")) for cell in page.select(".ledger-counts tfoot td")]
    heads = [words(head) for head in page.select(".ledger-counts thead .outcome-words")]
    assert set(heads) == VERDICTS and sums == [*(outcomes.count(head) for head in heads), len(outcomes)]
    choices = {words(label.select_one(".outcome-words")): int(words(label.select_one(".outcome-count")))
               for label in page.select(".ledger-filter label") if label.select_one(".outcome-words")}
    assert choices == {head: outcomes.count(head) for head in heads}


# -- key numbers ---------------------------------------------------------------------------------------------------------

@each_chapter
def test_every_key_number_is_listed_with_value_range_and_place(chapter):
    checks = {output["metadata"]["scrapbook"]["name"]: (next(iter(output["data"].values())), output["metadata"]["key_number"])
              for cell in published(chapter).cells for output in cell.get("outputs", [])
              if "key_number" in output.get("metadata", {})}
    section = soup(SITE / "key-numbers.html").find(id=f"numbers-{chapter.stem}")
    assert section or not checks, f"the key numbers of {chapter.name} are not listed"
    listed = {}
    for row in section.select("tbody tr:has(td)"):
        name, value, bounds, _ = row.find_all("td")
        listed[name.a["href"].partition("#key.")[2]] = words(value), words(bounds), name.a["href"]
    assert listed.keys() == checks.keys()
    quoted = set(re.findall(r"\{eval\}`key\.(\w+)`", chapter.read_text()))
    for name, (text, check) in checks.items():
        value, bounds, href = listed[name]
        assert value == text.replace("-", "−"), name
        assert (bounds.startswith("exactly") and check["low"] == check["high"]) or " to " in bounds, f"{name}: {bounds}"
        place = soup(SITE / f"{chapter.stem}.html").find(id=href.partition("#")[2])
        assert words(place) == value if name in quoted else place.find_parent(class_="cell") or "cell" in place["class"], name


# -- glossary and index --------------------------------------------------------------------------------------------------

def test_every_term_of_a_page_brings_its_definition():
    glossary = soup(SITE / "glossary.html")
    meanings = {term["id"]: term.find_next_sibling("dd") for term in glossary.select("dl.glossary dt")}
    assert len(meanings) >= 60
    used = set()
    for page in sorted(SITE.glob("*.html")):
        for term in soup(page).select("a.term"):
            anchor = term["href"].partition("#")[2]
            used.add(anchor)
            definition = soup(page).find(id=term["aria-describedby"])
            meaning = " ".join(words(part) for part in meanings[anchor].find_all("p") if "term-places" not in part.get("class", []))
            assert definition and words(definition).startswith(meaning), f"{page.name}: {words(term)}"
    assert len(used) >= 50, "the chapters hardly use the glossary"


@each_chapter
def test_no_chapter_marks_a_term_twice(chapter):
    terms = [re.sub(r".*<(.*)>", r"\1", " ".join(term.split())) for term in re.findall(r"\{term\}`([^`]+)`", chapter.read_text())]
    assert len(terms) == len(set(terms)), f"{chapter.name} marks a term twice: {sorted({t for t in terms if terms.count(t) > 1})}"


def test_the_index_holds_every_term_and_every_entry_in_order():
    names = [words(name) for name in soup(SITE / "genindex.html").select(".index dt")]
    keys = [re.sub(r"\W", "", name).lower() for name in names]
    assert keys == sorted(set(keys))
    assert {words(term) for term in soup(SITE / "glossary.html").select("dl.glossary dt")} <= set(names)
    for chapter in chapters():
        for line in re.findall(r"^```\{index\} (.+)$", chapter.read_text(), flags=re.M):
            for entry in line.split(","):
                assert re.sub(r"; ", ", ", entry.strip()) in names, f"{chapter.name}: {entry.strip()} is not in the index"


# -- references ----------------------------------------------------------------------------------------------------------

WORKS = parse_file(ROOT / "book" / "references.bib").entries


@pytest.mark.parametrize("work", list(WORKS))
def test_every_work_can_be_found(work):
    fields = WORKS[work].fields
    assert {"doi", "url", "isbn"} & {name.lower() for name in fields}, f"references.bib: {work} has no DOI, URL or ISBN"
    if "doi" in fields:
        assert re.fullmatch(r"10\.\d{4,9}/\S+", fields["doi"]), f"references.bib: {work}: write the DOI alone, as 10.1023/..."


def test_every_cited_work_is_listed_with_its_link():
    cited = {key.strip() for page in (ROOT / "book").glob("*.md")
             for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", page.read_text()) for key in keys.split(",")}
    listed = soup(SITE / "references.html").select("div.citation")
    assert len(listed) == len(cited)
    links = {link["href"].lower() for entry in listed for link in entry.find_all("a")}
    for work in cited:
        fields = WORKS[work].fields
        address = f"https://doi.org/{fields['doi']}" if "doi" in fields else fields.get("url")
        assert not address or address.lower() in links, f"{work}: {address} is not linked on the page of references"


# -- chapters to take along ----------------------------------------------------------------------------------------------

@each_chapter
def test_a_chapter_can_be_taken_along(chapter):
    menu = soup(SITE / f"{chapter.stem}.html").select_one("details.take-along")
    assert menu and "course.py" in words(menu) and "make edit" in words(menu), f"{chapter.name}: no downloads"
    files = {link["href"].rpartition(".")[2]: (SITE / link["href"]).resolve() for link in menu.select("a[download]")}
    assert files["md"].read_text() == chapter.read_text()
    notebook = nbformat.read(files["ipynb"], as_version=4)
    nbformat.validate(notebook)
    assert "course.py" in notebook.cells[0].source and "make edit" in notebook.cells[0].source
    original = published(chapter)
    assert [cell.source for cell in notebook.cells[1:]] == [cell.source for cell in original.cells]
    assert any("image/svg+xml" in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", []))
    told = {told.expression: told.result.data["text/plain"]
            for cell in notebook.cells for told in cell.metadata.get("user_expressions", [])}
    for cell in original.cells:
        for output in cell.get("outputs", []):
            if "key_number" in output.get("metadata", {}):
                name = f"key.{output['metadata']['scrapbook']['name']}"
                assert name not in told or told[name] == next(iter(output["data"].values())), name
    assert told.keys() == {f"key.{name}" for name in re.findall(r"\{eval\}`key\.(\w+)`", chapter.read_text())}
