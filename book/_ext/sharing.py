"""What tells others of the pages: robots.txt, and where the site's address is known, its map and pictures for sharing.

The picture of a page is drawn from the course's own first figure, beside the page's title.
"""

import hashlib
import json
import os
import re
import shutil
import textwrap
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import course  # found by course_site.py, which is loaded first
from pages import times
from repository import address

IMAGES = course.BOOK.parent / "img"
FONTS = course.BOOK / "_static" / "fonts"


def shapes(svg):
    """The ellipses, circles and paths of a drawing, as matplotlib has them."""
    from fontTools.pens.recordingPen import RecordingPen  # matplotlib brings fontTools along
    from fontTools.svgLib.path import parse_path
    from matplotlib import patches, path

    def look(style):
        fill = style.get("fill", "none")
        dashes = [float(length) for length in style.get("stroke-dasharray", "").split()]
        return {"facecolor": "none" if fill == "none" else (fill, float(style.get("fill-opacity", 1))),
                "edgecolor": style.get("stroke", "none"), "linewidth": 1.5 * float(style.get("stroke-width", 1)),
                "linestyle": (0, dashes) if dashes else "-"}

    kinds = {"moveTo": path.Path.MOVETO, "lineTo": path.Path.LINETO, "qCurveTo": path.Path.CURVE3,
             "curveTo": path.Path.CURVE4}

    def line(commands):
        parse_path(commands, pen := RecordingPen())
        points, codes = [], []
        for operation, ends in pen.value:
            if operation == "closePath":
                ends, code = points[-1:], path.Path.CLOSEPOLY
            else:
                code = kinds.get(operation)
            points += ends
            codes += [code] * len(ends)
        return path.Path(points, codes)

    def walk(element, inherited):
        style = inherited | element.attrib
        tag = element.tag.partition("}")[2]
        if tag in ("circle", "ellipse"):
            turn = re.match(r"rotate\(([\d.]+)", style.get("transform", ""))
            sides = (2 * float(style.get(side, style.get("r"))) for side in ("rx", "ry"))
            yield patches.Ellipse((float(style["cx"]), float(style["cy"])), *sides, angle=float(turn[1]) if turn else 0,
                                  **look(style))
        elif tag == "path":
            yield patches.PathPatch(line(style["d"]), **look(style))
        for child in element:
            yield from walk(child, style)

    return walk(ElementTree.parse(svg).getroot(), {})


def draw(target, title, about):
    """A picture of 1200 by 630 dots: what the course is, and what this page is about."""
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

    regular, bold = (FontProperties(fname=FONTS / f"SourceSans3-{weight}.ttf") for weight in ("Regular", "SemiBold"))
    figure = Figure(figsize=(12, 6.3), dpi=100, facecolor=course.PAPER)
    axes = figure.add_axes((.58, .04, .42, .92), xlim=(20, 480), ylim=(330, 0), aspect="equal")
    axes.axis("off")
    for shape in shapes(IMAGES / "hero.svg"):
        axes.add_patch(shape)
    lines = textwrap.wrap(title, 20 if len(title) < 60 else 26)
    size = 46 if len(lines) < 4 else 36
    figure.text(.06, .80, "\n".join(lines), fontproperties=bold, size=size, color=course.INK, va="top",
                linespacing=1.15)
    figure.text(.06, .86, "Every claim measured", fontproperties=bold, size=19, color=course.ORANGE)
    figure.text(.06, .10, about, fontproperties=regular, size=20, color=course.GRAY)
    figure.savefig(target, metadata={"Software": None})


def draw_pictures(app, exception):
    if exception or app.builder.name != "html" or not app.config.html_baseurl:
        return
    kept, shown = Path(app.outdir, "..", "social"), Path(app.outdir, "_static", "social")
    kept.mkdir(exist_ok=True)
    shown.mkdir(exist_ok=True)
    for name in sorted(app.env.all_docs):
        about = [app.env.titles[name].astext(), " · ".join(times(app.env, name)) or app.config.html_title]
        inputs = [Path(__file__).read_bytes(), (IMAGES / "hero.svg").read_bytes(), json.dumps(about).encode()]
        picture = kept / f"{hashlib.sha256(b''.join(inputs)).hexdigest()[:16]}.png"
        if not picture.is_file():
            draw(picture, *about)
        (shown / f"{name}.png").write_bytes(picture.read_bytes())


def invite_robots(app, exception):
    if not exception and app.builder.name == "html":
        base = app.config.html_baseurl
        if not base:  # what an earlier build left
            Path(app.outdir, "sitemap.xml").unlink(missing_ok=True)
            shutil.rmtree(Path(app.outdir, "_static", "social"), ignore_errors=True)
        site_map = f"Sitemap: {base}sitemap.xml\n" if base else ""
        Path(app.outdir, "robots.txt").write_text(f"User-agent: *\nAllow: /\n{site_map}")


def map_pages(app, config):
    config.sitemap_url_scheme = "{link}"
    config.sitemap_excludes = ["search.html", "404.html"]


def setup(app):
    if address(os.environ):  # sphinx-sitemap warns where there is none
        app.setup_extension("sphinx_sitemap")
        app.connect("config-inited", map_pages)
    app.connect("build-finished", draw_pictures)
    app.connect("build-finished", invite_robots)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
