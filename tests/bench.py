"""Print how long the builds take and what each chapter costs: `make bench`.

Everything is measured in one run, in a copy of the course, so that the ratios hold on a busy machine too.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import jupytext
import nbformat
from nbclient import NotebookClient

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from notebooks import chapters  # noqa: E402

PEAK = "import resource, sys; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == 'darwin' else 1024))"


def timed_make(folder):
    """Seconds that `make` takes in `folder`."""
    start = time.perf_counter()
    done = subprocess.run(["make", "-o", ".venv/installed"], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return time.perf_counter() - start


def run_cells(chapter):
    """Seconds that the cells of `chapter` take, and the kernel's largest resident memory in bytes."""
    notebook = jupytext.read(chapter)
    notebook.cells.append(nbformat.v4.new_code_cell(PEAK))
    client = NotebookClient(notebook, kernel_name="python3", timeout=None, resources={"metadata": {"path": chapter.parent}})
    start = time.perf_counter()
    client.execute()
    return time.perf_counter() - start, int(notebook.cells[-1].outputs[0].text)


def main():
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "course"
        shutil.copytree(ROOT, copy, symlinks=True, ignore=shutil.ignore_patterns(".venv", "_build", ".git"))
        (copy / ".venv").symlink_to(ROOT / ".venv")
        chapter = copy / "book" / chapters()[0].name
        nothing, again = timed_make(copy), timed_make(copy)
        chapter.write_text(chapter.read_text() + "\nA sentence more.\n")
        prose = timed_make(copy)
        chapter.write_text(chapter.read_text() + "\n```{code-cell} ipython3\n1 + 1\n```\n")
        cell = timed_make(copy)
        costs = {path.stem: run_cells(path) for path in chapters()}
    cells = sum(seconds for seconds, _ in costs.values())
    print(f"{'build from nothing':34} {nothing:8.1f} s\n{'build again':34} {again:8.1f} s")
    print(f"{'after a prose edit':34} {prose:8.1f} s\n{f'after a cell edit ({chapter.stem})':34} {cell:8.1f} s")
    for name, (seconds, peak) in costs.items():
        print(f"{f'cells of {name}':34} {seconds:8.1f} s {peak / 2**20:8.0f} MiB at most")
    print(f"{'build from nothing / its cells':34} {nothing / cells:8.2f}")


if __name__ == "__main__":
    main()
