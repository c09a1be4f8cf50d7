"""Laboratories: figures that answer when they are touched, each below the static figure that it grows out of.

A chapter places one with a comment, `<!-- laboratory: shrinkage -->`: JupyterLab, a PDF and readers without scripts
show nothing of it, where an unknown directive would show as an error. On the site, the page then loads the module of
that name from `_static/laboratories`, and no other page does. What a laboratory shares with its chapter is taken from
the chapter or from `data/` here, never typed again.
"""

import ast
import json
import re
import zlib
from dataclasses import dataclass
from html import escape

import course
import numpy as np
from docutils import nodes
from sphinx.util import logging

logger = logging.getLogger(__name__)
MODULES = course.BOOK / "_static" / "laboratories"
MADE = course.BOOK.parent / "_build" / "laboratories" / "laboratories"  # what is made of the course, beside the modules
STATIC = "_static/laboratories"
PLACE = re.compile(r"<!-- laboratory: ([\w-]+) -->\s*")
NOTE = ("Here, a figure that answers when you touch it. It needs a web server: if you opened this page as a file, run "
        "<code>make serve</code>.")


# -- what the laboratories take from the course ------------------------------------------------------------------------

def from_chapter(chapter, *names, **known):
    """The values that the first cell of `chapter` to define all of `names` gives them, without the rest of the cell.

    `known` are names that the statements use. Raises LookupError if no cell defines all.
    """
    text = (course.BOOK / f"{chapter}.md").read_text(encoding="utf8")
    for cell in re.findall(r"^```\{code-cell\}.*\n((?:.*\n)*?)```$", text, re.M):
        code = re.sub(r"\A(?:---\n(?:.*\n)*?---\n|(?::.*\n)*)", "", cell)
        statements = [statement for statement in ast.parse(code).body if defined(statement) & set(names)]
        if set(names) <= set().union(*map(defined, statements)):
            values = {"np": np, "__name__": __name__, **known}
            exec(compile(ast.Module(statements, []), chapter, "exec"), values)
            return [values[name] for name in names]
    raise LookupError(f"{chapter}.md: no cell defines {', '.join(names)}, which a laboratory takes from it")


def defined(statement):
    """The names that a statement defines."""
    targets = getattr(statement, "targets", [statement])
    targets = [name for target in targets for name in getattr(target, "elts", [target])]
    return {getattr(target, "id", getattr(target, "name", None)) for target in targets}


def ten_points():
    """The points of the degree-9 fit, as its chapter draws them."""
    x, y, _ = from_chapter("regularization", "x", "y", "noisy_parabola")
    return {"x": x.tolist(), "y": y.tolist()}


def valleys():
    """The curvatures of the two quadratics on which the chapter goes downhill."""
    [bowl], [valley] = from_chapter("hyperparameters", "valley"), from_chapter("hyperparameters", "curvature")
    return {"bowl": bowl.tolist(), "valley": valley.tolist()}


VALIDATION_DIGITS = 800  # the first of the chapter's: with the training digits, they have to fit into 300 KB


def first_guess():
    """The Keras chapter's first guess, and which rows of the training file its first run trains and is judged on."""
    [config] = from_chapter("keras-tuning", "Config", dataclass=dataclass)
    train_part, val_part, _ = from_chapter("keras-tuning", "train_part", "val_part", "order")
    rows = {"images": np.arange(60_000), "onehot": np.arange(60_000), "prepare": np.asarray}  # in place of the pictures
    [draw] = from_chapter("keras-tuning", "draw", train_part=train_part, **rows)
    return config(), draw(config(), seed=0)[0], val_part[:VALIDATION_DIGITS]


def digits():
    """Labels and images of the digits that a browser trains on, packed."""
    _, training, validation = first_guess()
    (images, labels), _ = course.load_mnist()
    rows = np.r_[training, validation]
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(labels[rows].tobytes() + images[rows].tobytes()) + packer.flush()


def network():
    """The setting of the first guess; its digits are written beside the modules."""
    config, training, validation = first_guess()
    write_if_new(MADE / "digits.bin", digits())
    return {"training": len(training), "validation": len(validation), "layers": config.layers, "nodes": config.units,
            "rate": config.rate, "batch": config.batch, "epochs": config.epochs}


DATA = {"shrinkage": ten_points, "descent": valleys, "training": network}  # laboratory: what its module is told


# -- pages -------------------------------------------------------------------------------------------------------------

def fill_places(app, doctree):
    """Give each laboratory its data, its files, and a note for readers whose browser cannot load them."""
    for place in list(doctree.findall(nodes.raw)):
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
    rules = ["/* Written by book/_ext/laboratories.py from the colours of book/course.py. */"]
    for theme, index in (("", 0), ('[data-theme="dark"]', 1)):
        colors = " ".join(f"--{name}: {pair[index]};" for name, pair in course.COLORS.items())
        rules.append(f"html{theme} .laboratory {{ {colors} }}")
    write_if_new(MADE / "colors.css", ("\n".join(rules) + "\n").encode())
    config.html_static_path.append(str(MADE.parent))


def write_if_new(path, content):
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def setup(app):
    app.connect("config-inited", make_files)
    app.connect("doctree-read", fill_places)
    app.connect("html-page-context", load_only_in_place)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
