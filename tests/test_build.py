"""`make` in a scratch copy of the course with two small chapters: what runs again after which change, what is refused."""

import hashlib
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request

import pytest
from conftest import MAKE, ROOT

SUMS = (ROOT / "tests" / "scratch" / "sums.md").read_text()
FIRST_CELL = f"ERROR in sums.md, the cell at line {SUMS[:SUMS.index('from course')].count(chr(10)) + 1}:"


def test_a_second_make_runs_nothing(course):
    code, output, ran = course.make()
    assert code == 0 and ran == set()
    assert "no targets are out of date" in output


def test_a_prose_edit_runs_nothing_and_is_published(course):
    course.edit("book/sums.md", "One and one make", "Together they make")
    code, output, ran = course.make()
    assert code == 0 and ran == set(), output
    assert "Together they make" in course.page("sums") and ">2</span>" in course.page("sums")


def written(output):
    """The pages that a build has written, apart from the one with the table of contents, which Sphinx writes each time."""
    return set(re.findall(r"writing output\.\.\. *\[ *\d+%\] (\S+)", output)) - {"index"}


def test_a_changed_verdict_reaches_the_ledger(course):
    course.edit("book/sums.md", "S1: holds", "S1: does not hold")
    course.edit("book/sums.md", "says** that one", "says** again that one")
    code, output, ran = course.make()
    assert code == 0 and ran == set() and written(output) == {"claims", "sums"}, output
    assert 'class="verdict-does-not-hold"><th' in course.page("claims") and "again that one and one" in course.page("claims")
    course.edit("book/sums.md", "One and one make", "Together they make")  # and what the ledger does not show, does not
    code, output, ran = course.make()
    assert code == 0 and written(output) == {"sums"}, output


def test_a_new_measurement_reaches_the_ledger(course):
    course.edit("book/sums.md", "1 + 1, 2, 2", "1 + 2, 2, 4")
    code, output, _ = course.make()
    assert code == 0 and '<span class="key-number">3</span>' in course.page("claims"), output


def test_a_chapter_that_is_removed_leaves_the_ledger(course):
    course.edit("_toc.yml", "  - file: sums\n", "")
    course.edit("book/index.md", " and {doc}`sums`", "")
    (course.root / "book" / "sums.md").unlink()
    code, output, _ = course.make()
    assert code == 0 and "claim-s1" not in course.page("claims"), output


def test_a_changed_definition_reaches_the_pages_that_use_it(course):
    course.make()  # whatever an earlier test left to write
    course.edit("book/glossary.md", "What addition gives.", "What addition yields.")
    code, output, ran = course.make()
    assert code == 0 and ran == set() and written(output) == {"glossary", "sums"}, output
    assert "What addition yields." in course.page("sums")


def test_an_unknown_term_fails(course):
    course.edit("book/sums.md", "{term}`sum`", "{term}`total`")
    code, output, _ = course.make()
    assert code != 0 and "sums.md" in output and "total" in output, output


def test_a_changed_cell_runs_its_chapter_only(course):
    course.edit("book/sums.md", "1 + 1, 2, 2", "2 + 2, 2, 4")  # results that no other test has stored
    code, output, ran = course.make()
    assert code == 0 and ran == {"sums"}, output
    assert '<span class="key-number" id="key.two">4</span>' in course.page("sums")


def test_a_changed_helper_runs_all_chapters(course):
    course.edit("book/course.py", "self.text = ", "self.text = 'n' + ")
    code, output, ran = course.make()
    assert code == 0 and ran == {"houses", "sums"} and "side by side" in output, output
    assert '<span class="key-number" id="key.houses">n506</span>' in course.page("houses")


def test_a_module_shown_on_a_page_runs_that_chapter(course):
    module = course.root / "book" / "helper.py"
    module.write_text("SUM = 2\n")
    show = "```{literalinclude} helper.py\n```\n"
    course.edit("book/sums.md", "One and one make", f"{show}\nOne and one make")
    for text, expected in (("SUM = 2\n", {"sums"}), ("SUM = 2\n", set()), ("SUM = 1 + 1\n", {"sums"})):
        module.write_text(text)
        code, output, ran = course.make()
        assert code == 0 and ran == expected, output
    assert "1 + 1" in re.sub("<.*?>", "", course.page("sums"))


def test_of_several_stale_chapters_the_broken_one_is_named(course):
    course.edit("book/sums.md", "1 + 1, 2, 2", "1 + 2, 2, 2")
    course.edit("book/houses.md", "500, 510", "500, 511")
    code, output, ran = course.make()
    assert code != 0 and FIRST_CELL in output and "ERROR in houses.md" not in output


@pytest.mark.parametrize("name, pin", [("requirements.txt", "numpy=="), ("constraints.txt", "scipy==")])
def test_changed_pins_run_all_chapters(course, name, pin):
    course.edit(name, pin, pin + "0")
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
        assert FIRST_CELL in output and "The site was NOT built" in output
        assert "One and one make" in course.page("sums")


def test_an_unknown_key_number_fails_every_time(course):
    course.edit("book/sums.md", "key.two", "key.three")
    for _ in range(2):
        code, output, ran = course.make()
        assert code != 0 and ran == set()
        assert "sums.md" in output and "no key number is called 'three'" in output, output


@pytest.mark.parametrize("seconds", [0.5, 2, 6])
def test_an_interrupted_build_is_finished_by_the_next(course, seconds):
    course.edit("book/sums.md", "1 + 1, 2, 2", "(__import__('time').sleep(30), 1 + 1)[1], 2, 2")
    running = subprocess.Popen(MAKE, cwd=course.root, start_new_session=True, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    course.edit("book/sums.md", "sleep(30)", f"sleep(0 * {seconds})")
    code, output, ran = course.make()
    assert code == 0 and ran == {"sums"}, output
    assert '<span class="key-number">2</span>' in course.page("sums")


def test_two_builds_from_nothing_give_the_same_site(course):
    def site():
        return {path.relative_to(html): path.read_bytes() for path in sorted(html.rglob("*")) if path.is_file()}

    html = course.root / "_build" / "html"
    sites = []
    for _ in range(2):
        course.make("clean")
        assert course.make()[0] == 0
        sites.append(site())
    assert sites[0].keys() == sites[1].keys()
    assert [str(path) for path in sites[0] if sites[0][path] != sites[1][path]] == []


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
    for name in ("requirements.txt", "constraints.txt"):  # older than the environment, for the make that serve calls
        os.utime(course.root / name, (0, 0))
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
