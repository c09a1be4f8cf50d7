// Shrinkage: what a penalty does to a polynomial and to its coefficients, solved again at every move.

import { Laboratory, Plot, clamp, draggable, fixed, make, set, spoken, text } from "./shared.js";
import { design, path, predict, prepare } from "./shrinkage-solver.js";

export const TRUTH = [1, 4, -5];  // the parabola that the points were drawn from
const POWERS = { low: -14, high: 1 };  // of the λ on offer
const LAMBDAS = Array.from({ length: 61 }, (_, i) => 10 ** (POWERS.high - i / 4));
const FINE = Array.from({ length: 201 }, (_, i) => i / 200);
const HEIGHTS = [-1.6, 2.4];
const X_STEP = 0.01, Y_STEP = 0.05;

const place = document.getElementById("shrinkage");
const data = JSON.parse(place.dataset.course);
const round = (value) => Number(value.toFixed(3));
const initial = {
  penalty: "l1", power: -3, basis: "powers", degree: 9, mix: 0.5, constant: true,
  x: data.x.map(round), y: data.y.map(round),
};
const NAMES = { none: "No penalty", l1: "L1", l2: "L2", net: "Elastic net" };

const lab = new Laboratory("shrinkage", {
  title: "Try it: shrink a curve",
  hint: "Drag a point up or down, or move the slider λ. Everything is fitted again as you move.",
  initial,
});

const truth = FINE.map((x) => TRUTH.reduce((sum, c, k) => sum + c * x ** k, 0));
const rms = (a, b) => Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0) / a.length);
const lambdaOf = (state) => 10 ** state.power;

// -- the fits --------------------------------------------------------------------------------------------------------

let known = {};  // what has been computed for the present points and settings, apart from λ

function solve(state) {
  const { x, y, degree, basis, penalty, mix, constant } = state;
  const id = JSON.stringify([x, y, degree, basis, penalty, mix, constant]);
  if (known.id !== id) {
    const shape = `${degree} ${basis}`;
    if (known.shape !== shape) {
      const trueCoefficients = new Float64Array(degree + 1);
      const few = Math.min(degree, 2);
      trueCoefficients.set(prepare(FINE, truth, { degree: few, basis, penalty: "none", constant: true })(0).p);
      known = { shape, curves: design(FINE, degree, basis), trueCoefficients };
    }
    const columns = design(x, degree, basis);
    const fit = prepare(x, y, { degree, basis, penalty, mix, constant });
    const judge = ({ p }) => ({ training: rms(predict(columns, p), y), real: rms(predict(known.curves, p), truth) });
    const fits = penalty === "none" ? [{ lambda: LAMBDAS[0], ...fit(0) }] : path(fit, LAMBDAS);
    known = { ...known, id, fit, judge, fits, errors: fits.map(judge) };
  }
  const near = known.fits.findLast((one) => one.lambda >= lambdaOf(state));
  const now = penalty === "none" ? known.fits[0] : known.fit(lambdaOf(state), near?.p);
  return { ...now, ...known.judge(now), curve: predict(known.curves, now.p) };
}

// -- the curve and its points ----------------------------------------------------------------------------------------

let now;
const trueLine = make("path", { class: "true" });
const fitLine = make("path", { class: "fit" });
const trueName = make("text", { class: "true-name" }, "true parabola");
const callout = make("text", { class: "callout", "aria-hidden": "true" }, "↕ drag me");
const points = initial.x.map((_, i) => {
  const point = make("g", { class: "point", tabindex: 0, role: "slider", "aria-valuenow": 0, "aria-label": `Point ${i + 1} of ${initial.x.length}`,
    "aria-orientation": "vertical" }, make("circle", { r: 20, class: "reach" }), make("circle", { r: 7, class: "dot" }));
  const place = (x, y) => callout.remove() || lab.change({
    x: lab.state.x.with(i, round(clamp(x, 0, 1))),
    y: lab.state.y.with(i, round(clamp(y, ...HEIGHTS))),
  });
  queueMicrotask(() => draggable(curvePlot, point, {
    move: place,
    nudge: (dx, dy) => place(lab.state.x[i] + dx * X_STEP, lab.state.y[i] + dy * Y_STEP),
    reset: () => place(initial.x[i], initial.y[i]),
  }));
  return point;
});

const curvePlot = new Plot({
  title: "The points and the fitted curve", className: "curve",
  x: { domain: [-0.04, 1.04], ticks: [0, 0.25, 0.5, 0.75, 1], label: "x" },
  y: { domain: HEIGHTS, ticks: [-1, 0, 1, 2], label: "y" },
  draw: (plot) => {
    trueLine.setAttribute("d", plot.line(FINE, truth));
    set(trueName, { x: plot.x(0.985), y: plot.y(-0.42), "text-anchor": "end" });
    if (now) drawCurve();
  },
});
curvePlot.area.append(trueLine, fitLine, trueName);
curvePlot.over.append(callout, ...points);

function drawCurve() {
  if (!curvePlot.x) return;
  fitLine.setAttribute("d", curvePlot.line(FINE, now.curve));
  set(callout, { x: curvePlot.x(lab.state.x[4]) + 14, y: curvePlot.y(lab.state.y[4]) - 4 });
  points.forEach((point, i) => {
    const [x, y] = [lab.state.x[i], lab.state.y[i]];
    set(point, { transform: `translate(${curvePlot.x(x).toFixed(1)} ${curvePlot.y(y).toFixed(1)})`,
      "aria-valuemin": HEIGHTS[0], "aria-valuemax": HEIGHTS[1], "aria-valuenow": y, "aria-valuetext": spoken(`x ${fixed(x)}, y ${fixed(y)}`) });
  });
}

// -- the coefficients ------------------------------------------------------------------------------------------------

const AXES = {
  powers: { domain: [-2e6, 2e6], ticks: [-1e6, -1e3, -1, 0, 1, 1e3, 1e6] },
  legendre: { domain: [-12, 12], ticks: [-10, -3, -1, 0, 1, 3, 10] },
};
const barPlot = new Plot({
  title: "Coefficients", className: "bars",
  legend: [make("span", { class: "gone-key" }, "○ exactly zero"), make("span", { class: "true-key" }, "▬ parabola")],
  x: { domain: [-0.7, 9.7], ticks: [], grid: false, room: 21 },
  y: { ...AXES.powers, form: "signed", show: (value) => (value < 0 ? "−" : "") + text(Math.abs(value)) },
  margin: { left: 44, bottom: 40 },
  draw: () => { if (now) drawBars(); },
});
barPlot.xAxis.show = (k) => lab.state.basis === "powers" ? ["1", "x"][k] ?? `x^{${k}}` : `${k}`;
const bars = make("g");
barPlot.area.append(bars);
let barShape = "";

function drawBars() {
  const { basis, degree } = lab.state;
  const shape = `${basis} ${degree}`;
  if (shape !== barShape) {
    barShape = shape;
    Object.assign(barPlot.yAxis, AXES[basis]);
    Object.assign(barPlot.xAxis, {
      domain: [-0.7, degree + 0.7], ticks: Array.from({ length: degree + 1 }, (_, k) => k),
      label: basis === "powers" ? "coefficient of" : "coefficient of the Legendre polynomial",
    });
    if (barPlot.width) barPlot.layOut();
  }
  if (!barPlot.x) return;
  const wide = Math.min(18, (barPlot.x(1) - barPlot.x(0)) * 0.6);
  const zero = barPlot.y(0);
  const limit = (value) => Math.max(-1e9, Math.min(1e9, value));
  bars.replaceChildren(...Array.from(now.p, (value, k) => {
    const [middle, end] = [barPlot.x(k), barPlot.y(limit(value))];
    const mark = make("line", { class: "true-mark", x1: middle - wide / 2 - 2, x2: middle + wide / 2 + 2,
      y1: barPlot.y(known.trueCoefficients[k]), y2: barPlot.y(known.trueCoefficients[k]) });
    const bar = value === 0
      ? make("circle", { class: "gone", cx: middle, cy: zero, r: Math.min(5, wide / 2) })
      : make("rect", { class: "bar", x: middle - wide / 2, width: wide, y: Math.min(zero, end), height: Math.max(1.5, Math.abs(end - zero)) });
    return make("g", {}, bar, ...Math.abs(known.trueCoefficients[k]) > 1e-9 ? [mark] : []);
  }));
}

// -- the errors against λ --------------------------------------------------------------------------------------------

const errorLines = { training: make("path", { class: "training" }), real: make("path", { class: "real" }) };
const errorNames = { training: make("text", { class: "training-name" }, "at the points"), real: make("text", { class: "real-name" }, "from the true parabola") };
const current = make("line", { class: "current" });
const dots = { training: make("circle", { r: 5, class: "training-dot" }), real: make("circle", { r: 5, class: "real-dot" }) };
const errorPlot = new Plot({
  title: "Miss (root mean square) for every λ", className: "errors",
  x: { domain: [10 ** POWERS.low, 10 ** POWERS.high], form: "log", ticks: [-14, -12, -10, -8, -6, -4, -2, 0].map((k) => 10 ** k),
    show: (value) => value === 1 ? "1" : text(value), label: "λ, scikit-learn's alpha" },
  y: { domain: [0, 1.2], ticks: [0, 0.3, 0.6, 0.9, 1.2] },
  margin: { top: 8 },
  draw: () => { if (now) drawErrors(); },
});
errorPlot.area.append(...Object.values(errorLines), current, ...Object.values(errorNames), ...Object.values(dots));
const setPower = (event) => {
  const power = Math.log10(errorPlot.at(event)[0]);
  lab.change({ power: clamp(Math.round(power * 20) / 20, POWERS.low, POWERS.high) });
};
set(errorPlot.svg, {
  pointerdown: (event) => { if (lab.state.penalty !== "none" && event.pointerType === "mouse") { errorPlot.svg.setPointerCapture(event.pointerId); setPower(event); } },
  pointermove: (event) => { if (errorPlot.svg.hasPointerCapture(event.pointerId)) setPower(event); },
});

function drawErrors() {
  if (!errorPlot.x) return;
  const free = lab.state.penalty === "none";
  const lambdas = free ? [10 ** POWERS.high, 10 ** POWERS.low] : LAMBDAS;
  const at = errorPlot.x(free ? 10 ** POWERS.low : lambdaOf(lab.state));
  set(current, { x1: at, x2: at, y1: 0, y2: errorPlot.height - errorPlot.margin.bottom, visibility: free ? "hidden" : "visible" });
  for (const kind of ["training", "real"]) {
    const values = free ? [now[kind], now[kind]] : known.errors.map((error) => error[kind]);
    errorLines[kind].setAttribute("d", errorPlot.line(lambdas, values));
    set(dots[kind], { cx: at, cy: errorPlot.y(Math.min(1.2, now[kind])) });
    const left = values.at(-1);
    const other = free ? now[kind === "training" ? "real" : "training"] : known.errors.at(-1)[kind === "training" ? "real" : "training"];
    const above = left >= other;
    const y = Math.min(errorPlot.y(0) - 8, Math.max(errorPlot.margin.top + 14, errorPlot.y(left) + (above ? -9 : 19)));
    set(errorNames[kind], { x: errorPlot.margin.left + 12, y: above && left > 1.1 ? errorPlot.margin.top + 26 : y });
  }
}

// -- together --------------------------------------------------------------------------------------------------------

function sentence(state) {
  const zeros = now.p.filter((value) => value === 0).length;
  const setting = state.penalty === "none" ? "No penalty" : `${NAMES[state.penalty]}, λ = ${text(lambdaOf(state))}`;
  const counted = zeros ? `${zeros} of ${now.p.length} coefficients ${zeros === 1 ? "is" : "are"} zero` : `none of ${now.p.length} coefficients is zero`;
  if (!now.converged) return `${setting}: not solved to full accuracy here; what is drawn is the nearest that was found.`;
  const reach = now.training < 1e-6 ? "passes through the points" : `misses the points by ${text(now.training, 2)}`;
  return `${setting}: ${counted}. The curve ${reach} and ${now.training < 1e-6 ? "misses " : ""}the true parabola by ${text(now.real, 2)}.`;
}

lab.guard((state) => {
  state.x = state.x.map((x) => clamp(x, 0, 1));
  state.y = state.y.map((y) => clamp(y, ...HEIGHTS));
});
lab.start(
  (state) => {
    now = solve(state);
    drawCurve();
    drawBars();
    drawErrors();
    return sentence(state);
  },
  make("div", { class: "plots" }, curvePlot.box, barPlot.box, make("div", { class: "errors-and-slider" }, errorPlot.box,
    lab.slider("power", "λ", { min: POWERS.low, max: POWERS.high, step: 0.05, show: (power) => text(10 ** power),
      active: (state) => state.penalty !== "none" }))),
  make("div", { class: "controls" },
    lab.choice("penalty", "Penalty", { none: "none", l1: "L1", l2: "L2", net: "elastic net" }),
    lab.choice("basis", "Polynomials", { powers: "powers of x", legendre: "Legendre" }),
    lab.slider("degree", "Degree", { min: 0, max: 15, step: 1 }),
    lab.slider("mix", "Share of L1", { min: 0.05, max: 0.95, step: 0.05, show: fixed, active: (state) => state.penalty === "net" }),
    lab.check("constant", "the constant pays too")),
);
