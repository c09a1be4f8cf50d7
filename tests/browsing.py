"""A browser's visit to one page: what it loads, what it complains about, and what axe-core finds."""

import shutil
from contextlib import contextmanager

from axe_playwright_python.sync_playwright import Axe

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
         "rules": {"target-size": {"enabled": True}},  # of WCAG 2.2, left out by axe unless asked for
         "resultTypes": ["violations"]}
# What depends on colours and on the width of the window: all that can differ between light and dark, desk and phone.
LOOKS = {**RULES, "runOnly": ["color-contrast", "scrollable-region-focusable", "target-size", "link-in-text-block"]}
SHOW_ALL = """async () => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync('* { content-visibility: visible !important }');  // pages put off drawing what is far from the screen
  document.adoptedStyleSheets = [sheet];
  document.querySelectorAll('details').forEach(fold => fold.open = true);
  document.querySelectorAll('img').forEach(image => image.loading = 'eager');
  await document.fonts.ready;
  await Promise.all([...document.images].filter(i => i.checkVisibility()).map(i => i.decode().catch(() => 0)));
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""

# Colours of code and formulas repeat a thousandfold: some of each kind are looked at, the others are plain text meanwhile.
SAMPLE = """() => {
  const seen = {};
  for (const token of document.querySelectorAll('.highlight span')) {
    const kind = token.className + token.closest('.cell_output, .cell_input, .highlight').className;
    if ((seen[kind] = (seen[kind] || 0) + 1) > 3) token.replaceWith(...token.childNodes);
  }
  document.querySelectorAll('.katex-html').forEach((formula, number) => number > 5 && formula.replaceChildren('x'));
}"""


@contextmanager
def chromium():
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Visit:
    """One page in one window; what the browser complained about and which other hosts it asked."""

    def __init__(self, browser, address, name, width=1280, scheme="light", context=None, **options):
        self.context = context or browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
        self.page = self.context.new_page()
        self.complaints, self.asked = [], []
        self.page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("response", lambda answer: self.complaints.append(answer.url) if answer.status >= 400 else None)
        self.page.on("request", lambda request: self.asked.append(request.url)
                     if not request.url.startswith((address, "data:")) else None)
        self.page.goto(f"{address}/{name}.html", wait_until="load")

    def show_all(self):
        """Open what is folded, and wait for all pictures and fonts."""
        self.page.evaluate(SHOW_ALL)

    def violations(self, rules=RULES):
        """What axe-core finds, one line for each rule and element."""
        self.page.evaluate(SAMPLE)
        found = Axe().run(self.page, options=rules).response["violations"]
        return [f"{rule['id']}: {' '.join(map(str, element['target']))} ({' '.join(element['failureSummary'].split())})"
                for rule in found for element in rule["nodes"]]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.context.close()


def wait_until(page, expression):
    """As Playwright's own function of this purpose, which the security policy keeps from working."""
    for _ in range(100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not within five seconds: {expression}")
