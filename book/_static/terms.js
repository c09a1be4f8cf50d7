// Shows the definition of a term beside it: on hover, on focus, on tap. It stays while the pointer is on the term or on the
// definition, and Escape closes it. Without this script, a term is a link to the glossary.
"use strict";

(() => {
  const wait = 250; // milliseconds to reach the definition, or the term beside it
  let shown = null; // {term, definition}
  let timer = 0;

  const definitionOf = (term) => document.getElementById(term.getAttribute("aria-describedby"));

  function hide() {
    clearTimeout(timer);
    if (shown) shown.definition.hidePopover();
    shown = null;
  }

  function show(term) {
    clearTimeout(timer);
    if (shown && shown.term === term) return;
    hide();
    const definition = definitionOf(term);
    if (!definition || !definition.showPopover) return;
    definition.showPopover();
    shown = { term, definition };
    const margin = 12;
    const line = term.getClientRects()[0]; // a term may wrap
    const box = definition.getBoundingClientRect();
    const width = document.documentElement.clientWidth;
    const left = Math.max(margin, Math.min(line.left, width - box.width - margin));
    const below = line.bottom + box.height + margin < window.innerHeight || line.top < box.height + margin;
    definition.style.left = `${left + window.scrollX}px`;
    definition.style.top = `${(below ? line.bottom + 4 : line.top - box.height - 4) + window.scrollY}px`;
  }

  const later = (action) => {
    clearTimeout(timer);
    timer = setTimeout(action, wait);
  };

  for (const term of document.querySelectorAll("a.term")) {
    let touched = false;
    term.addEventListener("pointerenter", (event) => {
      if (event.pointerType !== "touch") later(() => show(term));
    });
    term.addEventListener("pointerleave", (event) => {
      if (event.pointerType !== "touch") later(hide);
    });
    term.addEventListener("focus", () => {
      if (term.matches(":focus-visible")) show(term);
    });
    term.addEventListener("blur", (event) => {
      if (shown && !shown.definition.contains(event.relatedTarget)) hide();
    });
    term.addEventListener("pointerdown", (event) => {
      touched = event.pointerType !== "mouse";
    });
    term.addEventListener("click", (event) => {
      // A tap opens the definition, whose own link leads to the glossary; a click and the Enter key follow the link.
      if (!touched) return;
      event.preventDefault();
      if (shown && shown.term === term) hide();
      else show(term);
    });
  }
  for (const definition of document.querySelectorAll(".definition")) {
    definition.addEventListener("pointerenter", () => clearTimeout(timer));
    definition.addEventListener("pointerleave", (event) => {
      if (event.pointerType !== "touch") later(hide);
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
  document.addEventListener("pointerdown", (event) => {
    if (shown && !event.target.closest("a.term, .definition")) hide();
  });
})();
