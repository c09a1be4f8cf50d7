"""`make lint`: what can be said of code, Markdown, spelling, references and workflows without running a cell.

Ruff, rumdl and codespell take their settings from pyproject.toml; zizmor reads the GitHub workflows. Every message names
file and line.
"""

import difflib
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
BIN = Path(sys.executable).parent

CELL = re.compile(r"^(`{3,})\{code-cell\}.*\n(---\n(?:.*\n)*?---\n|(?::.*\n)*)((?:.*\n)*?)\1$", re.M)


def run(tool, *arguments, text=None):
    """Run one of the tools in the course's folder: whether it found nothing. What it found is printed."""
    done = subprocess.run([BIN / tool, *arguments], cwd=ROOT, input=text, capture_output=True, text=True)
    if done.returncode:
        print((done.stdout + done.stderr).strip())
    return done.returncode == 0


# -- code cells ------------------------------------------------------------------------------------------------------

def without_prose(text):
    """The chapter `text` as one Python file in which every line has its number: the code cells, and what prose quotes."""
    lines = [", ".join(set(re.findall(r"\{eval\}`(\w+)", line))) for line in without_code(text).split("\n")]
    for cell in CELL.finditer(text):
        first, code = text.count("\n", 0, cell.start(3)), cell[3].splitlines()
        lines[first:first + len(code)] = code
    return "\n".join(lines).rstrip() + "\n"


# -- references ------------------------------------------------------------------------------------------------------

LABEL = re.compile(r"^\s*:?(?:name|label): (\S+)$|^\((\S+)\)=$|\$\$ *\((\S+)\)$", re.M)
ROLE = re.compile(r"\{(ref|numref|eq|doc|cite(?::\w+)?)\}`([^`]+)`")
OPENING = re.compile(r"^(?:`{3,}|:{3,})\{(figure|image|solution-start|solution)\} (\S+)$", re.M)
CARD = re.compile(r"^:link: (\S+)\n:link-type: (doc|ref)$", re.M)
LINK = re.compile(r"\]\((?:[\w-]+\.md)?#([^)]+)\)")


def without_code(text):
    """The chapter `text` with its line numbers, but without its header and code, where references are only examples."""
    def blank(match):
        return "\n" * match[0].count("\n")

    text = CELL.sub(lambda cell: cell[0][:cell.start(3) - cell.start()] + "\n" * cell[3].count("\n"), text)
    def blank_code(fence):  # what is in a directive is prose
        return fence[0] if fence[2].startswith("{") else blank(fence)

    text = re.sub(r"^(`{3,})([^`\n]*)\n(?:.*\n)*?\1$", blank_code, text, flags=re.M)
    return re.sub(r"\A---\n(?:.*\n)*?---$|``[^`].*?``", blank, text, flags=re.M)


def references(text):
    """What the chapter `text` refers to in MyST's ways: kind, target and position of each reference."""
    for match in ROLE.finditer(text):
        targets = re.sub(r"^.*<(.*)>$", r"\1", match[2], flags=re.S)
        for target in targets.split(",") if match[1].startswith("cite") else [targets]:
            yield match[1].partition(":")[0], target.strip(), match.start()
    for match in OPENING.finditer(text):
        yield "file" if match[1] in ("figure", "image") else "exercise", match[2], match.start()
    for match in CARD.finditer(text):
        yield match[2], match[1], match.start()
    for match in LINK.finditer(text):
        yield "link", match[1], match.start()


def check_references(pages):
    """Print each reference that leads nowhere and each label that is taken twice; whether there were none."""
    pages = {path: without_code(path.read_text(encoding="utf8")) for path in pages}
    labels, found = {}, []
    for path, text in pages.items():
        for match in LABEL.finditer(text):
            label = next(filter(None, match.groups()))
            place = f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.end()) + 1}"
            if label in labels:
                found.append(f"{place}: the label {label!r} is taken, see {labels[label]}")
            labels.setdefault(label, place)
    works = re.findall(r"^@\w+\{([^,\s]+)", (BOOK / "references.bib").read_text(encoding="utf8"), re.M)
    titles = re.findall(r"^#+ (.+)$", "\n".join(pages.values()), re.M)
    anchors = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
    known = {"cite": works, "doc": [path.stem for path in pages], "link": [*labels, *anchors]}
    for path, text in pages.items():
        for kind, target, position in references(text):
            names = known.get(kind, list(labels))
            if not (path.parent / target).is_file() if kind == "file" else target not in names:
                near = "".join(f"; near it: {name!r}" for name in difflib.get_close_matches(target, names, 1))
                line = text.count("\n", 0, position) + 1
                found.append(f"{path.relative_to(ROOT)}:{line}: {kind} {target!r} does not exist{near}")
    print(*found, sep="\n", end="\n" if found else "")
    return not found


def main():
    pages = sorted(BOOK.glob("*.md"))
    results = [
        run("ruff", "check", "--quiet", "."),
        *(run("ruff", "check", "--quiet", "--extension", "md:python", "--stdin-filename", str(page), "-",
              text=without_prose(page.read_text(encoding="utf8"))) for page in pages),
        run("rumdl", "check", "--quiet", "."),
        run("codespell"),
        run("zizmor", "--quiet", "--offline", ".github/workflows"),
        check_references(pages),
    ]
    sys.exit(0 if all(results) else "Lint found something: the lines above say where.")


if __name__ == "__main__":
    main()
