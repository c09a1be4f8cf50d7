import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { Network, shuffled, sparse, train } from "../../book/_static/laboratories/training-network.js";
import { random } from "../../book/_static/laboratories/descent-paths.js";

const { x, labels, starts, cases } = JSON.parse(readFileSync(new URL("training.json", import.meta.url)));
const examples = sparse(x.map((row) => Float32Array.from(row)));

for (const { sizes, weights, loss, accuracy, ...setting } of cases) {
  test(`learns what Keras learns: ${sizes}, ${JSON.stringify(setting)}`, () => {
    const network = new Network(sizes);
    network.restore(starts[sizes.length]);
    for (let epoch = 0; epoch < 5; epoch++) {
      for (let i = 0; i < labels.length; i += 8) network.update(examples.slice(i, i + 8), labels.slice(i, i + 8), setting);
    }
    network.layers.forEach((layer, l) => [layer.weights, layer.biases].forEach((found, k) => found.forEach((value, i) => {
      assert.ok(Math.abs(value - weights[2 * l + k][i]) < 2e-4, `layer ${l}: ${value}, not ${weights[2 * l + k][i]}`);
    })));
    const judged = network.judge(examples, labels);
    assert.ok(Math.abs(judged.loss - loss) < 1e-4);
    assert.ok(Math.abs(judged.accuracy - accuracy) < 1e-9);
    assert.equal(judged.wrong.length, Math.round((1 - accuracy) * labels.length));
  });
}

test("slopes are those of the loss, also behind dropout", () => {
  const network = new Network([12, 7, 5, 10], 3);
  const loss = (drop) => network.activations(examples[0], drop, random(1)).at(-1)[labels[0]];
  for (const drop of [0, 0.4]) {
    const before = network.copy();
    network.update([examples[0]], [labels[0]], { optimizer: "sgd", rate: 1, drop }, random(1));
    const after = network.copy();
    network.restore(before);
    for (const l of [0, 1, 2]) {
      for (let i = 0; i < before[l].weights.length; i += 3) {
        const slope = before[l].weights[i] - after[l].weights[i];
        const moved = (by) => {
          network.layers[l].weights[i] = before[l].weights[i] + by;
          return -Math.log(loss(drop));
        };
        const expected = (moved(1e-2) - moved(-1e-2)) / 2e-2;
        network.layers[l].weights[i] = before[l].weights[i];
        assert.ok(Math.abs(slope - expected) < 0.01 * (1 + Math.abs(expected)), `layer ${l}, weight ${i}, dropout ${drop}: ${slope}, not ${expected}`);
      }
    }
  }
});

test("dropout keeps the mean, and drops its share", () => {
  const network = new Network([12, 400, 10], 1);
  const calm = network.activations(examples[1])[0];
  const next = random(2);
  const sums = new Float64Array(400);
  let zeros = 0;
  for (let i = 0; i < 2000; i++) network.activations(examples[1], 0.3, next)[0].forEach((value, k) => { sums[k] += value / 2000; zeros += calm[k] > 0 && value === 0; });
  const live = calm.reduce((count, value) => count + (value > 0), 0);
  assert.ok(Math.abs(zeros / 2000 / live - 0.3) < 0.01);
  calm.forEach((value, k) => assert.ok(Math.abs(sums[k] - value) < 0.08 * value + 1e-9));
});

const data = { training: { examples: examples.slice(0, 20), labels: labels.slice(0, 20) }, validation: { examples: examples.slice(20), labels: labels.slice(20) } };
// The trainer expects 784 inputs; these digits are dark but for their first twelve pixels.
const run = (setting, seed = 1) => [...train(data, { layers: 1, nodes: 16, optimizer: "adam", rate: 0.01, batch: 5, epochs: 30, ...setting }, seed)];

test("equal seeds give equal runs, others differ", () => {
  assert.deepEqual(run({}).at(-1), run({}).at(-1));
  assert.notEqual(run({}, 1).at(-1).validation.loss, run({}, 2).at(-1).validation.loss);
});

test("early stopping stops by patience and goes back to the best epoch", () => {
  const epochs = run({ patience: 3, epochs: 200 });
  const last = epochs.at(-1);
  const lowest = epochs.reduce((a, b) => (b.validation.loss < a.validation.loss ? b : a));
  assert.equal(last.best, lowest.epoch);
  assert.equal(last.epoch, lowest.epoch + 3);
  assert.equal(last.final.loss, lowest.validation.loss);
});

test("a learning rate that runs away is told, and ends", () => {
  const last = run({ optimizer: "momentum", rate: 1e6 }).at(-1);
  assert.ok(last.lost && last.stops);
});

test("every digit comes once an epoch", () => {
  assert.deepEqual(shuffled(50, random(1)).toSorted((a, b) => a - b), Array.from({ length: 50 }, (_, i) => i));
});
