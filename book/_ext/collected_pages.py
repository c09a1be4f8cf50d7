"""Pages that are collected from the chapters: the ledger of claims, the key numbers, the index, the glossary's links.

What each page holds is noted in the build environment when Sphinx reads it, and shown when a collecting page is
written, with the templates in _templates/collected. A collecting page is written again when something that it shows has
changed, and not otherwise.
"""

import hashlib
import json
import pickle
import re
import unicodedata
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx import addnodes
from sphinx.environment.adapters.indexentries import IndexEntries
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

OUTCOMES = ["holds", "holds with conditions", "does not hold", "undecided at this size"]  # as the verdict boxes say it
GREEK = {unicodedata.name(letter).split()[-1].lower(): letter for letter in "αβγδεηθκμρστφω"} | {"lambda": "λ"}


# -- what is noted of each page ----------------------------------------------------------------------------------------

@dataclass
class Claim:
    """One verdict box: its id, its outcome, the address of the box, and its three parts as nodes (pickled)."""

    id: str
    outcome: str
    anchor: str
    text: str
    parts: dict = field(repr=False)  # a pickle of the same nodes is not always the same


@dataclass
class Number:
    """One key number: its name, how prose shows it, its value and range, and where it is quoted first, or computed."""

    name: str
    text: str
    value: float
    low: float
    high: float
    anchor: str = ""
    section: str = ""


@dataclass
class Definition:
    """One entry of the glossary: the term, and what it means as nodes (pickled)."""

    term: str
    text: str
    meaning: bytes = field(repr=False)


@dataclass
class Noted:
    """What one page gives to the collecting pages."""

    title: str = ""
    claims: list = field(default_factory=list)
    numbers: list = field(default_factory=list)
    terms: list = field(default_factory=list)        # (term as in the glossary, anchor and title of the section)
    definitions: dict = field(default_factory=dict)  # a glossary's own: anchor -> Definition
    sections: dict = field(default_factory=dict)     # anchor of anything that has one -> title of its section
    collects: set = field(default_factory=set)       # what the page itself is filled with


def portable(children):
    """Copies of nodes that can be kept and shown on another page: without their document, names and addresses."""
    copies = [child.deepcopy() for child in children]
    for copy in copies:
        for node in copy.findall():
            node.document = None
            if isinstance(node, nodes.Element):
                node["ids"], node["names"] = [], []
    return pickle.dumps(copies)


def shown_on(page, kept):
    """Nodes kept by `portable`, their references made from `page`."""
    children = pickle.loads(kept)
    for child in children:
        for reference in child.findall(addnodes.pending_xref):
            reference["refdoc"] = page
    return children


def section_of(node):
    """Anchor and title of the section that `node` stands in."""
    while node is not None and not isinstance(node, nodes.section):
        node = node.parent
    if node is None:
        return "", ""
    return node["ids"][0], plain_title(node[0])


def plain_title(title):
    """The text of a heading, with simple formulas in it as they are read."""
    def read(formula):
        tex = re.sub(r"\\(?:text|mathrm)\{(.*?)\}", r"\1", formula)
        tex = re.sub(r"\\([a-z]+)", lambda word: GREEK.get(word[1], word[1]), tex)
        return re.sub(r"[{}]", "", tex)

    return "".join(read(part.astext()) if isinstance(part, nodes.math) else part.astext() for part in title.children)


def note_page(app, doctree):
    env, noted = app.env, Noted()
    title = next(doctree.findall(nodes.title), None)
    noted.title = plain_title(title) if title else env.docname
    noted.claims = [claim_in(box) for box in doctree.findall(nodes.admonition) if "verdict" in box["classes"]]
    noted.numbers = numbers_in(doctree, env)
    seen = set()
    for use in doctree.findall(addnodes.pending_xref):
        if use.get("reftype") == "term" and use["reftarget"] not in seen:
            seen.add(use["reftarget"])
            noted.terms.append((use["reftarget"], *section_of(use)))
    for item in doctree.findall(nodes.definition_list_item):
        for term in item.findall(nodes.term):
            if term["ids"] and term["ids"][0].startswith("term-"):
                meaning = item[-1]
                noted.definitions[term["ids"][0]] = Definition(
                    term.astext(), meaning.pformat(), portable(meaning.children))
    for entry in doctree.findall(addnodes.index):
        for _, _, anchor, _, _ in entry["entries"]:
            noted.sections[anchor] = section_of(entry)[1]
    noted.collects = {place["kind"] for place in doctree.findall(Collected)}
    if noted.definitions:
        noted.collects.add("glossary")
    env.course_noted[env.docname] = noted


def claim_in(box):
    """The claim that a verdict box answers. Each part begins with its name in bold, and may be several paragraphs."""
    id, _, outcome = box[0].astext().partition(": ")
    parts = {}
    for child in box.children[1:]:
        first = child.next_node(nodes.strong) if isinstance(child, nodes.paragraph) else None
        name = first.astext() if first and child.astext().startswith(first.astext()) else None
        if name in ("The source says", "We measured", "So"):
            part = parts.setdefault(name, [])
        elif parts:
            part = parts[list(parts)[-1]]
        else:
            continue
        part.append(child)
    return Claim(id, outcome, box["ids"][0], box.pformat(), {name: portable(part) for name, part in parts.items()})


def numbers_in(doctree, env):
    """The key numbers of a page, in the order in which it computes them.

    A number that the page quotes is given an address where it is quoted first, the others one at their cell.
    """
    stored = Path(env.mystnb_config.output_folder, f"{env.docname}.glue.json")
    if "glue" not in NbMetadataCollector.get_doc_data(env).get(env.docname, {}):
        return []
    quotes = {}
    for quote in doctree.findall(nodes.inline):
        if "number" in quote:
            quotes.setdefault(quote["number"], quote)
    numbers = []
    for name, output in json.loads(stored.read_text(encoding="utf8")).items():
        check = output["metadata"]["key_number"]
        anchor, place = f"key.{name}", quotes.get(name) or cell_of(name, doctree)
        if place is not None and anchor not in place["ids"]:
            place["ids"].append(anchor)
        text = output["data"]["text/plain"]
        numbers.append(Number(name, text, check["value"], check["low"], check["high"], anchor, section_of(place)[1]))
    return numbers


def cell_of(name, doctree):
    """The cell that sets the key number `name`, by its code; the name may be put together in a loop."""
    for cell in doctree.findall(nodes.container):
        if cell.get("nb_element") == "cell_code":
            for written in re.findall(r"key_number\(f?[\"']([^\"']+)[\"']", cell.astext()):
                if re.fullmatch(re.sub(r"\{[^}]*\}", r"\\w+", written), name):
                    return cell
    return None


def forget_page(app, env, docname):
    env.course_noted.pop(docname, None)


def merge_pages(app, env, docnames, other):
    env.course_noted.update((name, other.course_noted[name]) for name in docnames if name in other.course_noted)


def prepare(app):
    app.env.course_noted = getattr(app.env, "course_noted", {})
    if app.builder.format == "html":
        app.builder.templates.environment.filters["kind"] = nodes.make_id


def pages_to_write_again(app, env):
    """The collecting pages, and those that show definitions, if what they show has changed."""
    noted = [(name, page.title, page) for name, page in sorted(env.course_noted.items())]
    shown = {
        "claims-ledger": [(name, title, page.claims) for name, title, page in noted if page.claims],
        "key-numbers": [(name, title, page.numbers) for name, title, page in noted if page.numbers],
        "course-index": [(*page[:2], page[2].terms, page[2].sections, list(page[2].definitions)) for page in noted],
        "glossary": [(name, title, page.terms) for name, title, page in noted if page.terms],
        "definitions": [(name, page.definitions) for name, _, page in noted if page.definitions],
    }
    states = {kind: hashlib.sha256(repr(content).encode()).hexdigest() for kind, content in shown.items()}
    old, env.course_states = getattr(env, "course_states", {}), states
    changed = {kind for kind in states if states[kind] != old.get(kind)}
    return [name for name, _, page in noted if page.collects & changed or (page.terms and "definitions" in changed)]


# -- the pages ---------------------------------------------------------------------------------------------------------

class Collected(nodes.General, nodes.Element):
    """Stands where a collecting page is to be filled in."""


class CollectedDirective(SphinxDirective):
    def run(self):
        return [Collected(kind=self.name)]


def html(text):
    return nodes.raw("", text, format="html")


def link(builder, page, target, anchor, text):
    uri = builder.get_relative_uri(page, target) + (f"#{anchor}" if anchor else "")
    return f'<a class="reference internal" href="{escape(uri)}">{escape(text)}</a>'


class FillPages(SphinxPostTransform):
    """Fill the collecting pages, before Sphinx resolves the references on them."""

    default_priority = 3

    def run(self):
        if self.app.builder.format == "html":
            fill = {"claims-ledger": self.ledger, "key-numbers": self.key_numbers, "course-index": self.index}
            for place in list(self.document.findall(Collected)):
                place.replace_self(fill[place["kind"]]())
            self.link_definitions()
            self.add_definitions()
        for place in list(self.document.findall(Collected)):
            place.parent.remove(place)

    def link(self, target, anchor, text):
        return link(self.app.builder, self.env.docname, target, anchor, text)

    def chapters(self):
        """Names and noted contents of all pages, in the order of the table of contents."""
        ordered, open_pages = [], [self.env.config.root_doc]
        while open_pages:
            name = open_pages.pop(0)
            if name in self.env.course_noted and name not in ordered:
                ordered.append(name)
                open_pages = [*self.env.toctree_includes.get(name, []), *open_pages]
        return [(name, self.env.course_noted[name]) for name in ordered]

    def render(self, template, **context):
        return html(self.app.builder.templates.render(f"collected/{template}.html", context))

    # -- the ledger

    def ledger(self):
        chapters = [(name, page) for name, page in self.chapters() if page.claims]
        counted = [{"name": name, "title": page.title, "counts": counts(page.claims)} for name, page in chapters]
        sums = counts([claim for _, page in chapters for claim in page.claims])
        result = [self.render("ledger-counts", outcomes=OUTCOMES, chapters=counted, sums=sums)]
        for name, page in chapters:
            section = nodes.section(ids=[f"claims-{name}"], classes=["ledger-chapter"])
            section += [nodes.title("", page.title), self.render("ledger-head")]
            for claim in sorted(page.claims, key=lambda claim: (len(claim.id), claim.id)):
                section += self.row(name, claim)
            section += html('</tbody></table><p class="ledger-none">No claim of this chapter has this verdict.</p>')
            result.append(section)
        return result

    def row(self, name, claim):
        yield self.render("ledger-row", claim=claim, box=self.link(name, claim.anchor, claim.id))
        for cell in (["The source says"], ["We measured", "So"]):
            yield html('<td role="cell">')
            for part in cell:
                if part in claim.parts:
                    yield from shown_on(self.env.docname, claim.parts[part])
            yield html("</td>")
        yield html("</tr>")

    # -- the key numbers

    def key_numbers(self):
        chapters = [(name, page) for name, page in self.chapters() if page.numbers]
        total = sum(len(page.numbers) for _, page in chapters)
        result = [nodes.paragraph("", f"{total} key numbers in {len(chapters)} chapters.", classes=["numbers-total"])]
        for name, page in chapters:
            sections = {}
            for number in page.numbers:
                width = number.high - number.low
                sections.setdefault(number.section, []).append({
                    "link": self.link(name, number.anchor, number.name.replace("_", " ")),
                    "text": number.text.replace("-", "\N{MINUS SIGN}"), "range": range_text(number),
                    "place": (number.value - number.low) / width if width else None,
                })
            section = nodes.section(ids=[f"numbers-{name}"])
            section += [nodes.title("", page.title), self.render("key-numbers", sections=sections)]
            result.append(section)
        return result

    # -- the index

    def index(self):
        """Every entry with the sections that it leads to. A glossary's terms count wherever a page uses them first."""
        entries = {}  # what sorts it -> [name, address of its definition, places]

        def entry(name):
            return entries.setdefault(re.sub(r"\W", "", name).lower(), [name, None, {}])

        names = {}  # any spelling of a term -> the glossary's own
        for page_name, page in self.chapters():
            for anchor, definition in page.definitions.items():
                names[definition.term.lower()] = definition.term
                entry(definition.term)[1] = page_name, anchor
        for page_name, page in self.chapters():
            for term, anchor, title in page.terms:
                if not page.collects:
                    entry(names.get(term.lower(), term))[2][page_name, anchor] = title
        for _, group in IndexEntries(self.env).create_index(self.app.builder):
            for name, (links, below, _) in group:
                for full, uris in [(name, links), *((f"{name}, {sub}", sub_links) for sub, sub_links in below)]:
                    for _, uri in uris:
                        target, _, anchor = uri.rpartition("#")
                        target = re.sub(r"\.html$", "", target)
                        noted = self.env.course_noted.get(target)
                        if noted and not noted.definitions:
                            entry(full)[2][target, anchor] = noted.sections.get(anchor, noted.title)
        groups = {}
        for key in sorted(entries):
            name, definition, places = entries[key]
            groups.setdefault(key[0].upper(), []).append({
                "name": self.link(*definition, name) if definition else escape(name),
                "places": [self.link(target, anchor, text) for (target, anchor), text in places.items()],
            })
        return [self.render("index", groups=groups)]

    # -- the glossary

    def link_definitions(self):
        """Below each definition, the sections that use the term."""
        if not self.env.course_noted.get(self.env.docname, Noted()).definitions:
            return
        uses = {}
        for name, page in self.chapters():
            for term, anchor, title in page.terms:
                if not page.collects:
                    uses.setdefault(term.lower(), []).append(self.link(name, anchor, title or page.title))
        for item in self.document.findall(nodes.definition_list_item):
            places = [place for term in item.findall(nodes.term) for place in uses.get(term.astext().lower(), [])]
            if places:
                item[-1] += html(f'<p class="term-places">{" · ".join(places)}</p>')

    def add_definitions(self):
        """At the end of a page that uses terms, their definitions, which _static/terms.js shows beside the term."""
        definitions = {definition.term.lower(): (name, anchor, definition.meaning) for name, page in self.chapters()
                       for anchor, definition in page.definitions.items()}
        used = {use["reftarget"].lower() for use in self.document.findall(addnodes.pending_xref)
                if use.get("reftype") == "term"}
        if self.env.course_noted.get(self.env.docname, Noted()).definitions:
            return
        for term in sorted(used & definitions.keys()):
            source, anchor, kept = definitions[term]
            self.document += html(f'<div class="definition" id="definition-{anchor}" popover="manual" tabindex="-1">')
            self.document += shown_on(self.env.docname, kept)
            self.document += html(f'<p class="term-places">{self.link(source, anchor, "Glossary")}</p></div>')


def counts(claims):
    """How many of the claims have each outcome."""
    return [sum(claim.outcome == outcome for claim in claims) for outcome in OUTCOMES]


def range_text(number):
    """The range of a key number in the unit in which prose shows it."""
    unit, factor = ("%", 100) if number.text.endswith("%") else ("", 1)

    def show(value):
        text = f"{value * factor:,.6g}"
        mantissa, e, power = text.partition("e")
        return (f"{mantissa} × 10<sup>{int(power)}</sup>" if e else text).replace("-", "&minus;") + unit

    return f"exactly {show(number.low)}" if number.low == number.high else f"{show(number.low)} to {show(number.high)}"


# -- terms -------------------------------------------------------------------------------------------------------------

TERM = re.compile(r'<a class="reference internal" href="([^"#]*)#(term-[^"]+)">(?=<span class="xref std std-term">)')


def describe_terms(app, pagename, templatename, context, doctree):
    """Tell each term which of the page's definitions is its own; load the script that shows them where it is needed."""
    body = context.get("body", "")
    if 'popover="manual"' in body:
        context["body"] = TERM.sub(r'<a class="term" href="\1#\2" aria-describedby="definition-\2">', body)
        app.add_js_file("terms.js", loading_method="defer")


def setup(app):
    app.connect("builder-inited", prepare)
    app.connect("env-purge-doc", forget_page)
    app.connect("env-merge-info", merge_pages)
    app.connect("doctree-read", note_page, priority=600)  # when verdicts have their outcomes
    app.connect("env-updated", pages_to_write_again)
    app.connect("html-page-context", describe_terms)
    for name in ("claims-ledger", "key-numbers", "course-index"):
        app.add_directive(name, CollectedDirective)
    app.add_node(Collected)
    app.add_post_transform(FillPages)
    app.add_css_file("pages.css")
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
