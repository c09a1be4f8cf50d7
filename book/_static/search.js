// Results by section: Sphinx's search names pages; here each of its excerpts names the section, and links to the words.
"use strict";

const ownText = (section) => {
  const copy = section.cloneNode(true);
  for (const inner of copy.querySelectorAll("section, h1, h2, h3, h4, .katex-html, .headerlink, summary, annotation")) inner.remove();
  return copy.textContent.replace(/\s+/g, " ").trim();
};

const excerpt = (text, place) => {
  const from = Math.max(text.lastIndexOf(" ", Math.max(place - 90, 0)), 0);
  const to = text.indexOf(" ", place + 130);
  return (from ? "… " : "") + text.slice(from, to < 0 ? undefined : to).trim() + (to < 0 ? "" : " …");
};

Search.makeSearchSummary = (data, stems) => {
  const query = new URLSearchParams(location.search).get("q").toLowerCase();
  const terms = new Set([...splitQuery(query), ...stems]);  // "summary" as typed; its stem is "summari"
  const page = new DOMParser().parseFromString(data, "text/html");
  const list = document.createElement("ol");
  list.className = "excerpts";
  for (const section of page.querySelectorAll("article section[id]")) {
    if (list.childElementCount === 4) break;
    const heading = section.querySelector("h1, h2, h3, h4");
    const title = heading ? heading.textContent.replace(/#$/, "") : "";
    const text = ownText(section);
    const places = [...terms].map((term) => text.toLowerCase().indexOf(term)).filter((place) => place >= 0);
    const inTitle = [...terms].some((term) => title.toLowerCase().includes(term));
    if (!places.length && !inTitle) continue;
    const shown = excerpt(text, places.length ? Math.min(...places) : 0);
    const link = document.createElement("a");
    link.href = `${page.documentElement.dataset.page}.html#${section.id}`;
    link.textContent = title;
    const item = list.appendChild(document.createElement("li"));
    item.append(link, document.createElement("br"), shown);
  }
  return list;
};
