"""What readers take with them: each chapter as a notebook with its results and as Markdown, and the course as a PDF."""

import re
from pathlib import Path

import jupytext
import nbformat
from course_site import ROOT, with_inputs
from docutils import nodes
from jupyter_cache import get_cache
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

PDF = ROOT / "_build" / "html" / "_downloads" / "regularization-and-hyperparameters.pdf"  # `make pdf` writes it


def published(chapter):
    """The notebook of the file `chapter` with the outputs that are on the site.

    Raises KeyError, which says what to do, if the chapter has changed since the site was built.
    """
    notebook = jupytext.reads(with_inputs(chapter.read_text(encoding="utf8")), fmt="md:myst")
    try:
        _, notebook = get_cache(ROOT / "_build" / ".jupyter_cache").merge_match_into_notebook(notebook)
    except KeyError:
        raise KeyError(f"{chapter.name} has no stored results: run `make` first") from None
    return notebook


def write_notebook(app, pagename, templatename, context, doctree):
    """Write the chapter's notebook beside the site, the same for the same results.

    JupyterLab finds the key numbers of the prose in it, as if it had been run; its first cell says what it needs.
    """
    if not is_chapter(app.env, pagename):
        return
    notebook = published(Path(app.env.doc2path(pagename)))
    texts = {number.name: number.text for number in app.env.course_noted[pagename].numbers}
    notebook.metadata["kernelspec"]["display_name"] = "Python 3 (ipykernel)"
    where = app.config.html_theme_options.get("repository_url")
    course = f"[the course]({where})" if where else "the course"
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell(
        f"*To run this notebook, put it into the folder `book/` of a copy of {course} and open it there with\n"
        "`make edit`. It imports `course.py` from that folder and reads its data from `data/`. The text is MyST\n"
        "Markdown, which JupyterLab shows with the extension jupyterlab-myst.*"))
    for number, cell in enumerate(notebook.cells, 1):
        cell["id"] = f"cell-{number}"
        quoted = re.findall(r"\{eval\}`key\.(\w+)`", cell.source) if cell.cell_type == "markdown" else []
        if quoted:
            shown = {name: {"status": "ok", "data": {"text/plain": texts[name]}, "metadata": {}} for name in quoted}
            cell.metadata["user_expressions"] = [{"expression": f"key.{name}", "result": shown[name]}
                                                 for name in quoted]
    target = Path(app.outdir, "_downloads", f"{pagename}.ipynb")
    target.parent.mkdir(exist_ok=True)
    target.write_text(nbformat.writes(notebook, version=4), encoding="utf8")


def is_chapter(env, name):
    return "kernelspec" in env.metadata.get(name, {})


PDF_OFFER = f'<p>Or take <a href="_downloads/{PDF.name}" download>the whole course as a PDF</a>.</p>'


class Offer(nodes.General, nodes.Element):
    """Stands where the PDF is offered, if it was made."""


class OfferPDF(SphinxDirective):
    def run(self):
        return [Offer()]


class TakeAlong(SphinxPostTransform):
    """Below a chapter's running time, what there is to download and how to run it: a menu that needs no script."""

    default_priority = 300
    formats = ("html",)

    def run(self):
        for offer in list(self.document.findall(Offer)):
            offer.replace_self(nodes.raw("", PDF_OFFER, format="html") if self.config.course_pdf else [])
        name = self.env.docname
        if not is_chapter(self.env, name):
            return
        place = next((paragraph for paragraph in self.document.findall(nodes.paragraph)
                      if paragraph.astext().startswith("Running time:")), None)
        if place is None:
            return
        files = [(f"_downloads/{name}.ipynb", "Notebook", ".ipynb, with results"),
                 (f"_sources/{name}.md", "Markdown", ".md")]
        if self.config.course_pdf:
            files.append((f"_downloads/{PDF.name}", "The whole course", "PDF"))
        menu = self.app.builder.templates.render("take-along.html", {
            "files": files, "repository": self.config.html_theme_options.get("repository_url")})
        place.parent.insert(place.parent.index(place) + 1, nodes.raw("", menu, format="html"))


def setup(app):
    app.add_config_value("course_pdf", PDF.is_file(), "html")
    app.connect("html-page-context", write_notebook)
    app.add_node(Offer)
    app.add_directive("course-pdf", OfferPDF)
    app.add_post_transform(TakeAlong)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
