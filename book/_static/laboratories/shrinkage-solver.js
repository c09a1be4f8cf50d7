// Polynomials fitted with penalties, exactly: no iteration that could stop too early, however ill-conditioned the powers.
//
// Losses are scaled as in scikit-learn: |y - Ap|² for least squares and Ridge, |y - Ap|² / 2n for Lasso and ElasticNet.
// A matrix is an array of its columns. Nothing here touches a page: the tests run this file in Node.js.

const dot = (a, b) => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};
const norm = (a) => Math.sqrt(dot(a, a));

/** Columns of the polynomials up to `degree` at the points `x`: powers of x, or Legendre polynomials of 2x - 1, scaled. */
export function design(x, degree, basis) {
  const columns = [Float64Array.from(x, () => 1)];
  for (let k = 1; k <= degree; k++) {
    const [last, before] = [columns[k - 1], columns[k - 2]];
    columns.push(Float64Array.from(x, (value, i) => basis === "powers" ? last[i] * value
      : ((2 * k - 1) * (2 * value - 1) * last[i] - (k > 1 ? (k - 1) * before[i] : 0)) / k));
  }
  if (basis !== "powers") columns.forEach((column, k) => column.forEach((_, i) => column[i] *= Math.sqrt(2 * k + 1)));
  return columns;
}

export const predict = (columns, p) => Float64Array.from(columns[0], (_, i) => p.reduce((sum, c, k) => sum + c * columns[k][i], 0));

// -- least squares and Ridge -----------------------------------------------------------------------------------------

/** Singular values and both sets of vectors, by one-sided Jacobi rotations, which keep small singular values accurate. */
export function svd(columns) {
  const rows = columns[0].length;
  if (columns.length > rows) {
    const turned = svd(Array.from({ length: rows }, (_, i) => Float64Array.from(columns, (column) => column[i])));
    return { left: turned.right, sigma: turned.sigma, right: turned.left };
  }
  const work = columns.map((column) => Float64Array.from(column));
  const right = columns.map((_, j) => Float64Array.from(columns, (_, i) => Number(i === j)));
  for (let sweep = 0, turned = true; turned && sweep < 60; sweep++) {
    turned = false;
    for (let i = 0; i < work.length; i++) {
      for (let j = i + 1; j < work.length; j++) {
        const [a, b, c] = [dot(work[i], work[i]), dot(work[j], work[j]), dot(work[i], work[j])];
        if (Math.abs(c) <= 1e-16 * Math.sqrt(a * b) || a * b === 0) continue;
        turned = true;
        const half = (b - a) / (2 * c);
        const tan = (half < 0 ? -1 : 1) / (Math.abs(half) + Math.hypot(1, half));
        const cos = 1 / Math.hypot(1, tan);
        for (const [u, v] of [[work[i], work[j]], [right[i], right[j]]]) {
          for (let k = 0; k < u.length; k++) [u[k], v[k]] = [cos * (u[k] - tan * v[k]), cos * (v[k] + tan * u[k])];
        }
      }
    }
  }
  const sigma = work.map(norm);
  return { left: work.map((u, k) => u.map((value) => sigma[k] ? value / sigma[k] : 0)), sigma, right };
}

/** The minimum of |y - Ap|² + alpha |p|², from the singular values; with alpha = 0, the shortest least-squares solution. */
export function ridge({ left, sigma, right }, y, alpha) {
  const smallest = alpha > 0 ? 0 : Math.max(...sigma) * Math.max(left[0].length, right[0].length) * Number.EPSILON;
  const p = new Float64Array(right[0].length);
  sigma.forEach((s, k) => {
    if (s <= smallest) return;
    const share = dot(left[k], y) * s / (s * s + alpha);
    for (let i = 0; i < p.length; i++) p[i] += share * right[k][i];
  });
  return p;
}

// -- Lasso and elastic net -------------------------------------------------------------------------------------------

/** Householder's QR of the columns: R (as columns), and functions that apply Q and its transpose in place. */
function factor(columns) {
  const R = columns.map((column) => Float64Array.from(column));
  const mirrors = [];
  const reflect = (mirror, v, first) => {
    const size = 2 * dot(mirror, v.subarray(first));
    for (let i = 0; i < mirror.length; i++) v[first + i] -= size * mirror[i];
  };
  for (let k = 0; k < Math.min(R.length, R[0]?.length ?? 0); k++) {
    const mirror = Float64Array.from(R[k].subarray(k));
    mirror[0] += (mirror[0] < 0 ? -1 : 1) * norm(mirror);
    const length = norm(mirror) || 1;
    mirror.forEach((value, i) => mirror[i] = value / length);
    mirrors.push(mirror);
    for (let j = k; j < R.length; j++) reflect(mirror, R[j], k);
  }
  return {
    R,
    turn: (v) => { mirrors.forEach((mirror, k) => reflect(mirror, v, k)); return v; },
    turnBack: (v) => { for (let k = mirrors.length - 1; k >= 0; k--) reflect(mirrors[k], v, k); return v; },
  };
}

function solveUpper(R, b, size = R.length) {
  const x = Float64Array.from(b.subarray(0, size));
  for (let i = size - 1; i >= 0; i--) {
    x[i] /= R[i][i];
    for (let k = 0; k < i; k++) x[k] -= R[i][k] * x[i];
  }
  return x;
}

function solveLower(R, b, size = R.length) {  // with the transpose of R
  const x = Float64Array.from(b.subarray(0, size));
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) x[i] -= R[i][k] * x[k];
    x[i] /= R[i][i];
  }
  return x;
}

/**
 * The minimum of |y - Ap|² / 2n + l1 |p|₁ + l2 |p|² / 2, by following which coefficients are in use (an active set).
 *
 * On the ones in use, with their signs, the minimum is a linear system, solved by QR. Where a coefficient would change
 * its sign on the way there, it leaves; where a zero one is pulled with more than l1, it joins. Every move lowers the
 * loss, so this ends, after as many moves as coefficients change, where coordinate descent takes millions of sweeps.
 * The pull on the others comes from Q, not from y - Ap, whose rounding would hide a small l1.
 *
 * Returns {p, converged}. `start` is a solution nearby, to start from.
 */
export function activeSet(A, y, l1, l2 = 0, start = new Float64Array(A.length)) {
  const n = y.length;
  const p = Float64Array.from(start);
  let used = [...p.keys()].filter((j) => p[j] !== 0);
  const sign = Float64Array.from(p, Math.sign);
  const noise = Float64Array.from(A, (column) => 8 * Number.EPSILON * norm(column) * norm(y) / n);
  const refused = new Set();  // joined and left at once: rounding, not a pull

  const leaveAtFirstZero = (target) => {
    let [first, share] = [-1, 1];
    used.forEach((j, k) => {
      if (target[k] * sign[j] > 0) return;
      const at = p[j] / (p[j] - target[k]);
      if (!(at >= share)) [first, share] = [k, at || 0];
    });
    if (first < 0) return false;
    used.forEach((j, k) => { p[j] += share * (target[k] - p[j]); });
    if (share === 0) refused.add(used[first]);
    p[used[first]] = 0;
    used.splice(first, 1);
    return true;
  };

  for (let move = 0; move < 50 * A.length; move++) {
    const size = used.length;
    const edge = Math.sqrt(n * l2);
    const { R, turn, turnBack } = factor(used.map((j, k) => {
      const column = new Float64Array(n + (l2 ? size : 0));
      column.set(A[j]);
      if (l2) column[n + k] = edge;
      return column;
    }));
    const signs = Float64Array.from(used, (j) => sign[j]);
    const last = size - 1;
    if (size && (last >= R[last].length || Math.abs(R[last][last]) < 1e-13 * norm(A[used[last]]))) {
      // The newest column is a combination of the others: exchange it for one of them at an unchanged fit.
      const others = solveUpper(R, R[last], last);
      const far = 1 / Math.min(...used.slice(0, last).map((j, k) => Math.abs(others[k] / p[j]) || Infinity), 1e300);
      const step = 2 * (norm(p) + far + 1) * 1e3 * sign[used[last]];
      if (!leaveAtFirstZero(Float64Array.from(used, (j, k) => k < last ? p[j] - step * others[k] : p[j] + step))) break;
      continue;
    }
    const rhs = new Float64Array(n + (l2 ? size : 0));
    rhs.set(y);
    turn(rhs);
    const pulls = solveLower(R, signs);
    pulls.forEach((pull, k) => pulls[k] = pull * n * l1);
    const target = solveUpper(R, Float64Array.from(pulls, (pull, k) => rhs[k] - pull));
    if (leaveAtFirstZero(target)) continue;
    used.forEach((j, k) => { p[j] = target[k]; });
    rhs.set(pulls);
    const rest = turnBack(rhs).subarray(0, n);
    let [joins, most] = [-1, 0];
    A.forEach((column, j) => {
      if (p[j] !== 0 || used.includes(j) || refused.has(j)) return;
      const pull = dot(column, rest) / n;
      const excess = Math.abs(pull) - l1 * (1 + 1e-9) - noise[j];
      if (excess > most) [joins, most, sign[j]] = [j, excess, Math.sign(pull)];
    });
    if (joins < 0) return { p, converged: [...p, ...noise].every(Number.isFinite) };
    used.push(joins);
  }
  return { p, converged: false };
}

// -- what the laboratory asks for ------------------------------------------------------------------------------------

/**
 * Prepare the fits of one data set: returns fit(lambda, near), which gives {p, converged}.
 *
 * `setting` holds degree, basis ("powers" or "legendre"), penalty ("none", "l1", "l2" or "net"), mix (the share of L1
 * in the elastic net) and constant: whether the constant term pays the penalty too. Lambda is scikit-learn's `alpha`.
 */
export function prepare(x, y, setting) {
  let columns = design(x, setting.degree, setting.basis);
  let targets = Float64Array.from(y);
  let complete = (p) => p;
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  if (!setting.constant) {
    const [centre, means] = [mean(targets), columns.slice(1).map(mean)];
    targets = targets.map((value) => value - centre);
    columns = columns.slice(1).map((column, k) => column.map((value) => value - means[k]));
    complete = (p) => Float64Array.of(centre - dot(p, means), ...p);
  }
  if (!columns.length) return () => ({ p: complete(new Float64Array(0)), converged: true });
  if (setting.penalty === "none" || setting.penalty === "l2") {
    const parts = svd(columns);
    return (lambda) => {
      const p = complete(ridge(parts, targets, setting.penalty === "none" ? 0 : lambda));
      return { p, converged: p.every(Number.isFinite) };
    };
  }
  const mix = setting.penalty === "l1" ? 1 : setting.mix;
  return (lambda, near) => {
    const start = near && (setting.constant ? near : near.subarray(1));
    let { p, converged } = activeSet(columns, targets, lambda * mix, lambda * (1 - mix), start);
    if (!converged && start) ({ p, converged } = activeSet(columns, targets, lambda * mix, lambda * (1 - mix)));
    return { p: complete(p), converged };
  };
}

/** Fits for falling values of lambda, each found from the one before. */
export function path(fit, lambdas) {
  const fits = [];
  for (const lambda of lambdas) fits.push({ lambda, ...fit(lambda, fits.at(-1)?.p) });
  return fits;
}
