"""Write every chapter as a notebook with its published outputs, for nbval to run again and compare.

usage: notebooks.py FOLDER

The outputs come from the results cache that the site was built from: what nbval compares is what readers see.
"""

import ast
import pathlib
import sys

import jupytext
import nbformat
from IPython.core.inputtransformer2 import TransformerManager

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))
from take_along import published  # noqa: E402


def chapters():
    """The files in book/ that have cells to run, in alphabetical order."""
    return [path for path in sorted((ROOT / "book").glob("*.md")) if "\nkernelspec:\n" in path.read_text()]


def syntax(chapter):
    """Every node of the syntax trees of the chapter's cells."""
    plain = TransformerManager().transform_cell  # without IPython's magics
    cells = [cell for cell in jupytext.read(chapter).cells if cell.cell_type == "code"]
    return [node for cell in cells for node in ast.walk(ast.parse(plain(cell.source)))]


def main(folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.ipynb"):
        old.unlink()
    # Cells run in this folder, and find there what they find in book/, and beside it what lies beside book/.
    links = {folder / path.name: path for path in [*(ROOT / "book").glob("*.py"), ROOT / "book" / "_static"]}
    for link, path in {**links, folder.parent / "data": ROOT / "data"}.items():
        link.unlink(missing_ok=True)
        link.symlink_to(path)
    for chapter in chapters():
        notebook = published(chapter)
        for cell in notebook.cells:
            if cell.cell_type == "code" and cell.source.rstrip().endswith(";"):
                cell.source += "\nNone"  # nbval keeps no history, where IPython looks for the semicolon that silences
        nbformat.write(notebook, folder / f"{chapter.stem}.ipynb")


if __name__ == "__main__":
    main(sys.argv[1])
