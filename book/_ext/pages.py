"""The frame of the pages: what they load, what they say of themselves, and how long they take.

The templates are in book/_templates. `assets.py` puts the style sheets together when all pages are written.
"""

import base64
import hashlib
import html
import math
import os
import re
from collections import Counter
from urllib.parse import urlsplit

from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from repository import address
from sphinx.transforms.post_transforms import SphinxPostTransform

# Before anything is drawn: light or dark as the reader chose, else as the reader's system is.
FIRST_SCRIPT = """
document.documentElement.dataset.mode = localStorage.getItem("mode") || "auto";
document.documentElement.dataset.theme = {light: "light", dark: "dark"}[document.documentElement.dataset.mode]
  || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
"""
# What the theme and its companions load on every page, and no page here needs: the frame does without Bootstrap, folded
# parts are <details>, only the search page searches.
UNUSED_SCRIPTS = {"doctools.js", "sphinx_highlight.js", "sphinx-book-theme.js", "togglebutton.js", "search.js"}
NEEDED_FOR = {"documentation_options.js": "<pre", "clipboard.min.js": "<pre", "copybutton.js": "<pre",
              "design-tabs.js": "sd-tab-set"}
TEXT_FONTS = ["fonts/source-sans-3-400.woff2", "fonts/source-sans-3-600.woff2"]
CODE_FONT = "fonts/source-code-pro-400.woff2"
FORMULA_FONTS = ["katex/fonts/KaTeX_Main-Regular.woff2", "katex/fonts/KaTeX_Math-Italic.woff2"]
WITHOUT_CHAPTER = {  # pages that the site has without a file in book/: (title, description)
    "search": ("Search", "Find a word in the prose, the headings and the code of the course."),
    "genindex": ("Index", "The terms of the course, from A to Z, with links to where each is explained."),
    "404": ("No such page", "There is no page at this address; here is where to go instead."),
}
OUTCOMES = {"holds": "hold", "holds with conditions": "hold with conditions", "does not hold": "do not hold",
            "undecided at this size": "undecided"}
WORDS_A_MINUTE = 200  # of technical prose


def policy(body):
    """What a page may load: its own files. Formulas are placed by style attributes, icons are in the style sheet.

    Web servers that can send headers should send the same, with frame-ancestors 'none' added.
    """
    def digests(texts):
        return "".join(f" 'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
                       for text in texts)

    styles = re.findall(r"<style[^>]*>(.*?)</style>", body, flags=re.S)  # of tables that pandas coloured
    return "; ".join([
        "default-src 'none'", "script-src 'self'" + digests([FIRST_SCRIPT]), "style-src 'self'" + digests(styles),
        "style-src-attr 'unsafe-inline'", "img-src 'self' data:", "font-src 'self'", "connect-src 'self'",
        "form-action 'self'", "base-uri 'none'",
    ])


# -- what pages tell of others: how long they take, what they found ----------------------------------------------------

def remember(app, doctree):
    """Keep how many words of prose a page has, without its code, how long it says that it runs, and its verdicts."""
    code = sum(len(block.astext().split()) for block in doctree.findall(nodes.literal_block))
    said = re.search(r"Running time: about (\d+ minutes?|a minute)", doctree.astext())
    boxes = [box for box in doctree.findall(nodes.admonition) if "verdict" in box["classes"]]
    app.env.metadata[app.env.docname].update(
        words=len(doctree.astext().split()) - code, running=said[1] if said else "",
        verdicts=[box[0].astext().partition(": ")[2] for box in boxes])


def listed(env):
    """The pages in the order of the table of contents, without the home page."""
    return env.toctree_includes.get(env.config.root_doc, [])


def chapters(env):
    """Those that have cells."""
    return [name for name in listed(env) if NbMetadataCollector.get_exec_data(env, name)]


def times(env, name):
    """How long a chapter takes to read and its cells to run; empty if the page has no cells."""
    if not NbMetadataCollector.get_exec_data(env, name):
        return []
    about = env.metadata[name]
    reading = math.ceil(about["words"] / WORDS_A_MINUTE)
    running = [f"{about['running']} to run"] if about["running"] else []
    return [f"{reading} minute{'s' * (reading > 1)} to read", *running]


def facts(texts):
    return f'<p class="facts">{"".join(f"<span>{text}</span>" for text in texts)}</p>'


def tally(env):
    """How many claims the course has answered, and how, for the home page."""
    verdicts = Counter(verdict for name in chapters(env) for verdict in env.metadata[name]["verdicts"])
    counted = "".join(f'<li class="verdict-{nodes.make_id(kind)}"><b>{verdicts[kind]}</b> {words}</li>'
                      for kind, words in OUTCOMES.items())
    return f'<ul class="tally"><li><b>{verdicts.total()}</b> claims measured</li>{counted}</ul>'


def pages_that_tell_of_others(app, env):
    """The home page, and the page before a chapter, are written again when what they tell of it changes."""
    known = getattr(env, "course_told", {})
    env.course_told = {name: (times(env, name), env.metadata[name]["verdicts"]) for name in chapters(env)}
    if known == env.course_told:
        return []
    order = [env.config.root_doc, *listed(env)]
    others_time = [name for name in {*known, *env.course_told} & {*order}
                   if known.get(name, [None])[0] != env.course_told.get(name, [None])[0]]
    return sorted({env.config.root_doc, *(order[order.index(name) - 1] for name in others_time)})


# -- what folds --------------------------------------------------------------------------------------------------------

class folded(nodes.Element):
    """Content behind its title: a <details>, which opens without a script, by mouse, key, or searching the page."""


def visit_folded(self, node):
    self.body.append(self.starttag(node, "details") + f'<summary class="admonition-title">{node["title"]}</summary>\n')


class FoldDropdowns(SphinxPostTransform):
    default_priority = 200
    formats = ("html",)

    def run(self):
        for box in list(self.document.findall(nodes.Element)):
            classes = box.get("classes", [])
            if "dropdown" in classes:
                title, *content = box.children
                classes = ["admonition", *(name for name in classes if name not in ("dropdown", "admonition"))]
                box.replace_self(
                    folded("", *content, ids=box["ids"], classes=classes, title=html.escape(title.astext())))


# -- each page ---------------------------------------------------------------------------------------------------------

def contents(env, pathto, pagename, doctree):
    """The list of all pages; below the one that is shown, its sections."""
    numbers = {name: number for number, name in enumerate(chapters(env), 1)}
    page = next(doctree.findall(nodes.section)) if doctree else ()
    sections = "".join(f'<li><a href="#{section["ids"][0]}">{html.escape(section[0].astext())}</a></li>'
                       for section in page if isinstance(section, nodes.section))
    items = []
    for name in listed(env):
        number = f'<span class="number">{numbers[name]}</span> ' if name in numbers else ""
        here, below = (' aria-current="page"', sections) if name == pagename else ("", "")
        below = f'<ul class="sections">{below}</ul>' if below else ""
        items.append(f'<li class="{"chapter" if number else "page"}"><a href="{pathto(name)}"{here}>{number}'
                     f"{html.escape(env.titles[name].astext())}</a>{below}</li>")
    return f'<ul class="pages">{"".join(items)}</ul>'


def describe(context, doctree):
    """What a page says in lists of results: its own description, else how its text begins."""
    own = re.search(r'<meta content="([^"]*)" name="description"', context.get("metatags", ""))
    if own:
        return html.unescape(own[1])
    text = " ".join(paragraph.astext().replace("\n", " ") for paragraph in doctree.findall(nodes.paragraph))
    return text if len(text) < 160 else text[:160].rpartition(" ")[0] + " …"


WITHIN_NAMES = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=_)(?=[a-z])")  # where a long name may break on a phone


def slim(body):
    """The text of a page without what nobody sees, and with marks that browsers and screen readers know."""
    for pattern, new in (
        (r'<span class="(?:n|p|o|w|nn|si|fm|bp|vm)">([^<]*)</span>', r"\1"),  # code that looks like plain text
        (r"<pre><span></span>", "<pre>"),
        (r"(?s)<style scoped>.*?</style>|<style[^>]*>\s*</style>", ""),  # the same for every table, or empty
        (r'<p class="sidebar-title"></p>\n', ""),
        (r"<th([^>]*)>(?:&nbsp;|<p></p>)?</th>", r"<td\1></td>"),  # a heading has a text
        (r'role="doc-biblioentry"', 'role="listitem"'),
        (r' id="(?:exercise|solution)-content"', ""),  # the same in all of them
        (r'<summary aria-label="[^"]*">\s*<p class="collapsed[^>]*>(.*?)</p>\s*<p class="expanded[^>]*>(.*?)</p>',
         r'<summary><span class="collapsed">\1</span><span class="expanded">\2</span>'),
        (r'(<a class="[^"]*external[^"]*")', r'\1 rel="noopener"'),
        (r'(?<=<span class="pre">)\w{9,}(?=<)', lambda name: WITHIN_NAMES.sub("<wbr>", name[0])),
    ):
        body = re.sub(pattern, new, body)
    return body


def is_needed(script, body):
    name = os.path.basename(str(script.filename or ""))
    return name and name not in UNUSED_SCRIPTS and NEEDED_FOR.get(name, "") in body


def frame_page(app, pagename, templatename, context, doctree):
    env, base, body = app.env, app.config.html_baseurl, slim(context.get("body", ""))
    title, description = WITHOUT_CHAPTER.get(pagename) or (context["title"], describe(context, doctree))
    if pagename == env.config.root_doc:
        body = re.sub(r'<div class="tally[^>]*>\s*</div>', tally(env), body)
        body = re.sub(r'</div>\n(?=<a class="sd-stretched-link[^>]* href="([\w-]+)\.html")',
                      lambda card: facts(times(env, card[1])) + "</div>\n", body)
    order = [env.config.root_doc, *listed(env), None]
    following = order[order.index(pagename) + 1] if pagename in order else None
    numbered = chapters(env)
    where = [f"Chapter {numbered.index(pagename) + 1} of {len(numbered)}"] if pagename in numbered else []
    scripts = [script for script in context["script_files"] if is_needed(script, body)]
    for script in scripts:
        script.attributes["defer"] = "defer"
    context.update(
        body=body,
        heading=html.unescape(re.sub(r"<[^>]*>", "", title)),
        description=description,
        pageurl=context["pageurl"] if base else None,
        picture=f"{base}_static/social/{pagename}.png" if base and doctree else "",
        first_script=FIRST_SCRIPT,
        security_policy=policy(body),
        preloaded_fonts=TEXT_FONTS + [CODE_FONT] * ("<pre" in body) + FORMULA_FONTS * ('class="katex"' in body),
        script_files=scripts,
        contents=contents(env, context["pathto"], pagename, doctree),
        facts=facts(where + times(env, pagename)) if where else "",
        next_fact=(times(env, following) or [""])[0] if following else "",
    )


def set_address(app, config):
    """Where the site will be, if that is known: for canonical addresses, the site map, and the 404 page."""
    config.html_baseurl = config.html_baseurl or address(os.environ)
    config.notfound_urls_prefix = urlsplit(config.html_baseurl).path or "/"
    config.notfound_template = "404.html"


def setup(app):
    app.connect("config-inited", set_address)
    app.connect("doctree-read", remember)
    app.connect("env-updated", pages_that_tell_of_others)
    app.connect("html-page-context", frame_page, priority=900)  # when the theme and the other extensions are done
    app.add_node(folded, html=(visit_folded, lambda self, node: self.body.append("</details>\n")))
    app.add_post_transform(FoldDropdowns)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
