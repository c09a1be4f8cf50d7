"""Every chapter as its next editor finds it: its Markdown, its cells, its key numbers, its verdicts.

That every cell runs, and prints again what is published, is nbval's part (see the Makefile).
"""

import ast
import re

import jupytext
import pytest
from conftest import ROOT
from notebooks import chapters, published, syntax

CHAPTERS = chapters()
CLAIMS = {"regularization": [f"R{n}" for n in range(1, 16)], "hyperparameters": [f"H{n}" for n in range(1, 9)],
          "keras-tuning": [f"K{n}" for n in range(1, 10)], "searching": ["A1", "A6", "A10"],
          "aws-notes": ["A2", "A3", "A4", "A5", "A7", "A8", "A9"]}
VERDICTS = {"holds", "holds with conditions", "does not hold", "undecided at this size"}

each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)


def code_cells(notebook):
    return [(number, cell) for number, cell in enumerate(notebook.cells, 1) if cell.cell_type == "code"]


def prose(chapter):
    """The chapter's Markdown, its code cells left out."""
    notebook = jupytext.read(chapter)
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def test_every_chapter_is_in_the_table_of_contents():
    listed = re.findall(r"(?:file|root): (\S+)", (ROOT / "_toc.yml").read_text())
    assert sorted(listed) == sorted(path.stem for path in (ROOT / "book").glob("*.md"))


@each_chapter
def test_saving_in_jupyter_changes_nothing(chapter):
    notebook = jupytext.reads(jupytext.writes(jupytext.read(chapter), fmt="ipynb"), fmt="ipynb")
    for cell in notebook.cells:
        if cell.cell_type == "markdown":  # as JupyterLab does for the numbers that it shows
            cell.metadata["user_expressions"] = [{"expression": "key.name"}]
    again = jupytext.writes(notebook, fmt="md:myst")
    assert again == chapter.read_text(), f"{chapter.name}: open it in Jupyter and save it, or run `make format`"


@each_chapter
def test_cells_are_short(chapter):
    for number, cell in code_cells(jupytext.read(chapter)):
        lines = len(cell.source.splitlines())
        assert lines < 25, f"{chapter.name}, cell {number} has {lines} lines; split it, or move what distracts to course.py"


@each_chapter
def test_figures_have_name_caption_and_alternative_text(chapter):
    for number, cell in code_cells(published(chapter)):
        images = [output for output in cell.outputs if any(mime.startswith("image/") for mime in output.get("data", {}))]
        options = cell.metadata.get("mystnb", {})
        if images:
            where = f"{chapter.name}, cell {number}"
            assert len(images) == 1, f"{where} draws {len(images)} figures: one a cell"
            assert options.get("figure", {}).get("name", "").startswith("fig-"), f"{where}: no figure name (fig-...)"
            assert len(options.get("figure", {}).get("caption", "")) > 20, f"{where}: no caption"
            assert len(options.get("image", {}).get("alt", "")) > 20, f"{where}: no alternative text"


@each_chapter
def test_figures_are_light(chapter):
    for number, cell in code_cells(published(chapter)):
        for output in cell.outputs:
            size = len(output.get("data", {}).get("image/svg+xml", ""))
            assert size < 250_000, f"{chapter.name}, cell {number}: {size:,} bytes of SVG; subsample or rasterize"


@each_chapter
def test_numbers_in_prose_exist_and_are_range_checked(chapter):
    stored = {}
    for number, cell in code_cells(published(chapter)):
        for output in cell.outputs:
            metadata = output.get("metadata", {})
            if "scrapbook" in metadata:
                where = f"{chapter.name}, cell {number}: {metadata['scrapbook']['name']}"
                assert "key_number" in metadata, f"{where} is glued without a range: use key_number"
                stored[metadata["scrapbook"]["name"]] = where, metadata["key_number"]
    quoted = set(re.findall(r"\{eval\}`key\.(\w+)`", chapter.read_text()))
    assert quoted, f"{chapter.name} quotes no key number"
    assert not quoted - set(stored), f"{chapter.name}: prose quotes what no cell sets: {sorted(quoted - set(stored))}"
    for where, check in stored.values():
        assert check["low"] <= check["value"] <= check["high"], f"{where} = {check['value']} is out of its range"


@each_chapter
def test_jupyter_finds_the_numbers(chapter):
    """The running kernel looks `key.name` up: every chapter imports `key`, and gives the name to nothing else."""
    nodes = syntax(chapter)
    imported = [alias for node in nodes if isinstance(node, ast.ImportFrom) and node.module == "course" for alias in node.names]
    assert "key" in [alias.name for alias in imported], f"{chapter.name}: from course import key"
    taken = [node for node in nodes if isinstance(node, ast.Name) and node.id == "key" and isinstance(node.ctx, ast.Store)]
    assert not taken, f"{chapter.name}: rename what a cell calls `key`, the name of the key numbers"


@each_chapter
def test_no_measured_decimal_is_typed(chapter):
    """A decimal in prose is a setting that stands in the code too, or part of a formula, or it has to be glued."""
    code = "\n".join(cell.source for _, cell in code_cells(jupytext.read(chapter)))
    settings = set(re.findall(r"\d+\.\d+", re.sub(r".*key_number\(.*", "", code)))
    text = re.sub(r"(?s)`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|\]\([^)]*\)", "", re.sub(r"(?m)^\|.*$", "", prose(chapter)))
    typed = [match[0].strip() for match in re.finditer(r".{0,30}(?<![\w.])(\d+\.\d+)(?![\w.]).{0,12}", text)
             if match[1] not in settings]
    assert not typed, f"{chapter.name} types decimals in prose; glue them, or set settings as `code` or $math$: {typed}"


@each_chapter
def test_every_claim_has_one_verdict_with_a_measurement(chapter):
    boxes = re.findall(r"^:{3,}\{admonition\} ([A-Z]+\d+): ([^\n]+)\n:class: verdict\n:name: (\S+)\n(.*?)^:{3,}$",
                       chapter.read_text(), flags=re.M | re.S)
    for claim, verdict, name, body in boxes:
        where = f"{chapter.name}, verdict on {claim}"
        assert verdict in VERDICTS, f"{where}: {verdict!r} is none of {sorted(VERDICTS)}"
        assert name == f"verdict-{claim.lower()}", f"{where} is named {name}"
        assert "**The source says**" in body and "**We measured**" in body, f"{where} lacks a part"
        assert "{eval}`key." in body, f"{where} quotes no key number"
    answered = [claim for claim, *_ in boxes]
    assert sorted(answered) == sorted(CLAIMS.get(chapter.stem, answered)), "each claim has exactly one verdict"


@each_chapter
def test_outputs_are_clean(chapter):
    for number, cell in code_cells(published(chapter)):
        for output in cell.outputs:
            where = f"{chapter.name}, cell {number}"
            assert output.get("name") != "stderr", f"{where} writes to stderr: {output.get('text')}"
            shown = output.get("data", {}).keys() & {"text/html", "image/svg+xml"}  # in place of the plain text
            text = str(output.get("text", "")) + ("" if shown else str(output.get("data", {}).get("text/plain", "")))
            found = re.search(r"\w*Warning\b.*|.*it/s\]?|<[\w. ]+ at 0x[0-9a-f]+>", text)
            assert not found, f"{where} prints {found and found[0]!r}"


@each_chapter
def test_exercises_have_folded_solutions(chapter):
    text = chapter.read_text()
    exercises = re.findall(r"\{exercise(?:-start)?\}[^\n]*\n:label: (\S+)", text)
    solutions = re.findall(r"\{solution-start\} (\S+)\n:class: dropdown", text)
    assert exercises and sorted(exercises) == sorted(solutions), f"{chapter.name}: {exercises}, {solutions}"


@each_chapter
def test_chapter_opens_and_closes_as_promised(chapter):
    text = prose(chapter)
    assert re.search(r"\*\*Running time:\*\* about [\w ]+ minutes? on two cores", text), "no running time"
    headings = re.findall(r"^## (.+)$", text, flags=re.M)
    assert headings[-3:] == ["Summary", "Exercises", "Further reading"], headings
