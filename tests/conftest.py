import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "html"

os.environ["TQDM_DISABLE"] = "1"  # nbval's kernels inherit it, as the build's do
sys.path[:0] = [str(ROOT / folder) for folder in ("book", "book/_ext", "tests", "tests/laboratories")]

from browsing import chromium  # noqa: E402
from serving import serve  # noqa: E402

# -- a scratch copy of the course ------------------------------------------------------------------------------------

MAKE = ["make", "-o", ".venv/installed"]  # the environment is the course's own, whatever the age of the copied pins

class Course:
    """A scratch copy of the course, with the two small chapters of tests/scratch in place of its own."""

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

    def check(self, *arguments):
        """Run some of the course's own tests on the scratch copy as it is: exit code and what they printed."""
        done = subprocess.run([".venv/bin/pytest", "-q", "-p", "no:cacheprovider", *arguments], cwd=self.root,
                              capture_output=True, text=True, timeout=300)
        return done.returncode, done.stdout

    def nbval(self):
        """Run the chapters a second time, as `make test` does: exit code and what was printed."""
        subprocess.run([".venv/bin/python", "tests/notebooks.py", "_build/nbval"], cwd=self.root, check=True)
        return self.check("--nbval", "--nbval-sanitize-with", "tests/nbval.cfg", "_build/nbval")

    def page(self, name):
        return (self.root / "_build" / "html" / f"{name}.html").read_text()


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    root = tmp_path_factory.mktemp("course")
    for name in (".binder", "Makefile", "_config.yml", "requirements.txt", "constraints.txt", "img", "data", "tests"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, root / name)
    shutil.copytree(ROOT / "book", root / "book", ignore=lambda folder, names: [
        name for name in names if name.endswith(".md") and folder == str(ROOT / "book")])
    (root / ".venv").symlink_to(ROOT / ".venv")
    for page in (root / "tests" / "scratch").iterdir():
        shutil.copy(page, root if page.suffix == ".yml" else root / "book")
    course = Course(root)
    code, output, ran = course.make()
    assert code == 0, output
    assert ran == {"houses", "sums"}
    return course


@pytest.fixture
def course(built):
    """The scratch course, built; whatever a test does to it is undone afterwards."""
    def files():
        return [path for path in built.root.rglob("*") if path.is_file() and "_build" not in path.parts]

    kept = {path: path.read_bytes() for path in files()}
    yield built
    for path in set(files()) - set(kept):
        path.unlink()
    for path, content in kept.items():
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)


@pytest.fixture(scope="module")
def served():
    """The built site on a local server: its address, and the list of what it sends."""
    with serve(SITE) as server:
        yield server


@pytest.fixture(scope="module")
def address(served):
    return served[0]


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser
