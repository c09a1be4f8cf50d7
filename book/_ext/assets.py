"""When all pages are written: one style sheet of what they use, and each file asked for by an address of its own.

An address that ends in a digest of the file may be kept by browsers for ever.
"""

import hashlib
import re
import shutil
from pathlib import Path

SHEETS = ["pygments.css", "sphinx-design.min.css", "mystnb.*.css", "copybutton.css", "katex/katex.min.css"]
OURS = ["course.css", "icons.css"]  # last, so that they have the last word
# What the theme and its companions bring along and no page asks for: Bootstrap, icon fonts, translations.
UNUSED = ["locales", "vendor", "styles", "scripts", "togglebutton.*", "basic.css", "exercise.css", "katex-math.css", "copybutton_funcs.js",
          "images", "check-solid.svg", "copy-button.svg", "*webpack-macros.html", "*.png", "fonts/*.ttf"]


def used_only(css, words):
    """`css` without comments and without the rules for classes and ids that are not among `words`."""
    def rule(match):
        selectors = [selector.strip() for selector in re.split(r",(?![^(]*\))", match[1])]
        kept = [selector for selector in selectors
                if words.issuperset(re.findall(r"[.#](-?[A-Za-z_][\w-]*)", re.sub(r":not\([^)]*\)", "", selector)))]
        return ",".join(kept) + "{" + " ".join(match[2].split()) + "}" if kept else ""

    css = re.sub(r"/\*.*?\*/", "", css, flags=re.S)
    css = re.sub(r"([^{};]+)\{([^{}]*)\}", rule, css)
    return re.sub(r"@media[^{}]*\{\s*\}|\n\s*", "", css)


def style_sheet(static, words):
    """All style sheets in one, and the addresses in them as seen from `static`."""
    names = [path for pattern in [*SHEETS] for path in sorted(static.glob(pattern))]
    others = sorted(path for path in static.glob("*.css") if path.name not in {*OURS, "site.css"}
                    and path not in names and not any(path.match(pattern) for pattern in UNUSED))
    parts = []
    for path in [*names, *others, *(static / name for name in OURS)]:
        css = used_only(path.read_text(encoding="utf8"), words)
        folder = path.parent.relative_to(static).as_posix()
        parts.append(re.sub(r"url\((?!['\"]?(?:data:|#))", f"url({folder}/", css) if folder != "." else css)
    return "\n".join(parts)


def finish(app, exception):
    if exception or app.builder.name != "html":
        return
    out = Path(app.outdir)
    static = out / "_static"
    pages = {path: path.read_text(encoding="utf8") for path in sorted(out.glob("*.html"))}
    scripts = "".join(path.read_text(encoding="utf8") for path in sorted(static.glob("*.js")))
    words = set(re.findall(r"[\w-]+", scripts))
    for page in pages.values():
        for value in set(re.findall(r'(?:class|id)="([^"]*)"', page)):
            words.update(value.split())
    (static / "site.css").write_text(style_sheet(static, words), encoding="utf8")
    for path in [path for pattern in UNUSED for path in static.glob(pattern)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    digests = {}

    def with_digest(match):
        attribute, address = match[1], match[2]
        path = out / re.sub(r"^.*?(?=_static/|_images/|searchindex)", "", address)
        if path not in digests:
            digests[path] = hashlib.sha256(path.read_bytes()).hexdigest()[:8] if path.is_file() else ""
        return f'{attribute}="{address}?v={digests[path]}"' if digests[path] else match[0]

    for path, page in pages.items():  # only now are the sheet and all digests known
        told = re.sub(r'(src|href)="((?![\w+.-]+:)[^"?#]*?(?:_static/[^"?#]*\.(?:css|js|svg)|searchindex\.js|_images/[^"?#]*))(?:\?v=[^"]*)?"',
                      with_digest, page)
        if told != page:
            path.write_text(told, encoding="utf8")


def setup(app):
    app.connect("build-finished", finish, priority=800)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
