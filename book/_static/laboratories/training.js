// Training: a real network, trained here on real digits. Its worker and the digits are loaded when it is first started.

import { Laboratory, Plot, fixed, make, set, text } from "./shared.js";

const course = JSON.parse(document.getElementById("training").dataset.course);  // the chapter's first guess
const { training, validation, epochs: EPOCHS } = course;
const BATCHES = [10, 25, 50, 100, 250, training];
const NODES = [16, 32, 64, 128, 256];
const PENALTIES = { min: -6, max: -1, step: 0.5 };  // as powers of ten; the lowest is none

const lab = new Laboratory("training", {
  title: "Try it: train a network",
  hint: "Press Train. Then change one thing and train again: the run before stays beside it.",
  initial: { measure: "accuracy", layers: course.layers, nodes: course.nodes, optimizer: "adam", power: Math.log10(course.rate), batch: course.batch,
    drop: 0, l1: PENALTIES.min, l2: PENALTIES.min, patience: 0 },
});
const OPTIMIZERS = { sgd: "SGD", momentum: "SGD, momentum 0.9", adam: "Adam" };
const penalty = (power) => power <= PENALTIES.min ? 0 : 10 ** power;
const settingOf = (state) => ({ layers: state.layers, nodes: state.nodes, optimizer: state.optimizer, rate: 10 ** state.power, batch: state.batch,
  drop: state.drop, l1: penalty(state.l1), l2: penalty(state.l2), patience: state.patience, epochs: EPOCHS });

// -- runs ------------------------------------------------------------------------------------------------------------

let worker;
let runs = [];  // the one before and the present one, each {number, setting, epochs: [...], running}

function startRun() {
  if (!worker) {
    worker = new Worker(new URL("training-worker.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }) => hear(data);
    worker.onerror = () => hear({ error: "the trainer could not be loaded" });
  }
  const number = (runs.at(-1)?.number ?? 0) + 1;
  runs = [...runs.slice(-1), { number, setting: settingOf(lab.state), epochs: [], running: true }];
  worker.postMessage({ type: "train", setting: runs.at(-1).setting, counts: { training, validation }, seed: number });
  lab.change({});
}

function hear(message) {
  const run = runs.at(-1);
  if (message.error) Object.assign(run, { running: false, error: message.error });
  else {
    run.epochs.push(message);
    run.running = !message.stops;
  }
  lab.change({});
}

// -- curves ----------------------------------------------------------------------------------------------------------

const MEASURES = {
  accuracy: { domain: [0.6, 1], ticks: [0.6, 0.7, 0.8, 0.9, 1], show: (value) => `${Math.round(100 * value)}%` },
  loss: { domain: [0, 1.2], ticks: [0, 0.3, 0.6, 0.9, 1.2], show: text },
};

function panel(title, which, className) {
  const lines = { training: make("path", { class: "training-line" }), validation: make("path", { class: "validation-line" }) };
  const names = { training: make("text", { class: "training-name" }, "training"), validation: make("text", { class: "validation-name" }, "validation") };
  const best = make("circle", { r: 5, class: "best" });
  const plot = new Plot({
    title, className,
    x: { domain: [0, EPOCHS], ticks: Array.from({ length: 5 }, (_, i) => i * EPOCHS / 4), label: "epoch" },
    y: { ...MEASURES.accuracy },
    draw: () => draw(),
  });
  plot.area.append(...Object.values(lines), best, ...Object.values(names));
  const heading = plot.box.querySelector(".plot-title");
  const about = make("p", { class: "about" });
  plot.box.append(about);
  let measured = "";
  const draw = () => {
    const measure = lab.state.measure;
    if (!plot.x) return;
    if (measure !== measured) {
      measured = measure;
      Object.assign(plot.yAxis, MEASURES[measure]);
      plot.layOut();
    }
    const run = which();
    heading.textContent = run ? `Run ${run.number}` : title;
    about.textContent = run ? describe(run) : "";
    const epochs = run?.epochs.filter((epoch) => !epoch.lost) ?? [];
    for (const kind of ["training", "validation"]) {
      lines[kind].setAttribute("d", plot.line(epochs.map(({ epoch }) => epoch), epochs.map((epoch) => epoch[kind][measure])));
      const last = epochs.at(-1);
      const other = last?.[kind === "training" ? "validation" : "training"][measure];
      const above = last && last[kind][measure] >= other;
      const y = last ? plot.y(last[kind][measure]) + (above ? -9 : 18) : 0;
      set(names[kind], { x: last ? Math.max(plot.x(last.epoch), plot.x(0) + 75) : 0, "text-anchor": "end", visibility: last ? "visible" : "hidden",
        y: Math.min(plot.y(plot.yAxis.domain[0]) - 6, Math.max(plot.margin.top + 14, y)) });
    }
    const at = epochs.at(-1)?.best;
    set(best, { visibility: at && run.setting.patience ? "visible" : "hidden",
      cx: plot.x(at ?? 0), cy: plot.y(at ? epochs[at - 1].validation[measure] : 0) });
  };
  return { plot, draw };
}

const now = panel("This run", () => runs.at(-1), "now");
const before = panel("The run before", () => runs.length > 1 ? runs[0] : null, "before");

function describe({ setting }) {
  const { layers, nodes, optimizer, rate, batch, drop, l1, l2, patience } = setting;
  return [`${layers} × ${nodes} nodes`, `${OPTIMIZERS[optimizer]} at ${plain(rate)}`, `batch ${batch}`, drop && `dropout ${fixed(drop, 1)}`,
    l1 && `L1 ${plain(l1)}`, l2 && `L2 ${plain(l2)}`, patience && `patience ${patience}`].filter(Boolean).join(", ");
}
const plain = (value) => Number(value.toPrecision(2)).toString();

// -- the digits it gets wrong ------------------------------------------------------------------------------------------

const gallery = make("ul", { class: "wrong", "aria-label": "Validation digits that the network gets wrong" });
const galleryTitle = make("p", { class: "plot-title" }, "The first digits that it gets wrong");
let pictured;

function drawMistakes() {
  const epoch = runs.at(-1)?.epochs.at(-1);
  if (epoch === pictured) return;
  pictured = epoch;
  const mistakes = epoch?.mistakes ?? [];
  while (gallery.children.length > mistakes.length) gallery.lastChild.remove();
  while (gallery.children.length < mistakes.length) {
    gallery.append(make("li", {}, make("canvas", { width: 28, height: 28, role: "img" }), make("span")));
  }
  mistakes.forEach(({ image, answer, label }, i) => {
    const [canvas, words] = gallery.children[i].children;
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(28, 28);
    image.forEach((pixel, k) => pixels.data.set([255 - pixel, 255 - pixel, 255 - pixel, 255], 4 * k));
    context.putImageData(pixels, 0, 0);
    canvas.setAttribute("aria-label", `a ${label}`);
    words.textContent = `${answer}, not ${label}`;
  });
}

// -- together --------------------------------------------------------------------------------------------------------

function sentence() {
  const run = runs.at(-1);
  if (!run) return `Nothing is trained yet. Train loads ${training} training and ${validation} validation digits (300 KB) and begins at once, in your browser.`;
  if (run.error) return `Run ${run.number} did not work: ${run.error}.`;
  const epoch = run.epochs.at(-1);
  if (!epoch) return `Run ${run.number}: loading the digits.`;
  if (epoch.lost) return `Run ${run.number}: the loss is beyond all numbers since epoch ${epoch.epoch}. Such a learning rate runs away.`;
  const percent = (share) => `${fixed(100 * share, 1)}%`;
  const judged = epoch.final ?? epoch.validation;
  const wrong = Math.round((1 - judged.accuracy) * validation);
  const how = run.running ? `epoch ${epoch.epoch} of ${EPOCHS}` : epoch.epoch < EPOCHS ? `stopped after epoch ${epoch.epoch}` : `all ${EPOCHS} epochs done`;
  const back = !run.running && run.setting.patience && epoch.final ? `, taken from epoch ${epoch.best}` : "";
  return `Run ${run.number}, ${how}: ${percent(epoch.training.accuracy)} of the training digits are right and ${percent(judged.accuracy)} of the validation digits${back};`
    + ` ${wrong} of ${validation} are wrong. The validation loss was lowest after epoch ${epoch.best}.`;
}

const go = make("button", { type: "button", class: "go", click: () => runs.at(-1)?.running ? worker.postMessage({ type: "stop" }) : startRun() }, "Train");

lab.start(
  () => {
    now.draw();
    before.draw();
    drawMistakes();
    go.textContent = runs.at(-1)?.running ? "Stop" : runs.length ? "Train again" : "Train";
    return sentence();
  },
  make("div", {},
    make("div", { class: "starter" }, go, lab.choice("measure", "Show", { accuracy: "accuracy", loss: "loss" })),
    make("div", { class: "plots" }, now.plot.box, before.plot.box)),
  make("div", { class: "controls" },
    lab.choice("optimizer", "Optimizer", { sgd: "SGD", momentum: "momentum", adam: "Adam" }),
    lab.slider("power", "Learning rate", { min: -4, max: 1, step: 0.25, show: (power) => plain(10 ** power) }),
    lab.slider("layers", "Hidden layers", { min: 1, max: 3, step: 1 }),
    lab.slider("nodes", "Nodes in each", { min: 0, max: NODES.length - 1, step: 1, from: (nodes) => NODES.indexOf(nodes), to: (i) => NODES[i] }),
    lab.slider("batch", "Batch size", { min: 0, max: BATCHES.length - 1, step: 1, from: (batch) => BATCHES.indexOf(batch), to: (i) => BATCHES[i] }),
    lab.slider("drop", "Dropout share", { min: 0, max: 0.8, step: 0.1, show: (share) => fixed(share, 1) }),
    lab.slider("l1", "L1", { ...PENALTIES, show: (power) => penalty(power) ? text(penalty(power), 2) : "none" }),
    lab.slider("l2", "L2", { ...PENALTIES, show: (power) => penalty(power) ? text(penalty(power), 2) : "none" }),
    lab.slider("patience", "Stop early", { min: 0, max: 10, step: 1, show: (epochs) => epochs ? `patience ${epochs}` : "off" })),
  make("div", { class: "plot gallery" }, galleryTitle, gallery),
);
