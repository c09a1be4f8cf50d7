// A dense ReLU network with a softmax output, trained as Keras would train it. Nothing here touches a page.
//
// A digit has about 150 bright pixels of 784: inputs are kept as lists of what is not zero, which makes training five times
// faster, so that no library and no graphics card is needed.

import { random } from "./descent-paths.js";

export const OPTIMIZERS = ["sgd", "momentum", "adam"];
const ADAM = { first: 0.9, second: 0.999, small: 1e-7 };  // Keras's defaults
const MOMENTUM = 0.9;

/** Rows of numbers as lists of what is not zero. */
export function sparse(rows) {
  return rows.map((row) => {
    const at = Uint16Array.from(row.keys()).filter((i) => row[i] !== 0);
    return { at, value: Float32Array.from(at, (i) => row[i]) };
  });
}

export class Network {
  /** `sizes` as in [784, 64, 10]; weights as Keras draws them (Glorot, uniform), biases 0. */
  constructor(sizes, seed = 0) {
    const next = random(seed);
    this.layers = sizes.slice(1).map((outputs, l) => {
      const inputs = sizes[l];
      const edge = Math.sqrt(6 / (inputs + outputs));
      const layer = { inputs, outputs, weights: Float32Array.from({ length: inputs * outputs }, () => (2 * next() - 1) * edge),
        biases: new Float32Array(outputs) };
      for (const name of ["weights", "biases"]) {
        for (const state of ["slope", "first", "second"]) layer[`${name} ${state}`] = new Float32Array(layer[name].length);
      }
      return layer;
    });
    this.step = 0;
  }

  /** What each layer passes on for one example; with `drop`, hidden units are left out at random and the others scaled. */
  activations(input, drop = 0, next = Math.random) {
    let passed = input;
    return this.layers.map(({ inputs, outputs, weights, biases }, l) => {
      const sums = Float32Array.from(biases);
      const add = (i, value) => {
        const row = i * outputs;
        for (let k = 0; k < outputs; k++) sums[k] += value * weights[row + k];
      };
      if (l === 0) passed.at.forEach((i, k) => add(i, passed.value[k]));
      else for (let i = 0; i < inputs; i++) if (passed[i]) add(i, passed[i]);
      if (l === this.layers.length - 1) {
        const most = sums.reduce((a, b) => Math.max(a, b));
        let total = 0;
        for (let k = 0; k < outputs; k++) total += sums[k] = Math.exp(sums[k] - most);
        for (let k = 0; k < outputs; k++) sums[k] /= total;
      } else {
        for (let k = 0; k < outputs; k++) sums[k] = sums[k] > 0 ? sums[k] : 0;
        if (drop) for (let k = 0; k < outputs; k++) sums[k] = next() < drop ? 0 : sums[k] / (1 - drop);
      }
      passed = sums;
      return sums;
    });
  }

  /** One update from a batch of examples. */
  update(examples, labels, { optimizer, rate, l1 = 0, l2 = 0, drop = 0 }, next = Math.random) {
    for (const layer of this.layers) {
      layer["weights slope"].fill(0);
      layer["biases slope"].fill(0);
    }
    examples.forEach((input, n) => {
      const passed = this.activations(input, drop, next);
      const output = passed.at(-1);
      let slope = Float32Array.from(output, (p, k) => (p - (k === labels[n])) / examples.length);
      for (let l = this.layers.length - 1; l >= 0; l--) {
        const { inputs, outputs, weights, "weights slope": weightSlope, "biases slope": biasSlope } = this.layers[l];
        for (let k = 0; k < outputs; k++) biasSlope[k] += slope[k];
        if (l === 0) {
          input.at.forEach((i, j) => {
            const [row, value] = [i * outputs, input.value[j]];
            for (let k = 0; k < outputs; k++) weightSlope[row + k] += value * slope[k];
          });
          return;
        }
        const before = passed[l - 1];
        const back = new Float32Array(inputs);
        for (let i = 0; i < inputs; i++) {
          if (!before[i]) continue;  // a unit at zero, or dropped, passes nothing back
          const row = i * outputs;
          let sum = 0;
          for (let k = 0; k < outputs; k++) {
            weightSlope[row + k] += before[i] * slope[k];
            sum += weights[row + k] * slope[k];
          }
          back[i] = sum / (1 - drop);
        }
        slope = back;
      }
    });
    this.step++;
    for (const layer of this.layers) {
      const { weights, "weights slope": slope } = layer;
      const hidden = layer !== this.layers.at(-1);  // the output layer has no penalty, as in the chapter
      if (hidden && (l1 || l2)) for (let i = 0; i < weights.length; i++) slope[i] += l1 * Math.sign(weights[i]) + 2 * l2 * weights[i];
      for (const name of ["weights", "biases"]) this.move(layer, name, optimizer, rate);
    }
  }

  move(layer, name, optimizer, rate) {
    const { [name]: p, [`${name} slope`]: slope, [`${name} first`]: first, [`${name} second`]: second } = layer;
    if (optimizer === "adam") {
      const size = rate * Math.sqrt(1 - ADAM.second ** this.step) / (1 - ADAM.first ** this.step);
      for (let i = 0; i < p.length; i++) {
        first[i] += (slope[i] - first[i]) * (1 - ADAM.first);
        second[i] += (slope[i] * slope[i] - second[i]) * (1 - ADAM.second);
        p[i] -= size * first[i] / (Math.sqrt(second[i]) + ADAM.small);
      }
    } else {
      const memory = optimizer === "momentum" ? MOMENTUM : 0;
      for (let i = 0; i < p.length; i++) {
        first[i] = memory * first[i] - rate * slope[i];
        p[i] += first[i];
      }
    }
  }

  /** Mean loss, share of right answers, and the wrong ones as [number, answer]. */
  judge(examples, labels) {
    const result = { loss: 0, right: 0 };
    const wrong = [];
    examples.forEach((input, n) => {
      const output = this.activations(input).at(-1);
      const answer = score(output, labels[n], result);
      if (answer !== labels[n]) wrong.push([n, answer]);
    });
    return { loss: result.loss / examples.length, accuracy: result.right / examples.length, wrong };
  }

  isFinite() {
    return this.layers.every(({ weights, biases }) => weights.every(Number.isFinite) && biases.every(Number.isFinite));
  }

  copy() {
    return this.layers.map(({ weights, biases }) => ({ weights: weights.slice(), biases: biases.slice() }));
  }

  restore(kept) {
    kept.forEach(({ weights, biases }, l) => {
      this.layers[l].weights.set(weights);
      this.layers[l].biases.set(biases);
    });
  }
}

function score(output, label, result) {
  let answer = 0;
  for (let k = 1; k < output.length; k++) if (output[k] > output[answer]) answer = k;
  result.loss -= Math.log(Math.max(output[label], 1e-7));  // Keras cuts probabilities there too
  result.right += answer === label;
  return answer;
}

export function shuffled(count, next) {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const k = Math.floor(next() * (i + 1));
    [order[i], order[k]] = [order[k], order[i]];
  }
  return order;
}

/**
 * Train on `data` = {training, validation}, each {examples, labels}, and yield what each epoch brought.
 *
 * With `patience` above 0, stop when the validation loss has not been lower for so many epochs, and go back to the best.
 * Losses are without the penalty, so that runs with different penalties can be compared.
 */
export function* train(data, setting, seed = 0) {
  const { layers, nodes, batch, epochs, patience = 0 } = setting;
  const { training, validation } = data;
  const network = new Network([784, ...Array(layers).fill(nodes), 10], seed);
  const next = random(seed + 1000);
  let best = { loss: Infinity, epoch: 0 };
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const order = shuffled(training.labels.length, next);
    for (let first = 0; first < order.length; first += batch) {
      const picked = order.slice(first, first + batch);
      network.update(picked.map((i) => training.examples[i]), picked.map((i) => training.labels[i]), setting, next);
    }
    const learned = network.judge(training.examples, training.labels);
    const judged = network.judge(validation.examples, validation.labels);
    const lost = !network.isFinite();
    if (judged.loss < best.loss) best = { ...judged, epoch, kept: patience ? network.copy() : null };
    const stops = lost || epoch === epochs || (patience > 0 && epoch - best.epoch >= patience);
    if (stops && patience && best.kept) network.restore(best.kept);
    yield { epoch, lost, stops, best: best.epoch, training: learned, validation: judged,
      final: stops ? network.judge(validation.examples, validation.labels) : null };
    if (stops) return;
  }
}
