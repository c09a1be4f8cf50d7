// Descent: what learning rate, momentum and batch size do to the path of gradient descent.

import { contour, descend, EXAMPLES, limit, quadratic, tilts, twoMinima } from "./descent-paths.js";
import { Laboratory, Plot, clamp, draggable, fixed, make, set, spoken, text } from "./shared.js";

const STEPS = 100;
const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, EXAMPLES];
const MOST_KEPT = 4;  // and the one in hand
const LOWEST = 1e-8;  // losses below it are drawn on the floor

const lab = new Laboratory("descent", {
  title: "Try it: go downhill",
  hint: "Move the learning rate across its mark, or click where the descent shall start.",
  initial: { surface: "bowl", rate: 0.12, momentum: 0, batch: EXAMPLES, x: -9, y: 1.2, kept: "" },
});

const SURFACES = {
  bowl: { ...quadratic(lab.course.bowl), start: [-9, 1.2], frame: [[-10, 3], [-4.6, 4.6]], all: tilts(4),
    levels: [0.5, 2, 5, 10, 20, 40, 80], ticks: [[-8, -4, 0], [-4, -2, 0, 2, 4]], top: 1e4 },
  valley: { ...quadratic(lab.course.valley), start: [-10, 1], frame: [[-11.5, 3.5], [-2.2, 2.2]], all: tilts(10),
    levels: [1, 5, 15, 40, 90, 160], ticks: [[-10, -5, 0], [-2, -1, 0, 1, 2]], top: 1e4 },
  minima: { ...twoMinima(), start: [-0.4, 1.6], frame: [[-3.4, 2.4], [-2, 2]], all: tilts(1.5),
    levels: [0.1, 0.5, 1.2, 2, 2.45, 2.8, 4, 6, 9], ticks: [[-3, -2, -1, 0, 1, 2], [-2, -1, 0, 1, 2]], top: 1e4 },
};
const surfaceOf = (state) => SURFACES[state.surface] ?? SURFACES.bowl;

// -- the paths -------------------------------------------------------------------------------------------------------

const walk = (surface, { start, rate, momentum, batch }) => descend(surface, { start, rate, momentum, batch, steps: STEPS, all: surface.all });

/** Kept paths are settings in the address: rate, momentum, batch and start, joined by "_", one after another by "~". */
function readKept(state) {
  return state.kept.split("~").map((setting) => setting.split("_").map(Number))
    .filter((numbers) => numbers.length === 5 && numbers.every(Number.isFinite) && numbers[0] > 0 && numbers[1] >= 0 && numbers[1] < 1
      && BATCHES.includes(numbers[2]))
    .slice(0, MOST_KEPT)
    .map(([rate, momentum, batch, x, y]) => ({ rate, momentum, batch, start: [x, y] }));
}
const inHand = (state) => ({ rate: state.rate, momentum: state.momentum, batch: state.batch, start: [state.x, state.y] });
const written = ({ rate, momentum, batch, start }) => [rate, momentum, batch, ...start].join("_");

let shown = { id: "", paths: [] };

function follow(state) {
  const settings = [inHand(state), ...readKept(state)];
  const id = `${state.surface} ${settings.map(written)}`;
  if (id !== shown.id) shown = { id, settings, paths: settings.map((setting) => walk(surfaceOf(state), setting)) };
}

// -- the map ---------------------------------------------------------------------------------------------------------

const contours = make("path", { class: "contour" });
const stars = make("g", { "aria-hidden": "true" });
const tracks = Array.from({ length: MOST_KEPT + 1 }, (_, i) => make("g", { class: `path path-${i}` },
  make("path", { class: "track" }), make("path", { class: "steps" })));
const start = make("g", { class: "start", tabindex: 0, role: "slider", "aria-valuenow": 0, "aria-label": "Start", "aria-orientation": "vertical" },
  make("circle", { r: 20, class: "reach" }), make("circle", { r: 8, class: "dot" }));
const callout = make("text", { class: "callout", "aria-hidden": "true" }, "start: drag me");

const map = new Plot({
  title: "The path, from above", className: "map",
  x: { domain: [-10, 3], ticks: [], label: "w₁", grid: false },
  y: { domain: [-4, 4], ticks: [], label: "w₂" },
  draw: () => drawMap(),
});
map.area.append(contours, ...tracks.toReversed(), stars);
map.over.append(callout, start);
let mapped = "";

function place(x, y) {
  callout.remove();
  const frame = surfaceOf(lab.state).frame;
  lab.change({ x: Number(clamp(x, ...frame[0]).toPrecision(3)), y: Number(clamp(y, ...frame[1]).toPrecision(3)) });
}
draggable(map, start, {
  move: place,
  nudge: (dx, dy) => {
    const [across, up] = surfaceOf(lab.state).frame.map(([low, high]) => (high - low) / 60);
    place(lab.state.x + dx * across, lab.state.y + dy * up);
  },
  reset: () => place(...surfaceOf(lab.state).start),
});
set(map.svg, { click: (event) => { if (!start.contains(event.target)) place(...map.at(event)); } });

function drawMap() {
  const surface = surfaceOf(lab.state);
  Object.assign(map.xAxis, { domain: surface.frame[0], ticks: surface.ticks[0] });
  Object.assign(map.yAxis, { domain: surface.frame[1], ticks: surface.ticks[1] });
  if (!map.width) return;
  const id = `${lab.state.surface} ${map.width} ${map.height}`;
  if (mapped !== id) {
    mapped = id;
    map.layOut();
    contours.setAttribute("d", surface.levels.flatMap((level) => contour(surface.loss, surface.frame, level))
      .map(([a, b, c, d]) => map.line([a, c], [b, d])).join(""));
    stars.replaceChildren(...surface.minima.map(({ at, name }) => make("g", { transform: `translate(${map.x(at[0])} ${map.y(at[1])})` },
      make("path", { class: "star", d: "M0-8L2-2.6 8-2.6 3.2 1 5 7 0 3.4-5 7-3.2 1-8-2.6-2-2.6Z" }),
      ...name ? [make("text", { y: 26, "text-anchor": "middle" }, name)] : [])));
  }
  const inside = (values, axis) => values.map((value) => clamp(axis(value), -1e6, 1e6));
  tracks.forEach((track, i) => {
    const path = shown.paths[i];
    const [line, steps] = track.children;
    if (!path) return [line, steps].forEach((shape) => shape.removeAttribute("d"));
    line.setAttribute("d", map.line(path.first, path.second));
    const [xs, ys] = [inside(path.first, map.x), inside(path.second, map.y)];
    steps.setAttribute("d", xs.map((x, k) => Math.abs(x) + Math.abs(ys[k]) < 4000 ? `M${x.toFixed(1)} ${ys[k].toFixed(1)}h0` : "").join(""));
  });
  const { x, y } = lab.state;
  set(start, { transform: `translate(${map.x(x).toFixed(1)} ${map.y(y).toFixed(1)})`, "aria-valuemin": surface.frame[1][0],
    "aria-valuemax": surface.frame[1][1], "aria-valuenow": y, "aria-valuetext": spoken(`${text(x)} along, ${text(y)} up`) });
  const right = x > surface.frame[0][0] / 2;
  set(callout, { x: map.x(x) + (right ? -2 : 2), y: map.y(y) - 15, "text-anchor": right ? "middle" : "start" });
}

// -- the loss --------------------------------------------------------------------------------------------------------

const curves = tracks.map((_, i) => make("path", { class: `path path-${i}` }));
const losses = new Plot({
  title: "Loss by step", className: "losses",
  x: { domain: [0, STEPS], ticks: [0, 25, 50, 75, 100], label: "step" },
  y: { domain: [LOWEST, 1e4], form: "log", ticks: [1e-8, 1e-6, 1e-4, 0.01, 1, 100, 1e4], show: (value) => text(value, 1) },
  draw: () => drawLosses(),
});
losses.area.append(...curves.toReversed());

function drawLosses() {
  if (!losses.x) return;
  curves.forEach((curve, i) => {
    const path = shown.paths[i];
    curve.setAttribute("d", path ? losses.line(path.loss.map((_, k) => k), path.loss.map((loss) => Math.max(loss, LOWEST))) : "");
  });
}

// -- the mark on the slider, and the paths that are kept ---------------------------------------------------------------

const RATES = { min: -3, max: 0.3, step: 0.01 };
const marks = make("div", { class: "marks" });
let marked = "";

function drawMarks(state) {
  const shownMarks = surfaceOf(state).minima.map(({ curvature, name }) => [limit(curvature, state.momentum), name]);
  const id = String(shownMarks);
  if (id === marked) return;
  marked = id;
  marks.replaceChildren(...shownMarks.map(([rate, name], i) => {
    const at = (Math.log10(rate) - RATES.min) / (RATES.max - RATES.min);
    const mark = make("span", { class: `limit ${at > 0.55 ? "leftward" : ""} row-${i}` }, make("span", {}, `${name ? `leaves the ${name} minimum` : "diverges"} beyond ${text(rate)}`));
    mark.style.setProperty("--at", at);
    return mark;
  }));
}

const list = make("ul", { class: "kept", "aria-label": "Paths shown" });
const keep = make("button", { type: "button", click: () => lab.change({ kept: [written(inHand(lab.state)), ...readKept(lab.state).map(written)].join("~") }) },
  "Keep this path");
const clear = make("button", { type: "button", click: () => lab.change({ kept: "" }) }, "Clear kept paths");

function drawKept() {
  list.replaceChildren(...shown.settings.map(({ rate, momentum, batch }, i) => make("li", {},
    make("svg", { viewBox: "0 0 34 12", class: "swatch", "aria-hidden": "true" }, make("path", { class: `path path-${i}`, d: "M1 6H33" })),
    `rate ${text(rate)}, momentum ${fixed(momentum)}, batch ${batch === EXAMPLES ? "all" : batch}`)));
  keep.disabled = shown.settings.length > MOST_KEPT;
  clear.disabled = shown.settings.length === 1;
}

// -- together --------------------------------------------------------------------------------------------------------

function sentence(state) {
  const surface = surfaceOf(state);
  const [path] = shown.paths;
  const last = path.loss.length - 1;
  const end = [path.first[last], path.second[last]];
  const distance = (w, { at }) => Math.hypot(w[0] - at[0], w[1] - at[1]);
  const begins = `Learning rate ${text(state.rate)}`;
  if (path.away) return `${begins}: the path has run away; after ${last} steps it was left alone.`;
  const nearest = surface.minima.toSorted((a, b) => distance(end, a) - distance(end, b))[0];
  const from = distance([state.x, state.y], nearest);
  const beyond = state.rate > limit(nearest.curvature, state.momentum);
  const share = from > 0 ? distance(end, nearest) / from : 1;
  if (nearest.name) {
    const near = distance(end, nearest) < 0.3;
    return `${begins}: after ${last} steps the path ${near ? `is at the ${nearest.name} minimum` : "has not come to rest at either minimum"}, loss ${text(path.loss[last], 2)}.`
      + ` The sharp one lets go beyond ${text(limit(surface.minima[0].curvature, state.momentum))}, the flat one beyond ${text(limit(surface.minima[1].curvature, state.momentum))}.`;
  }
  const result = share > 1 ? `the path is ${text(share, 2)} times as far from the minimum as at the start` : `${share < 1e-4 ? text(share, 2) : `${text(100 * share, 2)}%`} of the distance to the minimum is left`;
  const reason = beyond ? "beyond the limit, so it runs away" : `below the limit of ${text(limit(nearest.curvature, state.momentum))}${state.batch < EXAMPLES ? ", but small batches keep it trembling" : ""}`;
  return `${begins}: after ${last} steps ${result}; the rate is ${reason}.`;
}

lab.guard((state) => {
  const { frame } = surfaceOf(state);
  [state.x, state.y] = [clamp(state.x, ...frame[0]), clamp(state.y, ...frame[1])];
});
lab.start(
  (state) => {
    follow(state);
    drawMap();
    drawLosses();
    drawMarks(state);
    drawKept();
    return sentence(state);
  },
  make("div", { class: "plots" }, map.box, losses.box,
    lab.slider("rate", "Learning rate η", { ...RATES, from: Math.log10, to: (power) => Number((10 ** power).toPrecision(3)), marks }),
    make("div", { class: "pair" },
      lab.slider("momentum", "Momentum β", { min: 0, max: 0.99, step: 0.01, show: fixed }),
      lab.slider("batch", "Batch size", { min: 0, max: BATCHES.length - 1, step: 1, from: (size) => BATCHES.indexOf(size), to: (i) => BATCHES[i],
        show: (size) => size === EXAMPLES ? `all ${EXAMPLES}` : `${size} of ${EXAMPLES}` }))),
  make("div", { class: "controls" },
    lab.choice("surface", "Surface", { bowl: "bowl", valley: "narrow valley", minima: "two minima" },
      (surface) => ({ kept: "", x: SURFACES[surface].start[0], y: SURFACES[surface].start[1] })),
    list),
);
lab.buttons.prepend(keep, clear);
