"""Start a chapter from the template beside this file, and list it in _toc.yml: `make new-chapter NAME=...`.

usage: new_chapter.py NAME
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TEMPLATE = Path(__file__).with_name("chapter-template.md")
TAKEN = {"genindex", "search"}  # pages that the site has without a chapter


def has_cells(name):
    """Whether the page `name` is a chapter, as opposed to the glossary and others that come after the chapters."""
    page = ROOT / "book" / f"{name}.md"
    return page.is_file() and "\nkernelspec:\n" in page.read_text(encoding="utf8")


def main(name):
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        sys.exit(f"{name!r} cannot be a chapter's name, which is its file and its address: small letters, digits and "
                 "single hyphens, beginning with a letter. For example: make new-chapter NAME=early-stopping")
    chapter, contents = ROOT / "book" / f"{name}.md", ROOT / "_toc.yml"
    listed = contents.read_text(encoding="utf8")
    if chapter.exists() or name in TAKEN or re.search(rf"(file|root): {name}$", listed, flags=re.M):
        sys.exit(f"There is a page called {name!r} already: take another name.")
    *_, last = (line for line in re.finditer(r"^([ -]*- file: )(\S+)\n", listed, flags=re.M) if has_cells(line[2]))
    title = name.replace("-", " ").capitalize()
    text = TEMPLATE.read_text(encoding="utf8").replace("TITLE", title).replace("NAME", name)
    chapter.write_text(text, encoding="utf8")
    contents.write_text(f"{listed[:last.end()]}{last[1]}{name}\n{listed[last.end():]}", encoding="utf8")
    print(f"Started book/{name}.md, the last chapter in _toc.yml. See it with `make serve`, run it with `make edit`.")


if __name__ == "__main__":
    main(sys.argv[1])
