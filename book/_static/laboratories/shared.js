// What the laboratories share: numbers as text, scales and axes, controls with their values, and a state in the address.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML or SVG element with attributes (functions become event listeners) and children. */
export function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "g", "path", "line", "circle", "rect", "text", "tspan", "clipPath", "title"].includes(tag);
  const element = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  return set(element, attributes, ...children);
}

export function set(element, attributes, ...children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === false || value == null) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

// -- numbers as text -------------------------------------------------------------------------------------------------

/** A number as text, with a true minus sign; exponents are marked as in 3.2 × 10^{−5}. Never "NaN" or "Infinity". */
export function text(value, digits = 3) {
  if (!Number.isFinite(value)) return "beyond all numbers";
  const size = Math.abs(value);
  let shown = size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(digits - 1) : Number(value.toPrecision(digits)).toString();
  const [number, exponent] = shown.split("e");
  if (exponent) shown = `${number === "1" || /^1\.0*$/.test(number) ? "" : `${number} × `}10^{${Number(exponent)}}`;
  return shown.replaceAll("-", "−");
}

/** A number with a fixed count of decimals. */
export const fixed = (value, decimals = 2) => Number.isFinite(value) ? value.toFixed(decimals).replace("-", "−") : text(value);

/** The same for a screen reader, which would read an exponent as a part of the number. */
export const spoken = (shown) => shown.replace(/\^\{(.*?)\}/g, " to the power $1").replaceAll("−", "minus ");

/** Write text into an element, exponents raised. */
export function write(element, shown) {
  const raised = element.namespaceURI === SVG
    ? (part) => make("tspan", { dy: "-.45em", "font-size": ".75em" }, part) : (part) => make("sup", {}, part);
  const parts = String(shown).split(/\^\{(.*?)\}/);
  element.replaceChildren(...parts.map((part, i) => i % 2 ? raised(part)
    : i && element.namespaceURI === SVG && part ? make("tspan", { dy: ".34em" }, part) : part));
}

// -- scales and plots ------------------------------------------------------------------------------------------------

const FORMS = { linear: (v) => v, log: Math.log10, signed: (v) => Math.sign(v) * Math.log10(1 + Math.abs(v) / 0.1) };
const INVERSES = { linear: (v) => v, log: (v) => 10 ** v };

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** Values to pixels: linear, "log", or "signed", a logarithmic scale through zero. */
export function scale(domain, range, form = "linear") {
  const [low, high] = domain.map(FORMS[form]);
  const at = (value) => range[0] + (FORMS[form](value) - low) / (high - low) * (range[1] - range[0]);
  at.invert = (pixel) => INVERSES[form](low + (pixel - range[0]) / (range[1] - range[0]) * (high - low));
  return at;
}

let plots = 0;

/**
 * A plot with axes that fills its box and draws itself again when the box changes its size.
 *
 * Axes are {domain, form, ticks: [values], label, show: value => text}. `draw(plot)` puts shapes into `plot.area`, which is
 * clipped to the frame, and `plot.over`, which is not.
 */
export class Plot {
  constructor({ title, legend = [], x, y, margin = {}, draw, className = "" }) {
    Object.assign(this, { xAxis: x, yAxis: y, draw, margin: { top: 12, right: 12, bottom: 40, left: 46, ...margin } });
    const clip = `laboratory-clip-${plots++}`;
    this.frame = make("rect");
    this.axes = make("g", { class: "axes", "aria-hidden": "true" });
    this.area = make("g", { "clip-path": `url(#${clip})` });
    this.over = make("g");
    this.svg = make("svg", { role: "group", "aria-label": title },
      make("clipPath", { id: clip }, this.frame), this.axes, this.area, this.over);
    this.box = make("div", { class: `plot ${className}` }, make("p", { class: "plot-title", "aria-hidden": "true" }, title, ...legend), this.svg);
    new ResizeObserver(() => this.resize()).observe(this.svg);
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.svg;
    if (!width || !height || (width === this.width && height === this.height)) return;
    Object.assign(this, { width, height });
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.layOut();
    this.draw(this);
  }

  layOut() {
    const { top, right, bottom, left } = this.margin;
    const [end, floor] = [this.width - right, this.height - bottom];
    this.x = scale(this.xAxis.domain, [left, end], this.xAxis.form);
    this.y = scale(this.yAxis.domain, [floor, top], this.yAxis.form);
    set(this.frame, { x: left, y: top, width: end - left, height: floor - top });
    this.axes.replaceChildren();
    const put = (tag, attributes, ...children) => this.axes.append(make(tag, attributes, ...children));
    const label = (attributes, shown) => { put("text", attributes); write(this.axes.lastChild, shown); };
    for (const value of this.yAxis.ticks) {
      put("line", { x1: left, x2: end, y1: this.y(value), y2: this.y(value), class: value === 0 ? "zero" : "grid" });
      label({ x: left - 7, y: this.y(value), dy: ".34em", "text-anchor": "end" }, (this.yAxis.show ?? text)(value));
    }
    const room = (end - left) / (this.xAxis.ticks.length || 1);
    this.xAxis.ticks.forEach((value, i) => {
      if (this.xAxis.grid !== false) put("line", { x1: this.x(value), x2: this.x(value), y1: top, y2: floor, class: "grid" });
      if (room > (this.xAxis.room ?? 30) || i % 2 === 0) {
        label({ x: this.x(value), y: floor + 17, "text-anchor": "middle" }, (this.xAxis.show ?? text)(value));
      }
    });
    label({ x: (left + end) / 2, y: this.height - 5, "text-anchor": "middle", class: "label" }, this.xAxis.label ?? "");
    put("text", { transform: `translate(13 ${(top + floor) / 2}) rotate(-90)`, "text-anchor": "middle", class: "label" },
      this.yAxis.label ?? "");
  }

  /** The SVG path through points given in the plot's values; what is not finite breaks the line. */
  line(xs, ys) {
    const limit = (pixel) => Math.max(-1e4, Math.min(1e4, pixel)).toFixed(1);
    let pen = "M";
    let path = "";
    for (let i = 0; i < xs.length; i++) {
      const [px, py] = [this.x(xs[i]), this.y(ys[i])];
      if (Number.isNaN(px + py) || !Number.isFinite(xs[i])) { pen = "M"; continue; }
      path += `${pen}${limit(px)} ${limit(py)}`;
      pen = "L";
    }
    return path;
  }

  /** The values at a pointer's place. */
  at(event) {
    const box = this.svg.getBoundingClientRect();
    return [this.x.invert(event.clientX - box.left), this.y.invert(event.clientY - box.top)];
  }
}

/** Let `handle` be dragged, and moved by arrow keys: `move(x, y)` in the plot's values, `nudge(dx, dy)` in steps of 1. */
export function draggable(plot, handle, { move, nudge, reset }) {
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  const follow = (event) => move(...plot.at(event));
  set(handle, {
    touchstart: (event) => event.preventDefault(),  // no scrolling; the style touch-action is not heeded inside an SVG
    pointerdown: (event) => {
      event.preventDefault();
      handle.focus({ preventScroll: true });
      handle.setPointerCapture(event.pointerId);
      handle.addEventListener("pointermove", follow);
    },
    pointerup: () => handle.removeEventListener("pointermove", follow),
    pointercancel: () => handle.removeEventListener("pointermove", follow),
    keydown: (event) => {
      const far = event.shiftKey ? 5 : 1;
      if (arrows[event.key]) nudge(...arrows[event.key].map((step) => step * far));
      else if (event.key === "Home" && reset) reset();
      else return;
      event.preventDefault();
    },
  });
}

// -- a laboratory with its controls ----------------------------------------------------------------------------------

/**
 * Fill the laboratory's place on the page and keep its state: in the controls, in the address, and in the figure.
 *
 * `initial` is the state to begin with, a flat object of numbers, strings, booleans and lists of numbers. `update(state)`
 * draws it, at most once a frame, and returns the sentence that says what is seen.
 */
export class Laboratory {
  constructor(name, { title, hint, initial }) {
    Object.assign(this, { name, initial, state: structuredClone(initial), controls: [] });
    this.place = document.getElementById(name);
    this.course = JSON.parse(this.place.dataset.course);
    this.sentence = make("p", { class: "sentence", "aria-hidden": "true" });
    this.announced = make("p", { class: "announced", role: "status", "aria-live": "polite" });
    this.buttons = make("div", { class: "buttons" });
    this.title = make("p", { class: "title" }, title);  // no heading: it may stand in a section of any depth
    this.hint = make("p", { class: "hint" }, hint);
  }

  /** Put the parts on the page, the sentence after the first of them, and begin. */
  start(update, ...parts) {
    this.update = update;
    set(this.place, { role: "region", "aria-label": this.title.textContent });
    this.button("Reset", () => this.change(structuredClone(this.initial)));
    const copy = this.button("Copy link to this setting", async () => {
      this.writeAddress();
      const done = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
      copy.textContent = done ? "Link copied" : "The address bar has the link";
      setTimeout(() => { copy.textContent = "Copy link to this setting"; }, 2500);
    });
    const [first, ...others] = parts;
    this.place.replaceChildren(make("div", { class: "inside" }, make("div", { class: "head" }, this.title, this.hint),
      first, this.sentence, this.announced, ...others, this.buttons));
    this.place.classList.add("started");
    this.readAddress();
    addEventListener("hashchange", () => this.readAddress());
    this.show();
  }

  button(label, click) {
    const button = make("button", { type: "button", click }, label);
    this.buttons.append(button);
    return button;
  }

  /** Change some of the state; the figure follows in the next frame, the address and the spoken sentence a little later. */
  change(values) {
    Object.assign(this.state, values);
    clearTimeout(this.later);
    this.later = setTimeout(() => { this.writeAddress(); this.announced.textContent = spoken(this.said); }, 600);
    this.frame ??= requestAnimationFrame(() => { this.frame = null; this.show(); });
  }

  show() {
    for (const control of this.controls) control();
    this.said = this.update(this.state);
    write(this.sentence, this.said);
  }

  writeAddress() {
    const changed = Object.entries(this.state).filter(([key, value]) => String(value) !== String(this.initial[key]));
    const mine = `#${this.name}?`;
    if (!changed.length && !location.hash.startsWith(mine)) return;
    const values = changed.map(([key, value]) => `${key}=${encodeURIComponent(value).replaceAll("%2C", ",")}`);
    history.replaceState(history.state, "", values.length ? mine + values.join("&") : location.pathname + location.search);
  }

  readAddress() {
    const [name, values] = location.hash.slice(1).split("?");
    if (name !== this.name || values === undefined) return;
    const state = structuredClone(this.initial);
    for (const [key, given] of new URLSearchParams(values)) {
      const old = this.initial[key];
      const number = given.trim() === "" ? NaN : Number(given);
      if (typeof old === "number" && Number.isFinite(number)) state[key] = number;
      if (typeof old === "boolean") state[key] = given === "true";
      if (typeof old === "string") state[key] = given;
      const list = given.split(",").map(Number);
      if (Array.isArray(old) && list.length === old.length && list.every(Number.isFinite)) state[key] = list;
    }
    for (const control of this.controls) control.check?.(state);
    this.place.scrollIntoView();
    this.change(state);
  }

  /** Let `repair(state)` put right what a link brings for values that have no control. */
  guard(repair) {
    this.controls.push(Object.assign(() => {}, { check: repair }));
  }

  /** A slider with its value beside it; `from` and `to` turn the state's value into the slider's and back. */
  slider(key, label, { min, max, step, show = text, from = (v) => v, to = (v) => v, active = () => true, marks = "" }) {
    const id = `${this.name}-${key}`;
    const output = make("output", { for: id });
    const input = make("input", { type: "range", id, min, max, step, input: () => this.change({ [key]: to(Number(input.value)) }) });
    const control = () => {
      const value = this.state[key];
      input.value = from(value);
      input.disabled = !active(this.state);
      const shown = input.disabled ? "not in use" : show(value);
      write(output, shown);
      input.setAttribute("aria-valuetext", spoken(shown));
    };
    control.check = (state) => { if (!(from(state[key]) >= min && from(state[key]) <= max)) state[key] = this.initial[key]; };
    this.controls.push(control);
    return make("div", { class: "slider" }, make("label", { for: id }, label), output, make("div", { class: "track" }, input, marks));
  }

  /** One of a few, as radio buttons. `options` maps values to labels; `also(value)` says what else changes with them. */
  choice(key, label, options, also = () => ({})) {
    const inputs = Object.entries(options).map(([value, name]) => [value, name, make("input", {
      type: "radio", name: `${this.name}-${key}`, value, change: () => this.change({ [key]: value, ...also(value) }),
    })]);
    const control = () => inputs.forEach(([value, , input]) => { input.checked = this.state[key] === value; });
    control.check = (state) => { if (!(state[key] in options)) state[key] = this.initial[key]; };
    this.controls.push(control);
    return make("fieldset", { class: "choice" }, make("legend", {}, label),
      make("div", {}, ...inputs.map(([, name, input]) => make("label", {}, input, make("span", {}, name)))));
  }

  /** Yes or no. */
  check(key, label) {
    const input = make("input", { type: "checkbox", change: () => this.change({ [key]: input.checked }) });
    this.controls.push(() => { input.checked = this.state[key]; });
    return make("label", { class: "check" }, input, make("span", {}, label));
  }
}
