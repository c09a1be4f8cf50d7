import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { EXAMPLES, contour, descend, limit, noise, quadratic, random, tilts, twoMinima } from "../../book/_static/laboratories/descent-paths.js";

const { paths, limits } = JSON.parse(readFileSync(new URL("descent.json", import.meta.url)));
const calm = { batch: EXAMPLES, all: tilts(1) };

for (const { curvature, start, rate, momentum, path } of paths) {
  test(`goes where NumPy goes: curvature ${curvature}, rate ${rate}, momentum ${momentum}`, () => {
    const ours = descend(quadratic(curvature), { start, rate, momentum, steps: 25, ...calm });
    const steps = ours.first.length;
    assert.ok(ours.away ? Math.hypot(...path[steps]) >= 1e9 : steps === path.length);
    path.slice(0, steps).forEach(([x, y], k) => {
      const scale = 1e-6 * Math.max(1, Math.abs(x), Math.abs(y));
      assert.ok(Math.abs(ours.first[k] - x) < scale && Math.abs(ours.second[k] - y) < scale, `step ${k}`);
    });
  });
}

test("the limit is the one that eigenvalues give", () => {
  for (const { curvature, momentum, limit: expected } of limits) {
    assert.ok(Math.abs(limit(curvature, momentum) - expected) < 1e-9, `curvature ${curvature}, momentum ${momentum}`);
  }
});

test("paths stay at each minimum just below its limit and leave it just beyond", () => {
  for (const surface of [quadratic([1, 10]), quadratic([1, 100]), twoMinima()]) {
    for (const { at, curvature } of surface.minima) {
      for (const momentum of [0, 0.5, 0.9, 0.99]) {
        const distance = (share) => {
          const rate = share * limit(curvature, momentum);
          const path = descend(surface, { start: [at[0] + 1e-7, at[1] + 1e-7], rate, momentum, steps: 40000, ...calm, far: 1e3 });
          return path.away ? Infinity : Math.hypot(path.first.at(-1) - at[0], path.second.at(-1) - at[1]);
        };
        assert.ok(distance(0.995) < 1e-8, `below, ${at}, momentum ${momentum}: ${distance(0.995)}`);
        assert.ok(distance(1.005) > 1e-4, `beyond, ${at}, momentum ${momentum}: ${distance(1.005)}`);
      }
    }
  }
});

test("gradients are the slopes of the losses, and minima are flat", () => {
  const next = random(3);
  for (const surface of [quadratic([1, 10]), twoMinima()]) {
    for (let i = 0; i < 50; i++) {
      const w = [6 * next() - 3, 4 * next() - 2];
      const slope = [0, 1].map((k) => {
        const moved = (by) => surface.loss(w.map((value, j) => value + (j === k ? by : 0)));
        return (moved(1e-5) - moved(-1e-5)) / 2e-5;
      });
      surface.gradient(w).forEach((value, k) => assert.ok(Math.abs(value - slope[k]) < 1e-6));
    }
    for (const { at } of surface.minima) assert.ok(Math.hypot(...surface.gradient(at)) < 1e-12);
  }
  assert.ok(Math.abs(twoMinima().loss([-2, 0])) < 1e-12 && twoMinima().loss([1, 0]) > 1);
});

test("noise falls as for batches drawn without replacement, and vanishes for all examples", () => {
  const all = tilts(2);
  assert.ok([0, 1].every((i) => Math.abs(all.reduce((sum, tilt) => sum + tilt[i], 0)) < 1e-9));
  const spread = all.reduce((sum, [a]) => sum + a * a, 0) / EXAMPLES;
  const next = random(5);
  for (const batch of [1, 16, 128]) {
    const draws = Array.from({ length: 4000 }, () => noise(all, batch, next)[0]);
    const variance = draws.reduce((sum, value) => sum + value * value, 0) / draws.length;
    const expected = spread / batch * (EXAMPLES - batch) / (EXAMPLES - 1);
    assert.ok(Math.abs(variance / expected - 1) < 0.12, `batch ${batch}: ${variance / expected}`);
  }
  assert.deepEqual(noise(all, EXAMPLES, next), [0, 0]);
});

test("a diverging path ends, and nothing in it is infinite or not a number", () => {
  for (const surface of [quadratic([1, 100]), twoMinima()]) {
    const path = descend(surface, { start: [3, 2], rate: 2, momentum: 0.99, steps: 100, ...calm });
    assert.ok(path.away && path.first.length < 100);
    for (const values of [path.first, path.second, path.loss]) assert.ok(values.every(Number.isFinite));
  }
});

test("contours lie at their level", () => {
  const { loss } = twoMinima();
  const pieces = contour(loss, [[-3.4, 2.4], [-2, 2]], 2);
  assert.ok(pieces.length > 100);
  for (const [x, y] of pieces) assert.ok(Math.abs(loss([x, y]) - 2) < 0.05);
});
