"""Running and editing: the buttons of the pages, what Binder makes of the repository, JupyterLab, new chapters."""

import ast
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from importlib.metadata import distributions

import pytest
from bs4 import BeautifulSoup
from conftest import MAKE, ROOT
from notebooks import chapters, syntax
from test_build import free_port, wait_for  # noqa: F401  (a fixture)
from test_pins import requirements

sys.path.insert(0, str(ROOT / "book" / "_ext"))
import repository

BINDER = ROOT / "_build" / "binder"  # an environment made from .binder/requirements.txt, see the Makefile


# -- the address behind the buttons ------------------------------------------------------------------------------------

@pytest.mark.parametrize("remote, address", [
    ("https://github.com/someone/course", "https://github.com/someone/course"),
    ("https://github.com/someone/course.git", "https://github.com/someone/course"),
    ("https://github.com/someone/course.github.io/", "https://github.com/someone/course.github.io"),
    ("https://someone:secret@github.com/someone/course.git", "https://github.com/someone/course"),
    ("http://github.com/someone/course.git/", "https://github.com/someone/course"),
    ("git@github.com:someone/course.git", "https://github.com/someone/course"),
    ("git@github.com:/someone/course", "https://github.com/someone/course"),
    ("github.com:someone/course.git", "https://github.com/someone/course"),
    ("ssh://git@github.com/someone/course.git", "https://github.com/someone/course"),
    ("ssh://git@ssh.github.com:443/someone/course.git", "https://github.com/someone/course"),
    ("git@gitlab.com:group/sub/course.git", "https://gitlab.com/group/sub/course"),
    ("ssh://git@gitlab.example.edu:2222/group/course.git", "https://gitlab.example.edu/group/course"),
])
def test_the_address_of_a_remote(remote, address):
    assert repository.buttons(remote, "main")["repository_url"] == address


@pytest.mark.parametrize("remote", [
    "", "/srv/github.com/course.git", "../github/course", "file:///srv/github/course.git", "C:/github.com/course",
    "https://git.example.org/someone/course.git", "https://github.com/", "https://github.com/someone", "github:someone/course",
    "https://github.com:8443/someone/course", "https://example.org/?github.com/someone/course",
])
def test_no_buttons_for_a_remote_without_a_known_web_page(remote):
    assert repository.buttons(remote, "main") == {}


@pytest.mark.parametrize("remote, launches", [
    ("https://github.com/someone/course", True), ("https://gitlab.com/someone/course", True),
    ("https://gitlab.com/group/sub/course", False), ("https://github.example.edu/someone/course", False),
])
def test_binder_only_where_it_can_build(remote, launches):
    assert ("launch_buttons" in repository.buttons(remote, "main")) == launches


@pytest.mark.parametrize("environ, expected", [
    ({}, ("git@example.org:me/course", "draft")),
    ({"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "a/b", "GITHUB_REF_NAME": "fix"},
     ("https://github.com/a/b", "fix")),
    ({"GITHUB_REPOSITORY": "a/b", "GITHUB_REF_NAME": "12/merge", "GITHUB_BASE_REF": "main"}, ("https://github.com/a/b", "main")),
    ({"GITHUB_REPOSITORY": "a/b"}, ("https://github.com/a/b", "draft")),
    ({"CI_PROJECT_URL": "https://gitlab.com/a/b/c", "CI_COMMIT_REF_NAME": "fix"}, ("https://gitlab.com/a/b/c", "fix")),
])
def test_the_hosting_knows_better_than_git(monkeypatch, environ, expected):
    monkeypatch.setattr(repository, "remote", lambda: ("git@example.org:me/course", "draft"))
    assert repository.source(environ) == expected


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A git repository in place of the course's own; calling it runs git there."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):  # as git sets them for its hooks
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(repository, "ROOT", tmp_path)
    return start_repository(tmp_path)


def start_repository(folder):
    def git(*arguments):
        subprocess.run(["git", "-C", folder, "-c", "user.name=A", "-c", "user.email=a@example.org",
                        "-c", "commit.gpgsign=false", *arguments],
                       check=True, capture_output=True)
    git("init", "-b", "draft")
    git("commit", "--allow-empty", "-m", "Start")
    return git


def test_a_repository_without_remote(clone):
    assert repository.remote() == ("", "draft")


def test_a_remote_that_knows_no_branch_yet(clone):
    clone("remote", "add", "origin", "git@github.com:someone/course.git")
    assert repository.remote() == ("git@github.com:someone/course.git", "draft")


def test_a_branch_that_was_never_pushed_links_to_the_default_one(clone):
    clone("remote", "add", "origin", "https://github.com/someone/course")
    clone("update-ref", "refs/remotes/origin/main", "HEAD")
    clone("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    assert repository.remote() == ("https://github.com/someone/course", "main")


def test_the_branch_that_is_followed_counts_whatever_the_remote_is_called(clone):
    clone("remote", "add", "origin", "https://github.com/someone/course")
    clone("remote", "add", "mine", "https://github.com/me/course")
    clone("update-ref", "refs/remotes/mine/next/step", "HEAD")
    clone("branch", "--set-upstream-to", "mine/next/step")
    assert repository.remote() == ("https://github.com/me/course", "next/step")


def test_a_copy_inside_of_another_repository_has_no_remote(clone, tmp_path, monkeypatch):
    clone("remote", "add", "origin", "https://github.com/someone/else")
    (tmp_path / "course").mkdir()
    monkeypatch.setattr(repository, "ROOT", tmp_path / "course")
    assert repository.remote() == ("", "")


# -- the buttons on a page ---------------------------------------------------------------------------------------------

@pytest.fixture
def no_hosting(monkeypatch):
    for name in ("GITHUB_REPOSITORY", "CI_PROJECT_URL"):
        monkeypatch.delenv(name, raising=False)


def links(course, name):
    """The addresses outside of the site that the header of a page leads to, by the text of their buttons."""
    header = BeautifulSoup(course.page(name), "html.parser").select_one(".bd-header-article")
    return {a.get_text(strip=True): a["href"] for a in header.find_all("a", href=re.compile("^http"))}


def test_buttons_lead_to_the_remote_and_are_gone_without(course, no_hosting):
    git = start_repository(course.root)
    try:
        git("remote", "add", "origin", "git@github.com:someone/course.git")
        code, output, ran = course.make()
        assert code == 0 and ran == set(), output
        assert links(course, "sums") == {
            "Binder": "https://mybinder.org/v2/gh/someone/course/draft?urlpath=lab/tree/book/sums.md",
            "Repository": "https://github.com/someone/course",
            "Suggest edit": "https://github.com/someone/course/edit/draft/book/sums.md",
            "Open issue": "https://github.com/someone/course/issues/new?title=Issue%20on%20page%20%2Fsums.html"
                          "&body=Your%20issue%20content%20here.",
        }
        assert "Binder" not in links(course, "index")  # a page without cells
        git("remote", "set-url", "origin", str(ROOT))
        code, output, ran = course.make()
        assert code == 0 and ran == set() and links(course, "sums") == {}, output
    finally:
        subprocess.run(["rm", "-rf", course.root / ".git"], check=True)


# -- what Binder makes of it -------------------------------------------------------------------------------------------

def test_repo2docker_takes_the_files_of_the_binder_folder():
    done = subprocess.run([sys.executable, "-m", "repo2docker", "--no-build", "--debug", ROOT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    dockerfile = (done.stdout + done.stderr).replace("-2d", "-").replace("-2e", ".")  # its own escapes in file names
    assert re.findall(r"pip install .*", dockerfile) == ['pip install --no-cache-dir -r ".binder/requirements.txt"']
    version = (ROOT / ".binder" / "runtime.txt").read_text().strip().removeprefix("python-")
    assert f"environment.py-{version}-linux" in dockerfile
    assert 'ENV R2D_ENTRYPOINT="${REPO_DIR}/.binder/start"' in dockerfile


def test_binder_has_what_the_chapters_import():
    imports = {ast.unparse(node) for chapter in chapters() for node in syntax(chapter)
               if isinstance(node, (ast.Import, ast.ImportFrom))}
    assert imports
    done = subprocess.run([BINDER / "bin" / "python", "-c", "\n".join(sorted(imports))], cwd=ROOT / "book",
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_binder_has_the_pinned_versions_and_nothing_of_the_site():
    installed = {d.metadata["Name"].lower().replace("_", "-"): d.version.split("+")[0]
                 for d in distributions(path=map(str, BINDER.glob("lib/python*/site-packages")))}
    assert {"torch", "keras", "jupyterlab", "jupyterlab-myst", "jupytext"} <= set(installed)
    assert not [name for name in installed if name.startswith(("nvidia-", "cuda-", "sphinx", "jupyter-book", "pytest"))]
    pins = re.search(r"^-c \.\./(\S+)$", (ROOT / ".binder" / "requirements.txt").read_text(), flags=re.M)[1]
    other = {r.name: installed[r.name] for r in requirements(pins)
             if r.name in installed and (not r.marker or r.marker.evaluate()) and installed[r.name] not in r.specifier}
    assert not other, f"{pins} says otherwise: {other}"


# -- JupyterLab --------------------------------------------------------------------------------------------------------

@contextlib.contextmanager
def running(course, *command, **environ):
    """Run `command` in the scratch copy, with a home folder of its own; gives the file that it logs to."""
    home = course.root / "_build" / "home"
    home.mkdir(exist_ok=True)
    with open(home / "log", "w") as log:
        server = subprocess.Popen(command, cwd=course.root, env={**os.environ, "HOME": str(home), **environ},
                                  start_new_session=True, stdout=log, stderr=log)
        try:
            yield home / "log"
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()


def test_a_button_opens_a_notebook_that_runs_and_is_saved_without_noise(course, monkeypatch, free_port):  # noqa: F811
    import test_browser  # noqa: F401 - skips this test where no Chromium is installed
    from browsing import CHROMIUM, FLAGS
    from playwright.sync_api import sync_playwright

    monkeypatch.setenv("GITHUB_REPOSITORY", "someone/course")
    code, output, _ = course.make()
    assert code == 0, output
    path = re.search(r"[?&]urlpath=(.*)", links(course, "sums")["Binder"])[1]
    chapter = course.root / "book" / "sums.md"
    text, written = chapter.read_bytes(), chapter.stat().st_mtime_ns
    lab = [".binder/start", BINDER / "bin" / "jupyter-lab", "--no-browser", "--allow-root", "--IdentityProvider.token=",
           f"--port={free_port}"]
    with running(course, *lab), sync_playwright() as playwright:
        wait_for(f"http://127.0.0.1:{free_port}/api", "version")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1200, "height": 1800})
        page.set_default_timeout(60_000)
        page.goto(f"http://127.0.0.1:{free_port}/{path}")
        page.locator(".jp-NotebookPanel").wait_for()
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        page.get_by_text("One and one make 2, the").wait_for()  # a number in prose, from the running kernel
        page.get_by_text("We measured 2.").wait_for()
        page.locator(".jp-OutputArea-output img[src^='data:image/svg'], .jp-OutputArea-output svg").last.wait_for()
        page.keyboard.press("Control+s")
        end = time.monotonic() + 30
        while chapter.stat().st_mtime_ns == written and time.monotonic() < end:
            page.wait_for_timeout(200)
        browser.close()
    assert chapter.stat().st_mtime_ns != written, "Jupyter did not save the chapter"
    assert chapter.read_bytes() == text


def test_make_edit_opens_chapters_as_notebooks_and_reports_a_busy_port(course, free_port):  # noqa: F811
    edit = [*MAKE, "-o", ".venv/installed-edit", "edit", f"BIN={BINDER}/bin", f"PORT={free_port}"]
    with running(course, *edit, BROWSER="true") as log:
        wait_for(f"http://127.0.0.1:{free_port}/api", "version")
        code, output, _ = course.make(*edit[1:])
        assert code != 0 and f"Port {free_port} is in use" in output and "make edit PORT=" in output
        token = re.search(r"/lab/tree/book\?token=(\w+)", log.read_text())[1]
        address = f"http://127.0.0.1:{free_port}/lab/api/settings/@jupyterlab/docmanager-extension:plugin?token={token}"
        with urllib.request.urlopen(address) as answer:
            viewers = json.load(answer)["schema"]["properties"]["defaultViewers"]["default"]
        assert viewers == {"markdown": "Jupytext Notebook", "myst": "Jupytext Notebook"}


# -- new chapters ------------------------------------------------------------------------------------------------------

def test_a_new_chapter_is_built_and_passes_the_tests(course):
    code, output, _ = course.make("new-chapter", "NAME=first-steps")
    assert code == 0 and "book/first-steps.md" in output
    assert "  - file: sums\n  - file: first-steps\n  - file: claims\n" in (course.root / "_toc.yml").read_text()
    assert "# First steps" in (course.root / "book" / "first-steps.md").read_text()
    code, output, _ = course.make()
    assert code == 0, output
    code, output = course.check("tests/test_chapters.py", "-k", "first-steps or contents")
    assert code == 0, output
    code, output = course.nbval()
    assert code == 0, output


@pytest.mark.parametrize("name, says", [
    ("", "'' cannot be a chapter's name"), ("Early Stopping", "'Early Stopping' cannot be"), ("../etc", "'../etc' cannot be"),
    ("early--stopping", "'early--stopping' cannot be"), ("2nd", "'2nd' cannot be"), ("x.md", "'x.md' cannot be"),
    ("sums", "There is a page called 'sums' already"), ("index", "'index' already"), ("search", "'search' already"),
])
def test_a_bad_or_taken_name_is_refused(course, name, says):
    before = sorted(course.root.glob("book/*.md")), (course.root / "_toc.yml").read_text()
    code, output, _ = course.make("new-chapter", f"NAME={name}")
    assert code != 0 and says in output and "Traceback" not in output
    assert before == (sorted(course.root.glob("book/*.md")), (course.root / "_toc.yml").read_text())
