"""`make lint` on a scratch chapter: silent on good notebook code, and naming the line of every fault planted in it."""

import re
import shutil
import subprocess

import pytest
from conftest import ROOT

CHAPTER = """---
kernelspec:
  name: python3
---

# A chapter

```{code-cell} ipython3
:tags: [hide-cell]

import matplotlib.pyplot as plt
from course import key, key_number
```

```{code-cell} ipython3
---
mystnb:
  figure:
    caption: What {eq}`eq-line` looks like, up to {eval}`key.two`.
    name: fig-line
---
for epoch in range(2):
    plt.plot([0, 1]);
key_number("two", 2, 2, 2, "d")
```

$$
y = x
$$ (eq-line)

(sec-next)=
## What comes next

As {numref}`Figure %s <fig-line>`, {cite:t}`Fisher1925,Gauss1809` and {doc}`index` say; `` {ref}`example` `` is one.

```{code-cell} ipython3
:tags: [hide-input]

import numpy as np

plt.plot(np.arange(epoch));
np.pi
```

:::{exercise}
:label: ex-one

Why? See [the first page](index.md), [its title](index.md#home), [its section](#what-comes-next), [the line](#fig-line)
and {ref}`sec-next`.
:::

:::{solution-start} ex-one
:class: dropdown
:::

Because.

:::{solution-end}
:::

```{figure} ../img/line.svg
:name: fig-drawn
:alt: A line.

A line.
```
"""


@pytest.fixture
def lint(tmp_path):
    """Lint a course whose one chapter is the text given, or with other files in it: exit code and what was printed."""
    for name in ("Makefile", "pyproject.toml", "tests/lint.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    files = {"book/index.md": "# Home\n\nSee {doc}`chapter`.\n", "img/line.svg": "<svg/>\n",
             "book/references.bib": "@book{Fisher1925, title = {A}}\n@book{Gauss1809, title = {B}}\n"}

    def run(chapter, **others):
        for name, text in {**files, "book/chapter.md": chapter, **others}.items():
            (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
            (tmp_path / name).write_text(text)
        done = subprocess.run(["make", "--no-print-directory", "-o", ".venv/installed-tests", "lint"], cwd=tmp_path,
                              capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    return run


def test_good_notebook_code_passes(lint):
    assert lint(CHAPTER) == (0, "")


@pytest.mark.parametrize("old, new, says", [
    ("np.pi", "np.py + pi", "Undefined name `pi`"),
    ("np.pi", "np.pi +", "Expected an expression"),
    ("import numpy as np", "import numpy as np\nimport math", "`math` imported but unused"),
    ("import key, key_number", "import key_number", "Undefined name `key`"),
    ("np.pi", f"np.pi  # {'long ' * 30}", "Line too long"),
    ("## What", "#### What", "MD001"),
    ("Because.", "Because. \n", "MD009"),
    ("Because.", "- a\n* b", "MD004"),
    ("Because.", "[There](none.md)", "none.md"),
    ("Because.", "[There](#what-went)", "link 'what-went' does not exist"),
    ("Because.", "[There](index.md#none)", "link 'none' does not exist"),
    ("Because.", "![A line.](../img/none.svg)", "none.svg"),
    ("Because.", "![](../img/line.svg)", "MD045"),
    ("Because.", "Becuase.", "Becuase ==> Because"),
    ("<fig-line>", "<fig-lime>", "numref 'fig-lime' does not exist; near it: 'fig-line'"),
    ("{eq}`eq-line`", "{eq}`eq-none`", "eq 'eq-none' does not exist"),
    ("{ref}`sec-next`", "{ref}`sec-none`", "ref 'sec-none' does not exist"),
    ("Gauss1809", "Gauss1908", "cite 'Gauss1908' does not exist; near it: 'Gauss1809'"),
    ("{doc}`index`", "{doc}`none`", "doc 'none' does not exist"),
    ("```{figure} ../img/line.svg", "```{figure} ../img/none.svg", "file '../img/none.svg' does not exist"),
    ("{solution-start} ex-one", "{solution-start} ex-two", "exercise 'ex-two' does not exist; near it: 'ex-one'"),
    (":name: fig-drawn", ":name: fig-line", "the label 'fig-line' is taken, see book/chapter.md:20"),
])
def test_a_fault_is_named_with_its_line(lint, old, new, says):
    assert CHAPTER.count(old) == 1
    chapter = CHAPTER.replace(old, new)
    code, output = lint(chapter)
    first = CHAPTER[:CHAPTER.index(old)].count("\n") + 1
    named = re.search(rf"book/chapter\.md:(\d+):.*{re.escape(says)}", output)
    assert code != 0 and named, output
    if says != "Undefined name `key`":  # which is named where prose quotes it
        assert first <= int(named[1]) <= first + new.count("\n"), output


def test_faults_in_other_files_are_named(lint):
    readme = "# Read me\n\nSee [it](none.md), teh page.\n"
    code, output = lint(CHAPTER, **{"book/course.py": "import os\n", "README.md": readme})
    assert code != 0 and "book/course.py:1:8: F401" in output
    assert "README.md:3:" in output and "none.md" in output and "teh ==> the" in output


def test_a_fault_in_a_workflow_is_named(lint):
    workflow = re.sub(r"actions/checkout@.*", "actions/checkout@v6", (ROOT / ".github/workflows/test.yml").read_text())
    code, output = lint(CHAPTER, **{".github/workflows/test.yml": workflow})
    assert code != 0 and "unpinned-uses" in output and ".github/workflows/test.yml:" in output, output
