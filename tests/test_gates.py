"""The checks, checked: one planted fault at a time, and the right check must fail with a message that names the place.

Each fault is planted in a scratch copy of the course. Some stop the build; others are found by the tests that look at
the built site, which are then run on the copy.
"""

import re

import pytest
from conftest import ROOT

CELL = "```{{code-cell}} ipython3\n{}\n```"

STOPS_THE_BUILD = {  # fault: (what is added to sums.md, what the message says)
    "a raising cell": (CELL.format("raise RuntimeError('broken cell')"), "RuntimeError: broken cell"),
    "a number out of range": (CELL.format("key_number('three', 3, 4, 5)"), "key number 'three' is 3, out of its range [4, 5]"),
    "a number that is not one": (CELL.format("key_number('nan', float('nan'), 0, 1)"), "key number 'nan' is nan"),
    "a number set twice": (CELL.format("key_number('two', 2, 2, 2)"), "key number 'two' is set twice"),
    "a quoted number that no cell sets": ("Now {eval}`key.three`.", "no key number is called 'three'"),
    "an expression in place of a key number": ("Now {eval}`1 + 1`.", "quotes key numbers alone"),
    "a missing image": ("![A picture](../img/none.svg)", "../img/none.svg"),
    "a dead link to a page": ("[a page](none.md)", "none.md"),
    "a dead reference": ("See {ref}`nowhere`.", "nowhere"),
    "a dead reference to a figure": ("See {numref}`fig-none`.", "fig-none"),
    "an unknown citation": ("As {cite:t}`Nobody1900` found.", "Nobody1900"),
    "a duplicate label": ("(fig-line)=\n## Again", "fig-line"),
    "an unknown directive": (":::{nonsense}\n:::", "nonsense"),
    "a warning on stderr": (CELL.format("import warnings; warnings.warn('careful')"), "UserWarning: careful"),
}


@pytest.mark.parametrize("fault", STOPS_THE_BUILD)
def test_content_that_stops_the_build(course, fault):
    text, says = STOPS_THE_BUILD[fault]
    with open(course.root / "book" / "sums.md", "a") as chapter:
        chapter.write(f"\n{text}\n")
    for _ in range(2):  # a failure is not forgotten by the next make
        code, output, _ = course.make()
        assert code != 0 and says in output and "sums.md" in output and "The site was NOT built" in output, output[-3000:]


@pytest.mark.parametrize("name, fault, says", [
    ("_toc.yml", "format: jb-book\nroot: index\nchapters:\n  - file: none\n", "none"),
    ("_toc.yml", "format: [jb-book\n", "_toc.yml\", line 1"),
    ("_config.yml", "title: [broken\n", "ParserError"),
])
def test_a_broken_setting_stops_the_build(course, name, fault, says):
    (course.root / name).write_text(fault)
    code, output, _ = course.make()
    assert code != 0 and says in output and "The site was NOT built" in output, output[-3000:]


FOUND_BY_A_TEST = {  # fault: (file, old text, new text, the test that finds it, what its message says)
    "a typed number in place of a key number": (
        "book/sums.md", "make {eval}`key.two`", "make 2.05", "chapters.py::test_no_measured_decimal_is_typed", "sums.md types"),
    "a number that Jupyter would not find": (
        "book/sums.md", "import key, key_number", "import key_number", "chapters.py::test_jupyter_finds_the_numbers",
        "sums.md: from course import key"),
    "a missing alternative text": (
        "book/sums.md", "    alt: A straight line that rises from zero to two.", "    width: 200px",
        "chapters.py::test_figures_have_name_caption_and_alternative_text", "sums.md, cell 4: no alternative text"),
    "a missing caption": (
        "book/sums.md", "    caption: A straight line from zero to two.", "    classes: wide",
        "chapters.py::test_figures_have_name_caption_and_alternative_text", "sums.md, cell 4: no caption"),
    "a verdict that is none": (
        "book/sums.md", "S1: holds", "S1: seems so", "chapters.py::test_every_claim_has_one_verdict_with_a_measurement", "sums.md, verdict on S1: 'seems so'"),
    "a verdict without a measurement": (
        "book/sums.md", "**We measured** {eval}`key.two`", "**We measured** it",
        "chapters.py::test_every_claim_has_one_verdict_with_a_measurement", "sums.md, verdict on S1 quotes no key number"),
    "a claim without a verdict": (
        "tests/test_chapters.py", 'CLAIMS = {', 'CLAIMS = {"sums": ["S1", "S2"], ',
        "chapters.py::test_every_claim_has_one_verdict_with_a_measurement", "each claim has exactly one verdict"),
    "a verdict without a claim": (
        "tests/test_chapters.py", 'CLAIMS = {', 'CLAIMS = {"sums": [], ',
        "chapters.py::test_every_claim_has_one_verdict_with_a_measurement", "each claim has exactly one verdict"),
    "a claim that the ledger lacks": (
        "tests/test_chapters.py", 'CLAIMS = {', 'CLAIMS = {"sums": ["S1", "S2"]}\nOTHERS = {',
        "collected.py::test_every_promised_claim_is_in_the_ledger", "S2 (sums.md) has no verdict in the ledger"),
    "a claim without a measurement in the ledger": (
        "book/sums.md", "**We measured** {eval}`key.two`", "**We measured** it",
        "collected.py::test_every_claim_in_the_ledger_has_a_verdict_and_a_measurement", "S1: nothing was measured"),
    "a work that cannot be found": (
        "book/references.bib", "doi = {10.1111/j.2517-6161.1996.tb02080.x}", "note = {nowhere}",
        "collected.py::test_every_work_can_be_found", "Tibshirani1996 has no DOI, URL or ISBN"),
    "a term marked twice": (
        "book/sums.md", "One and one", "The {term}`sum`: one and one",
        "collected.py::test_no_chapter_marks_a_term_twice", "sums.md marks a term twice: ['sum']"),
    "a chapter missing from the table of contents": (
        "_toc.yml", "  - file: sums\n", "", "chapters.py::test_every_chapter_is_in_the_table_of_contents", "sums"),
    "a long cell": (
        "book/sums.md", "plt.plot([0, 2]);", "plt.plot([0, 2]);" + "\n1" * 25, "chapters.py::test_cells_are_short", "sums.md, cell 4"),
    "a printed object": (
        "book/sums.md", "set_style()\n", "set_style()\nprint(object())\n", "chapters.py::test_outputs_are_clean", "sums.md, cell 4"),
    "metadata noise": (
        "book/sums.md", "    format_name: myst", "    format_name: myst\n    jupytext_version: 1.16.4",
        "chapters.py::test_saving_in_jupyter_changes_nothing", "make format"),
    "an outside host in a page": (
        "book/sums.md", "One and one", '<img src="https://example.org/x.png" alt="A picture"> One and one',
        "site.py::test_pages_ask_no_other_host", "https://example.org/x.png"),
    "a formula that TeX does not know": (
        "book/sums.md", "One and one", "$\\nonsense$ One and one", "site.py::test_formulas_are_typeset",
        "sums.html: KaTeX does not know \\nonsense"),
    "an image without alternative text": (
        "book/sums.md", "One and one", "![](../img/logo.svg) One and one", "site.py::test_images_have_alternative_text", "sums.html"),
    "an unpinned requirement": (
        "requirements.txt", "numpy==", "numpy>=", "pins.py::test_every_package_has_one_exact_version", "requirements.txt: pin numpy"),
    "a pin that is not installed": (
        "requirements.txt", "tqdm==", "tqdm==0.", "pins.py::test_the_environment_holds_what_is_pinned", "run `make` to install it"),
    "pins that disagree": (
        "constraints.txt", "tqdm==", "tqdm==0.", "pins.py::test_constraints_hold_each_direct_pin_once", "run `make pins`"),
    "a package without a pin": (
        "constraints.txt", "\nscipy==", "\n# scipy==", "pins.py::test_constraints_are_complete_and_are_what_is_installed",
        "constraints.txt lacks ['scipy']: run `make pins`"),
}


@pytest.mark.parametrize("fault", FOUND_BY_A_TEST)
def test_a_fault_that_a_test_finds(course, fault):
    name, old, new, test, says = FOUND_BY_A_TEST[fault]
    course.edit(name, old, new)
    course.make()
    code, output = course.check(f"tests/test_{test}")
    assert code == 1 and says in re.sub(r"\s+", " ", output), output[-3000:]


def test_the_checks_pass_without_a_fault(course):
    tests = sorted({f"tests/test_{test}" for *_, test, _ in FOUND_BY_A_TEST.values()})
    code, output = course.check(*tests)
    assert code == 0, output[-3000:]


@pytest.mark.parametrize("name", ["boston-house-prices.csv", "mnist.npz"])
def test_a_damaged_byte_in_the_data(course, name):
    path = course.root / "data" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)
    course.edit("book/houses.md", "load_boston())", "load_boston()) + 0 * len(load_mnist())")
    course.edit("book/houses.md", "import key, key_number,", "import key, key_number, load_mnist,")
    code, output, _ = course.make()
    assert code != 0 and f"data/{name} was altered" in output and f"git checkout -- data/{name}" in output
    assert "ERROR in houses.md" in output


def test_a_published_number_that_a_new_run_does_not_repeat(course):
    """nbval compares a second run with what is published: an unseeded cell is found."""
    course.edit("book/sums.md", "1 + 1, 2, 2, \"d\")", "1 + 1, 2, 2, \"d\")\nimport random\nprint(random.random())")
    code, output, _ = course.make()
    assert code == 0, output
    code, output = course.nbval()
    assert code == 1 and "sums.ipynb" in output and "mismatch 'stdout'" in output, output[-3000:]


def test_every_suite_of_the_course_is_part_of_make_test():
    recipe = (ROOT / "Makefile").read_text().split("\ntest:")[1].split("\n\n")[0]
    assert "tests/notebooks.py _build/nbval" in recipe and "--nbval" in recipe and "tests _build/nbval" in recipe
