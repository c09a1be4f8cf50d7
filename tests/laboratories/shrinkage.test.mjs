import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { activeSet, design, path, predict, prepare, svd } from "../../book/_static/laboratories/shrinkage-solver.js";

const { cases } = JSON.parse(readFileSync(new URL("shrinkage.json", import.meta.url)));
const PLACES = Array.from({ length: 21 }, (_, i) => i / 20);
const LAMBDAS = Array.from({ length: 61 }, (_, i) => 10 ** (1 - i / 4));
const largest = (values) => Math.max(...Array.from(values, Math.abs));

for (const { setting, lambda, x, y, p: expected, curve } of cases) {
  test(`agrees with scikit-learn: ${JSON.stringify(setting)}, λ = ${lambda}`, () => {
    const { p, converged } = prepare(x, y, setting)(lambda);
    assert.ok(converged);
    const scale = Math.max(1, largest(expected));
    expected.forEach((value, k) => assert.ok(Math.abs(p[k] - value) <= 1e-6 * scale, `coefficient ${k}: ${p[k]}, not ${value}`));
    predict(design(PLACES, setting.degree, setting.basis), p).forEach((value, i) => {
      assert.ok(Math.abs(value - curve[i]) <= 1e-6 * Math.max(1, largest(curve)), `curve at ${PLACES[i]}: ${value}, not ${curve[i]}`);
    });
    if (setting.penalty === "l1" && lambda) {
      expected.forEach((value, k) => assert.equal(p[k] === 0, value === 0, `is coefficient ${k} exactly zero?`));
    }
  });
}

const random = (seed) => () => (seed = (seed * 16807) % 2147483647) / 2147483647;

/** By how much p breaks the rule for a minimum of |y - Ap|² / 2n + l1 |p|₁ + l2 |p|² / 2. */
function violation(A, y, p, l1, l2) {
  const rest = predict(A, p).map((value, i) => y[i] - value);
  return Math.max(...A.map((column, j) => {
    const pull = column.reduce((sum, value, i) => sum + value * rest[i], 0) / y.length - l2 * p[j];
    return p[j] ? Math.abs(pull - l1 * Math.sign(p[j])) : Math.max(0, Math.abs(pull) - l1);
  }));
}

test("the active set meets the rule for a minimum, on data of any kind, and solves all of each path", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const next = random(seed * 1000 + 7);
    const x = Array.from({ length: 10 }, () => Math.round(next() * (seed % 3 ? 1000 : 4)) / (seed % 3 ? 1000 : 4));  // with duplicates
    const y = Array.from({ length: 10 }, () => 4 * next() - 1.6);
    for (const basis of ["powers", "legendre"]) {
      for (const [degree, mix] of [[3, 1], [9, 1], [15, 1], [9, 0.5], [15, 0.05]]) {
        const A = design(x, degree, basis);
        for (const { lambda, p, converged } of path(prepare(x, y, { degree, basis, mix, penalty: "net", constant: true }), LAMBDAS)) {
          assert.ok(converged, `seed ${seed}, ${basis}, degree ${degree}, mix ${mix}, λ = ${lambda}`);
          const rounding = 1e-14 * (1 + largest(p)) * A.length;
          assert.ok(violation(A, y, p, lambda * mix, lambda * (1 - mix)) <= 1e-7 * lambda + rounding, `seed ${seed}, ${basis}, ${degree}, ${mix}, ${lambda}`);
        }
      }
    }
  }
});

test("a start elsewhere leads to the same minimum", () => {
  const { x, y, setting } = cases.find(({ setting }) => setting.penalty === "l1" && setting.basis === "powers");
  const fit = prepare(x, y, setting);
  const cold = fit(1e-4).p;
  for (const start of [fit(1).p, fit(1e-9).p]) fit(1e-4, start).p.forEach((value, k) => assert.ok(Math.abs(value - cold[k]) < 1e-9));
});

test("a huge λ leaves nothing, or the mean if the constant is free", () => {
  const { x, y } = cases[0];
  const mean = y.reduce((sum, value) => sum + value, 0) / y.length;
  for (const penalty of ["l1", "net"]) {
    assert.deepEqual([...prepare(x, y, { penalty, degree: 9, basis: "powers", constant: true, mix: 0.5 })(1e9).p], Array(10).fill(0));
    const [constant, ...others] = prepare(x, y, { penalty, degree: 9, basis: "powers", constant: false, mix: 0.5 })(1e9).p;
    assert.ok(Math.abs(constant - mean) < 1e-12 && others.every((value) => value === 0));
  }
});

test("all points at one place, and degree 0: finite, with every penalty", () => {
  for (const penalty of ["none", "l1", "l2", "net"]) {
    for (const degree of [0, 9, 15]) {
      for (const constant of [true, false]) {
        const fit = prepare(Array(10).fill(0.5), cases[0].y, { penalty, degree, basis: "powers", constant, mix: 0.5 });
        for (const { p, converged } of path(fit, LAMBDAS)) assert.ok(converged && p.length === degree + 1 && p.every(Number.isFinite));
      }
    }
  }
});

test("singular values multiply back to the matrix, tall, square and wide", () => {
  for (const degree of [2, 9, 15]) {
    const A = design(cases[0].x, degree, "powers");
    const { left, sigma, right } = svd(A);
    A.forEach((column, j) => column.forEach((value, i) => {
      const product = sigma.reduce((sum, s, k) => sum + left[k][i] * s * right[k][j], 0);
      assert.ok(Math.abs(product - value) < 1e-13);
    }));
  }
});

test("what is not a number is reported, not returned as a solution", () => {
  assert.equal(activeSet([Float64Array.of(1, NaN)], Float64Array.of(1, 2), 0.1).converged, false);
});
