// Gradient descent with momentum and noisy gradients on surfaces of two parameters. Nothing here touches a page.

export const EXAMPLES = 200;  // the loss is a mean over so many, as in the chapter's section on batch size

/** The surface 1/2 sum of curvature_i w_i², whose minimum is at 0. */
export function quadratic(curvature) {
  return {
    loss: (w) => (curvature[0] * w[0] ** 2 + curvature[1] * w[1] ** 2) / 2,
    gradient: (w) => [curvature[0] * w[0], curvature[1] * w[1]],
    minima: [{ at: [0, 0], curvature: Math.max(...curvature) }],
  };
}

/** A surface with two minima along w1, at -2 (sharp and deep) and 1 (flat), and a ridge between them at 0. */
export function twoMinima() {
  const slope = (w) => (w + 2) * w * (w - 1);
  const height = (w) => w ** 4 / 4 + w ** 3 / 3 - w ** 2 + 8 / 3;  // its integral, zero at the deep minimum
  const bend = (w) => 3 * w ** 2 + 2 * w - 2;
  return {
    loss: (w) => height(w[0]) + w[1] ** 2 / 2,
    gradient: (w) => [slope(w[0]), w[1]],
    minima: [{ at: [-2, 0], curvature: bend(-2), name: "sharp" }, { at: [1, 0], curvature: bend(1), name: "flat" }],
  };
}

/** The learning rate beyond which the heavy ball cannot stay at a minimum of this largest curvature. */
export const limit = (curvature, momentum) => 2 * (1 + momentum) / curvature;

/** Equally likely numbers in [0, 1), the same for the same seed (mulberry32). */
export function random(seed) {
  return () => {
    seed = (seed + 0x6D2B79F5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** How each example tilts the surface a bit its own way: vectors of about the length `size`, which sum to zero. */
export function tilts(size) {
  const next = random(1);
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const all = Array.from({ length: EXAMPLES }, () => [size * normal(), size * normal()]);
  const mean = [0, 1].map((i) => all.reduce((sum, tilt) => sum + tilt[i], 0) / EXAMPLES);
  return all.map((tilt) => [tilt[0] - mean[0], tilt[1] - mean[1]]);
}

/** The mean tilt of `batch` examples drawn without replacement: the error of their gradient. Zero for all of them. */
export function noise(all, batch, next) {
  if (batch >= all.length) return [0, 0];
  const left = all.slice();
  const sum = [0, 0];
  for (let i = 0; i < batch; i++) {
    const k = i + Math.floor(next() * (left.length - i));
    [left[i], left[k]] = [left[k], left[i]];
    sum[0] += left[i][0];
    sum[1] += left[i][1];
  }
  return [sum[0] / batch, sum[1] / batch];
}

/**
 * The path of w ← w - rate (gradient + noise) + momentum (w - the w before), as lists of w1, w2 and the loss.
 *
 * A path that runs away ends where it passes `far`: nothing in it is ever infinite or not a number.
 */
export function descend(surface, { start, rate, momentum, batch, steps, all, far = 1e9, seed = 0 }) {
  const next = random(seed);
  let [w, before] = [start, start];
  const path = { first: [w[0]], second: [w[1]], loss: [surface.loss(w)], away: false };
  for (let step = 0; step < steps; step++) {
    const [slope, error] = [surface.gradient(w), noise(all, batch, next)];
    const moved = [0, 1].map((i) => w[i] - rate * (slope[i] + error[i]) + momentum * (w[i] - before[i]));
    if (!(Math.hypot(...moved) < far)) {
      path.away = true;
      break;
    }
    [before, w] = [w, moved];
    path.first.push(w[0]);
    path.second.push(w[1]);
    path.loss.push(surface.loss(w));
  }
  return path;
}

/** Where a surface has one height: line pieces [x1, y1, x2, y2] on a grid over `frame`, by marching squares. */
export function contour(loss, frame, level, cells = 70) {
  const [xs, ys] = frame.map(([low, high]) => Array.from({ length: cells + 1 }, (_, i) => low + (high - low) * i / cells));
  const height = xs.map((x) => ys.map((y) => loss([x, y]) - level));
  const pieces = [];
  for (let i = 0; i < cells; i++) {
    for (let j = 0; j < cells; j++) {
      const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
      const crossed = [];
      corners.forEach(([a, b], k) => {
        const [c, d] = corners[(k + 1) % 4];
        const [one, other] = [height[a][b], height[c][d]];
        if ((one < 0) === (other < 0)) return;
        const share = one / (one - other);
        crossed.push([xs[a] + share * (xs[c] - xs[a]), ys[b] + share * (ys[d] - ys[b])]);
      });
      for (let k = 0; k + 1 < crossed.length; k += 2) pieces.push([...crossed[k], ...crossed[k + 1]]);
    }
  }
  return pieces;
}
