"""When all pages are written: one style sheet of what they use, and each file asked for by an address of its own.

An address that ends in a digest of the file may be kept by browsers for ever.
"""

import hashlib
import re
import shutil
from pathlib import Path

FIRST = ["pygments.css", "sphinx-design.min.css", "mystnb.*.css", "copybutton.css", "katex/katex.min.css"]
LAST = ["icons.css", "course.css"]  # ours has the last word
# What the theme and its companions bring along and no page asks for: Bootstrap, icon fonts, translations.
UNUSED = ["locales", "vendor", "styles", "scripts", "images", "togglebutton.*", "basic.css", "exercise.css",
          "katex-math.css", "copybutton_funcs.js", "check-solid.svg", "copy-button.svg", "*webpack-macros.html",
          "*.png", "fonts/*.ttf"]
# Addresses of files on the site, as pages have them, with or without a digest.
FILES = re.compile(r"""(src|href)="((?![\w+.-]+:)[^"?#]*?  # no other host
                       (?:_static/[^"?#]*\.(?:css|js|svg)|_images/[^"?#]*|searchindex\.js))(?:\?v=[^"]*)?\"""", re.X)

# A comma that no closing parenthesis follows, but for those of whole groups, of which one may hold another.
OUTER_COMMA = re.compile(r",(?![^()]*(?:\((?:[^()]|\([^()]*\))*\)[^()]*)*\))")
LINKED = re.compile(r'<link rel="stylesheet" href="_static/((?!site\.css)[^"?#]+)')


def used_only(css, words):
    """`css` without comments and without the rules for classes and ids that are not among `words`."""
    def rule(match):
        kept = [selector.strip() for selector in re.split(OUTER_COMMA, match[1])
                if words.issuperset(re.findall(r"[.#](-?[A-Za-z_][\w-]*)", re.sub(r":not\([^)]*\)", "", selector)))]
        return ",".join(kept) + "{" + " ".join(match[2].split()) + "}" if kept else ""

    css = re.sub(r"/\*.*?\*/", "", css, flags=re.S)
    css = re.sub(r"([^{};]+)\{([^{}]*)\}", rule, css)
    return re.sub(r"@media[^{}]*\{\s*\}|\n\s*", "", css)


def style_sheet(static, words, apart):
    """All style sheets but those `apart` in one, with the addresses in them as seen from `static`."""
    first, last = ([path for name in names for path in sorted(static.glob(name))] for names in (FIRST, LAST))
    others = sorted({*static.rglob("*.css")} - {*first, *last, *apart, static / "site.css"})
    parts = []
    for path in [*first, *others, *last]:
        folder = path.parent.relative_to(static).as_posix() + "/"
        css = used_only(path.read_text(encoding="utf8"), words)
        parts.append(css if folder == "./" else re.sub(r"url\((['\"]?)(?!data:|#)", rf"url(\1{folder}", css))
    return "\n".join(parts)


def finish(app, exception):
    if exception or app.builder.name != "html":
        return
    out, static = Path(app.outdir), Path(app.outdir, "_static")
    for path in [path for pattern in UNUSED for path in static.glob(pattern)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    pages = {path: path.read_text(encoding="utf8") for path in sorted(out.glob("*.html"))}
    words = {word for path in static.rglob("*.js") for word in re.findall(r"[\w-]+", path.read_text(encoding="utf8"))}
    for page in pages.values():
        for names in set(re.findall(r'(?:class|id)="([^"]*)"', page)):
            words.update(names.split())
    apart = {static / name for page in pages.values() for name in LINKED.findall(page)}  # loaded by what needs them
    (static / "site.css").write_text(style_sheet(static, words, apart), encoding="utf8")
    digests = {}

    def with_digest(match):
        path = out / re.sub(r"^.*?(?=_static/|_images/|searchindex)", "", match[2])
        if path not in digests:
            digests[path] = hashlib.sha256(path.read_bytes()).hexdigest()[:8] if path.is_file() else ""
        return f'{match[1]}="{match[2]}?v={digests[path]}"' if digests[path] else match[0]

    for path, page in pages.items():  # only now are the sheet and all digests known
        told = FILES.sub(with_digest, page)
        if told != page:
            path.write_text(told, encoding="utf8")


def setup(app):
    app.connect("build-finished", finish, priority=800)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
