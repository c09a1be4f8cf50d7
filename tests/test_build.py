"""`make` in a scratch copy of the course with two small chapters: what runs again after which change, what is refused."""

import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

import pytest
from conftest import ROOT

MAKE = ["make", "-o", ".venv/installed"]  # the environment is the course's own, whatever the age of the copied pins

HEADER = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

"""
CHAPTERS = {
    "houses": "# Houses\n\n```{code-cell} ipython3\nfrom course import key_number, load_boston\n"
              "key_number('houses', len(load_boston()), 500, 510, 'd')\n```\n\nThere are {eval}`key.houses` houses.\n",
    "sums": "# Sums\n\n```{code-cell} ipython3\nfrom course import key_number\nkey_number('two', 1 + 1, 2, 2, 'd')\n```\n\n"
            "One and one make {eval}`key.two`.\n",
}


class Course:
    """A scratch copy of the course."""

    def __init__(self, root):
        self.root = root

    def edit(self, name, old, new):
        path = self.root / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def make(self, *arguments):
        """Run make, installing nothing: its exit code, what it printed, and the chapters whose cells it ran."""
        done = subprocess.run([*MAKE, *arguments], cwd=self.root, capture_output=True, text=True, timeout=300)
        output = re.sub(r"\x1b\[[\d;]*m", "", done.stdout + done.stderr)
        return done.returncode, output, set(re.findall(r"(\w+)\.md: Executing notebook", output))

    def page(self, name):
        return (self.root / "_build" / "html" / f"{name}.html").read_text()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    root = tmp_path_factory.mktemp("course")
    for name in ("Makefile", "_config.yml", "requirements.txt", "img", "data", "tests"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, root / name)
    shutil.copytree(ROOT / "book", root / "book", ignore=lambda _, names: [n for n in names if n.endswith(".md")])
    (root / ".venv").symlink_to(ROOT / ".venv")
    (root / "_toc.yml").write_text("format: jb-book\nroot: index\nchapters:\n- file: houses\n- file: sums\n")
    (root / "book" / "index.md").write_text("# Home\n\nSee {doc}`houses` and {doc}`sums`.\n")
    for name, text in CHAPTERS.items():
        (root / "book" / f"{name}.md").write_text(HEADER + text)
    course = Course(root)
    code, output, ran = course.make()
    assert code == 0, output
    assert ran == {"houses", "sums"}
    return course


@pytest.fixture
def course(built):
    """The scratch course, built; whatever a test does to it is undone afterwards."""
    kept = {path: path.read_bytes() for path in built.root.rglob("*") if path.is_file() and "_build" not in path.parts}
    yield built
    for path, content in kept.items():
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)


def test_a_second_make_runs_nothing(course):
    code, output, ran = course.make()
    assert code == 0 and ran == set()
    assert "no targets are out of date" in output


def test_a_prose_edit_runs_nothing_and_is_published(course):
    course.edit("book/sums.md", "One and one make", "Together they make")
    code, output, ran = course.make()
    assert code == 0 and ran == set(), output
    assert "Together they make" in course.page("sums") and '<span class="key-number">2</span>' in course.page("sums")


def test_a_changed_cell_runs_its_chapter_only(course):
    course.edit("book/sums.md", "1 + 1, 2, 2", "1 + 2, 2, 4")
    code, output, ran = course.make()
    assert code == 0 and ran == {"sums"}, output
    assert '<span class="key-number">3</span>' in course.page("sums")


def test_a_changed_helper_runs_all_chapters(course):
    course.edit("book/course.py", "self.text = ", "self.text = 'n' + ")
    code, output, ran = course.make()
    assert code == 0 and ran == {"houses", "sums"}, output
    assert '<span class="key-number">n506</span>' in course.page("houses")


def test_changed_pins_run_all_chapters(course):
    course.edit("requirements.txt", "# -- the chapters", "# -- the chapters, again")
    code, output, ran = course.make()
    assert code == 0 and ran == {"houses", "sums"}, output


def test_a_touched_file_runs_nothing(course):
    for name in ("book/course.py", "data/boston-house-prices.csv", "book/sums.md"):
        (course.root / name).touch()
    code, output, ran = course.make()
    assert code == 0 and ran == set(), output


def test_changed_data_runs_what_loads_it_and_is_refused(course):
    course.edit("data/boston-house-prices.csv", "0.00632", "0.00633")
    code, output, ran = course.make()
    assert code != 0 and ran == {"houses"}, output
    assert "data/boston-house-prices.csv was altered" in output and "git checkout -- data/boston-house-prices.csv" in output
    assert "The site was NOT built" in output


def test_data_changed_on_purpose_runs_what_loads_it(course):
    course.edit("data/boston-house-prices.csv", "0.00632", "0.00633")
    content = (course.root / "data" / "boston-house-prices.csv").read_bytes()
    old = re.search(r'"boston-house-prices.csv": \(49_082, "(\w+)"\)', (course.root / "book" / "course.py").read_text())[1]
    course.edit("book/course.py", old, hashlib.sha256(content).hexdigest())
    code, output, ran = course.make()
    assert code == 0 and "houses" in ran, output


def test_missing_data_is_refused(course):
    (course.root / "data" / "boston-house-prices.csv").unlink()
    code, output, ran = course.make()
    assert code != 0 and "data/boston-house-prices.csv is missing" in output and ran == {"houses"}


def test_a_key_number_out_of_range_stops_the_build_and_the_last_good_page_stays(course):
    course.edit("book/sums.md", "1 + 1, 2, 2", "1 + 2, 2, 2")
    for _ in range(2):  # and again: a failure is not forgotten
        code, output, ran = course.make()
        assert code != 0 and "key number 'two' is 3, out of its range [2, 2]" in output
        assert "ERROR in sums.md, the cell at line 15" in output and "The site was NOT built" in output
        assert "One and one make" in course.page("sums")


def test_an_unknown_key_number_fails_every_time(course):
    course.edit("book/sums.md", "key.two", "key.three")
    for _ in range(2):
        code, output, ran = course.make()
        assert code != 0 and ran == set()
        assert "sums.md" in output and "no key number is called 'three'" in output, output


@pytest.mark.parametrize("text, says", [
    ("![A picture](../img/none.svg)", "none.svg"),
    ("[a page](none.md)", "none.md"),
    ("See {ref}`nowhere`.", "nowhere"),
    ("As {cite:t}`Nobody1900` found.", "Nobody1900"),
    ("{eval}`1 + 1`", "quotes key numbers alone"),
    ("```{code-cell} ipython3\nimport sys\nprint('oh', file=sys.stderr)\n```", "stderr"),
    ("```{code-cell} ipython3\nraise RuntimeError('broken cell')\n```", "broken cell"),
])
def test_broken_content_fails_the_build(course, text, says):
    with open(course.root / "book" / "sums.md", "a") as chapter:
        chapter.write(f"\n{text}\n")
    code, output, _ = course.make()
    assert code != 0 and says in output and "sums.md" in output


def test_an_interrupted_build_is_finished_by_the_next(course):
    course.edit("book/sums.md", "1 + 1, 2, 2", "(__import__('time').sleep(30), 1 + 1)[1], 2, 2")
    running = subprocess.Popen(MAKE, cwd=course.root, start_new_session=True, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    time.sleep(6)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    course.edit("book/sums.md", "sleep(30)", "sleep(0)")
    code, output, ran = course.make()
    assert code == 0 and ran == {"sums"}, output


def test_help_lists_every_command(course):
    code, output, _ = course.make("help")
    targets = re.findall(r"^([a-z]+):", (course.root / "Makefile").read_text(), flags=re.M)
    assert code == 0 and targets and all(re.search(rf"^make {target} ", output, re.M) for target in targets)


def test_an_older_python_is_refused_with_a_sentence(course):
    old = course.root / "old-python"
    old.write_text('#!/bin/sh\nexec python3 -c "import sys; sys.version_info = (3, 10, 0)\n$2"\n')
    old.chmod(0o755)
    (course.root / ".venv").unlink()
    try:
        done = subprocess.run(["make", f"PYTHON={old}"], cwd=course.root, capture_output=True, text=True)
    finally:
        (course.root / ".venv").symlink_to(ROOT / ".venv")
        old.unlink()
    assert done.returncode != 0 and "Python 3.11, 3.12 or 3.13" in re.sub(r"\s+", " ", done.stderr) and "3.10" in done.stderr


def test_serve_shows_the_site_rebuilds_on_save_and_reports_a_busy_port(course, free_port):
    os.utime(course.root / "requirements.txt", (0, 0))  # older than the environment, for the make that serve calls
    with open(course.root / "serve.log", "w+") as log:
        server = subprocess.Popen([*MAKE, "serve", f"PORT={free_port}"], cwd=course.root, start_new_session=True,
                                  stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{free_port}/sums.html"
            wait_for(url, "One and one make")
            code, output, _ = course.make("serve", f"PORT={free_port}")
            assert code != 0 and f"Port {free_port} is in use" in output and "make serve PORT=" in output
            course.edit("book/sums.md", "One and one make", "Saved, they make")
            wait_for(url, "Saved, they make")
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url, text, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if text in answer.read().decode():
                    return
        except OSError:
            pass
        time.sleep(0.3)
    raise AssertionError(f"{url} did not show {text!r} within {seconds} s")
