// Trains beside the page, so that the page stays smooth: takes {setting, counts, seed} or "stop", answers once an epoch.

import { sparse, train } from "./training-network.js";

const PIXELS = 784;
let digits;  // once they are there
let stopped = false;

async function load({ training, validation }) {
  const answer = await fetch(new URL("digits.bin", import.meta.url));
  if (!answer.ok) throw new Error(`the digits could not be loaded (${answer.status})`);
  const bytes = new Uint8Array(await new Response(answer.body.pipeThrough(new DecompressionStream("deflate-raw"))).arrayBuffer());
  const total = training + validation;
  const images = Array.from({ length: total }, (_, n) => bytes.subarray(total + n * PIXELS, total + (n + 1) * PIXELS));
  const examples = sparse(images.map((image) => Float32Array.from(image, (pixel) => pixel / 255)));
  const part = (from, to) => ({ examples: examples.slice(from, to), labels: bytes.slice(from, to) });
  return { images, training: part(0, training), validation: part(training, total) };
}

/** Let messages in between two epochs. */
const breathe = () => new Promise((done) => { setTimeout(done); });

self.onmessage = async ({ data: { type, setting, counts, seed } }) => {
  if (type === "stop") {
    stopped = true;
    return;
  }
  stopped = false;
  try {
    digits ??= await load(counts);
    for (const epoch of train(digits, setting, seed)) {
      await breathe();
      const wrong = epoch.final ?? epoch.validation;
      const mistakes = wrong.wrong.slice(0, 24).map(([n, answer]) => ({
        image: digits.images[counts.training + n], answer, label: digits.validation.labels[n] }));
      postMessage({ ...epoch, stops: epoch.stops || stopped, mistakes });
      if (stopped) return;
    }
  } catch (error) {
    postMessage({ error: error.message });
  }
};
