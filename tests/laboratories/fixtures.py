"""What the laboratories' numerics have to agree with, computed by scikit-learn, NumPy and Keras: run it to write it anew.

`python tests/laboratories/fixtures.py` writes one JSON file a laboratory beside this one; tests/test_laboratories.py fails
when they are not what this script would write.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
from numpy.polynomial.legendre import legvander
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, Ridge, lars_path

FOLDER = Path(__file__).parent
sys.path[:0] = [str(FOLDER.parent.parent / "book" / "_ext"), str(FOLDER.parent.parent / "book")]
import laboratories  # noqa: E402 - found through the path above


def basis_matrix(x, degree, basis):
    if basis == "powers":
        return np.vander(x, degree + 1, increasing=True)
    return legvander(2 * np.asarray(x) - 1, degree) * np.sqrt(2 * np.arange(degree + 1) + 1)


def exact(model, X, y):
    """The fit of an estimator that has to converge."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        fit = model.fit(X, y)
    return fit.coef_, fit.intercept_


def shrinkage_case(points, penalty, lam, basis="powers", degree=9, constant=True, mix=0.5, by_path=False):
    """One fit as scikit-learn computes it; `by_path` where coordinate descent would need too many sweeps."""
    x, y = (np.array(points[axis]) for axis in "xy")
    X = basis_matrix(x, degree, basis)
    features, intercept = (X, {"fit_intercept": False}) if constant else (X[:, 1:], {"fit_intercept": True})
    slow = {"tol": 1e-14, "max_iter": 1_000_000} | intercept
    if by_path:
        coef = lars_path(X, y, method="lasso", alpha_min=lam)[2][:, -1]
    elif penalty == "l2":
        coef, free = exact(Ridge(alpha=lam, solver="svd", **intercept), features, y)
    elif penalty == "none" or lam == 0:
        if degree >= len(y):  # the shortest of many solutions
            coef = np.linalg.lstsq(X, y)[0]
        else:
            coef, free = exact(LinearRegression(tol=0, **intercept), features, y)
    elif penalty == "l1":
        coef, free = exact(Lasso(alpha=lam, **slow), features, y)
    else:
        coef, free = exact(ElasticNet(alpha=lam, l1_ratio=mix, **slow), features, y)
    p = coef if constant else np.r_[free, coef]
    return {"x": x, "y": y, "lambda": lam, "p": p, "curve": basis_matrix(np.linspace(0, 1, 21), degree, basis) @ p,
            "setting": {"penalty": penalty, "basis": basis, "degree": degree, "constant": constant, "mix": mix}}


def shrinkage():
    points = laboratories.ten_points()
    moved = {"x": points["x"], "y": np.random.default_rng(7).uniform(-1.6, 2.4, 10)}
    twice = {"x": [0, 0, *points["x"][2:]], "y": points["y"]}  # two points at one place
    cases = [shrinkage_case(points, "none", 0), shrinkage_case(points, "none", 0, constant=False),
             shrinkage_case(points, "none", 0, "legendre", 15), shrinkage_case(points, "none", 0, degree=0)]
    for basis in ("powers", "legendre"):
        for constant in (True, False):
            cases += [shrinkage_case(points, "l2", lam, basis, constant=constant) for lam in (1e-14, 1e-10, 1e-5, 1, 1e6)]
            cases += [shrinkage_case(points, kind, lam, basis, constant=constant)
                      for kind in ("l1", "net") for lam in (0.03, 0.1, 1, 1e6)]
    for some in (points, moved, twice):
        cases += [shrinkage_case(some, "l1", lam, "legendre") for lam in (1e-6, 1e-3)]
        cases += [shrinkage_case(some, "net", lam, "legendre", 15, mix=mix) for lam in (1e-3, 0.1) for mix in (0.05, 0.95)]
        cases += [shrinkage_case(some, "l2", lam, "legendre", 15) for lam in (1e-6, 0.1)]
    cases += [shrinkage_case(points, "l1", lam, by_path=True) for lam in (1e-5, 1e-3)]
    cases += [shrinkage_case(points, "l1", 0, "legendre"), shrinkage_case(points, "net", 0, "legendre")]
    return {"cases": cases}


def descent():
    """Paths by the chapter's own functions, and the largest stable rate from the eigenvalues of one step."""
    [plain] = laboratories.from_chapter("hyperparameters", "descend")
    [ball] = laboratories.from_chapter("hyperparameters", "heavy_ball")
    surfaces = laboratories.valleys()
    paths = [{"curvature": curve, "start": list(start), "rate": rate, "momentum": memory, "path":
              ball(np.array(curve), start, rate, memory, 25) if memory else plain(np.array(curve), start, rate, 25)}
             for curve, start, rates in ((surfaces["bowl"], (-9, 1.2), (0.01, 0.12, 0.19, 0.205)),
                                         (surfaces["valley"], (-10, 1), (0.002, 0.0198, 0.033, 0.06)))
             for rate in rates for memory in (0, 0.5, 0.9)]

    def grows(rate, curvature, memory):
        step = np.array([[1 + memory - rate * curvature, -memory], [1, 0]])
        return np.abs(np.linalg.eigvals(step)).max() > 1

    limits = []
    for curvature in (1.0, 3.0, 6.0, 10.0, 100.0):
        for memory in (0, 0.3, 0.67, 0.9, 0.99):
            low, high = 0.0, 10.0
            while high - low > 1e-12:
                middle = (low + high) / 2
                low, high = (low, middle) if grows(middle, curvature, memory) else (middle, high)
            limits.append({"curvature": curvature, "momentum": memory, "limit": low})
    return {"paths": paths, "limits": limits}


def training():
    """Small networks in Keras, from given weights through given batches: what they hold afterwards."""
    import course  # noqa: F401 - sets Keras up
    import keras

    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 12)).astype("float32") * (rng.random((30, 12)) < 0.4)
    labels = rng.integers(0, 10, 30)
    optimizers = {"sgd": lambda: keras.optimizers.SGD(0.1), "momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9),
                  "adam": lambda: keras.optimizers.Adam(0.01)}
    starts, cases = {}, []
    for sizes in ([12, 8, 10], [12, 8, 6, 10]):
        first = [[(0.5 * rng.normal(size=shape)).astype("float32") for shape in ((a, b), (b,))] for a, b in zip(sizes, sizes[1:])]
        starts[len(sizes)] = [{"weights": w.ravel(), "biases": b} for w, b in first]
        for name, build in optimizers.items():
            for l1, l2 in ((0, 0), (0.003, 0), (0, 0.02)):
                penalty = keras.regularizers.L1L2(l1, l2)
                model = keras.Sequential([keras.Input((12,)), *(
                    keras.layers.Dense(size, "relu", kernel_regularizer=penalty) for size in sizes[1:-1]),
                    keras.layers.Dense(10, "softmax")])
                model.set_weights([part for layer in first for part in layer])
                model.compile(build(), "sparse_categorical_crossentropy")
                model.fit(x, labels, batch_size=8, epochs=5, shuffle=False, verbose=0)
                p = model.predict(x, verbose=0)
                cases.append({"sizes": sizes, "optimizer": name, "rate": round(float(model.optimizer.learning_rate.numpy()), 6),
                              "l1": l1, "l2": l2, "weights": [np.round(w.ravel(), 6) for w in model.get_weights()],
                              "loss": -np.log(p[range(30), labels]).mean(), "accuracy": (p.argmax(1) == labels).mean()})
    return {"x": x, "labels": labels.tolist(), "starts": starts, "cases": cases}


LABORATORIES = {"shrinkage": shrinkage, "descent": descent, "training": training}


def written(fixture):
    """As JSON, with nine digits: what lies beyond them differs between processors."""
    def plain(value):
        if isinstance(value, np.ndarray):
            return [plain(item) for item in value.tolist()]
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        return float(f"{value:.10g}") if isinstance(value, (float, np.floating)) else value

    return json.dumps(plain(fixture), separators=(",", ":")).replace("},{", "},\n{") + "\n"


if __name__ == "__main__":
    for name, fixture in LABORATORIES.items():
        (FOLDER / f"{name}.json").write_text(written(fixture()))
