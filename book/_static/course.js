// What the pages do beyond what HTML does by itself: colours, the key of the search, where the reader is, keyboard access.
"use strict";

// -- light, dark, or as the system is ---------------------------------------------------------------------------------

const root = document.documentElement;
const modes = ["auto", "light", "dark"];
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
const switcher = document.getElementById("theme");

function showMode() {
  const mode = root.dataset.mode;
  root.dataset.theme = mode === "auto" ? (systemIsDark.matches ? "dark" : "light") : mode;
  switcher.querySelector("span").textContent = "Colours: " + (mode === "auto" ? "automatic" : mode);
}

switcher.hidden = false;
switcher.addEventListener("click", () => {
  root.dataset.mode = modes[(modes.indexOf(root.dataset.mode) + 1) % modes.length];
  localStorage.setItem("mode", root.dataset.mode);
  showMode();
});
systemIsDark.addEventListener("change", showMode);
showMode();

// -- the search, by key ------------------------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if ((event.key === "/" && !typing) || (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey))) {
    event.preventDefault();
    document.getElementById("search").showPopover();
  }
});

// -- the contents: open beside the text where there is room; the section that is being read is marked ------------------

const contents = document.getElementById("contents");
contents.addEventListener("click", (event) => {
  if (event.target.closest("a") && contents.matches(":popover-open")) contents.hidePopover();
});

const marked = new Map();
for (const link of contents.querySelectorAll(".sections a")) {
  const section = document.getElementById(decodeURIComponent(link.hash.slice(1)));
  if (section) marked.set(section, link);
}
const spy = new IntersectionObserver((changes) => {
  for (const change of changes) {
    if (change.isIntersecting) marked.get(change.target).setAttribute("aria-current", "location");
    else marked.get(change.target).removeAttribute("aria-current");
  }
}, { rootMargin: "-25% 0px -74% 0px" });
marked.forEach((_, section) => spy.observe(section));

// -- after reloading or going back, the reader's place: sections above it are not drawn yet, their heights are guesses --

const place = "place " + location.pathname;
addEventListener("pagehide", () => {
  const passed = [...document.querySelectorAll(".bd-article > section > section")].filter((s) => s.getBoundingClientRect().top < 100);
  const section = passed.pop();
  sessionStorage.setItem(place, JSON.stringify(section ? [section.id, section.getBoundingClientRect().top] : null));
});
addEventListener("load", () => {
  const [id, top] = JSON.parse(sessionStorage.getItem(place)) || [];
  if (!id || performance.getEntriesByType("navigation")[0].type === "navigate") return;
  requestAnimationFrame(() => requestAnimationFrame(() => {
    const section = document.getElementById(id);
    section.scrollIntoView();
    scrollBy(0, section.getBoundingClientRect().top - top);
  }));
});

// -- what scrolls inside of itself can be reached by keyboard, while it is wider than its place ------------------------

const kinds = { PRE: "Code", DIV: "Table or formula, wider than the page" };
const scrollers = new ResizeObserver((changes) => {
  const measured = changes.map(({ target }) => [target, target.scrollWidth > target.clientWidth + 1]);  // before any change
  for (const [target, scrolls] of measured) {
    if (scrolls === target.hasAttribute("tabindex")) continue;
    if (scrolls) {
      target.tabIndex = 0;
      target.setAttribute("role", "group");
      target.setAttribute("aria-label", kinds[target.tagName]);
    } else ["tabindex", "role", "aria-label"].forEach((name) => target.removeAttribute(name));
  }
});
for (const scroller of document.querySelectorAll(
  ".bd-article pre, .bd-article div.math, .pst-scrollable-table-container, .cell_output .text_html")) scrollers.observe(scroller);

// -- paper is light, and shows the solutions ---------------------------------------------------------------------------

addEventListener("beforeprint", () => {
  root.dataset.theme = "light";
  for (const solution of document.querySelectorAll("details.solution")) solution.open = true;
});
addEventListener("afterprint", showMode);
