"""Laboratories: figures that answer when they are touched, each below the static figure that it grows out of.

A chapter places one with a comment, `% laboratory: shrinkage`: JupyterLab, a PDF and readers without scripts show
nothing of it, where an unknown directive would show as an error. On the site, the page then loads the module of that
name from `_static/laboratories`, and no other page does. What a laboratory shares with its chapter is taken from the
chapter or from `data/` here, never typed again.
"""

import ast
import json
import re
from html import escape
from pathlib import Path

import course
import numpy as np
from docutils import nodes
from sphinx.util import logging

logger = logging.getLogger(__name__)
MODULES = course.BOOK / "_static" / "laboratories"
STATIC = "_static/laboratories"
PLACE = re.compile(r"laboratory: ([\w-]+)")
NOTE = ("Here, a figure that answers when you touch it. It needs a web server: if you opened this page as a file, run "
        "<code>make serve</code>.")


# -- what the laboratories take from the course ------------------------------------------------------------------------

def from_chapter(chapter, *names):
    """The values that the first cell of `chapter` to define all of `names` gives them, without the rest of the cell.

    Raises LookupError if no cell does.
    """
    text = (course.BOOK / f"{chapter}.md").read_text(encoding="utf8")
    for cell in re.findall(r"^```\{code-cell\}.*\n((?:.*\n)*?)```$", text, re.M):
        code = re.sub(r"\A(?:---\n(?:.*\n)*?---\n|(?::.*\n)*)", "", cell)
        if all(re.search(rf"^(?:def )?{name}\b", code, re.M) for name in names):
            found = [statement for statement in ast.parse(code).body if defined(statement) & set(names)]
            values = {"np": np}
            exec(compile(ast.Module(found, []), chapter, "exec"), values)
            return [values[name] for name in names]
    raise LookupError(f"{chapter}.md: no cell defines {', '.join(names)}, which a laboratory takes from it")


def defined(statement):
    """The names that a statement defines."""
    targets = getattr(statement, "targets", [statement])
    return {getattr(target, "id", getattr(target, "name", None)) for target in targets}


def ten_points():
    """The points of the degree-9 fit, as its chapter draws them."""
    x, y, _ = from_chapter("regularization", "x", "y", "noisy_parabola")
    return {"x": x.tolist(), "y": y.tolist()}


def valleys():
    """The curvatures of the two quadratics on which the chapter goes downhill."""
    [bowl], [valley] = from_chapter("hyperparameters", "valley"), from_chapter("hyperparameters", "curvature")
    return {"bowl": bowl.tolist(), "valley": valley.tolist()}


DATA = {"shrinkage": ten_points, "descent": valleys}  # laboratory: what its module finds in its place on the page


# -- pages -------------------------------------------------------------------------------------------------------------

def fill_places(app, doctree):
    """Give each laboratory its data, and a note for readers whose browser may run scripts but not load this one."""
    for place in list(doctree.findall(nodes.comment)):
        found = PLACE.fullmatch(place.astext())
        if not found:
            continue
        name = found[1]
        if not (MODULES / f"{name}.js").is_file():
            logger.warning(f"there is no laboratory {name!r}: {MODULES.name} has no {name}.js", location=place)
            continue
        data = escape(json.dumps(DATA[name]() if name in DATA else {}), quote=True)
        note = f'<p class="laboratory-note">{NOTE}</p>'
        parts = [*(f'<link rel="stylesheet" href="{STATIC}/{sheet}.css" />' for sheet in ("colors", "laboratories")),
                 f'<div class="laboratory" id="{name}" data-course="{data}">{note}</div>',
                 f'<script type="module" src="{STATIC}/{name}.js"></script>']
        place.replace_self(nodes.raw("", "\n".join(parts), format="html"))


def load_only_in_place(app, pagename, templatename, context, doctree):
    """Jupyter Book loads all of `_static` on every page; laboratories load themselves, where they stand."""
    for files in (context["css_files"], context["script_files"]):
        files[:] = [file for file in files if "laboratories/" not in str(file.filename)]


def make_files(app, config):
    """Write what is made, not kept, where Sphinx finds it beside the other static files: the course's colours."""
    folder = Path(app.outdir).parent / "laboratories" / "laboratories"
    folder.mkdir(parents=True, exist_ok=True)
    rules = ["/* Written by book/_ext/laboratories.py from the colours of book/course.py. */"]
    for theme, index in (("", 0), ('[data-theme="dark"]', 1)):
        colors = " ".join(f"--{name}: {pair[index]};" for name, pair in course.COLORS.items())
        rules.append(f"html{theme} .laboratory {{ {colors} }}")
    write_if_new(folder / "colors.css", "\n".join(rules) + "\n")
    config.html_static_path.append(str(folder.parent))


def write_if_new(path, text):
    if not path.is_file() or path.read_text(encoding="utf8") != text:
        path.write_text(text, encoding="utf8")


def setup(app):
    app.connect("config-inited", make_files)
    app.connect("doctree-read", fill_places)
    app.connect("html-page-context", load_only_in_place)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
