"""The little that the chapters share: the data sets, the figure style, key numbers, and networks trained together.

Nothing here teaches; what does stands in the chapters. Nothing here is ever downloaded.
"""

import copy
import hashlib
import math
import numbers
import os
import pathlib

# TensorFlow reads these once, on import: no start-up log in a page, and Keras on the one backend that the course pins.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import IPython.display
import numpy as np

# pandas, matplotlib and torch are imported where they are used: the build reads this file too and need not wait.

BOOK = pathlib.Path(__file__).resolve().parent
DATA = BOOK.parent / "data"

# -- data sets -------------------------------------------------------------------------------------------------------

DATA_FILES = {  # name: (bytes, SHA-256)
    "boston-house-prices.csv": (49_082, "baadf72995725d76efe787b664e1f083388c79ba21ef9a7990d87f774184735a"),
    "mnist.npz": (11_490_519, "06af5dfe73b70e3bc1c36439982b18a8d76803db9b544f6fdf838a37fbb01b64"),
}
BOSTON_COLUMNS = "CRIM ZN INDUS CHAS NOX RM AGE DIS RAD TAX PTRATIO B LSTAT MEDV".split()


class DataFileError(RuntimeError):
    """A data file is missing, truncated or altered. The message names the file, what was expected and what to do."""


def data_file(name):
    """Path of the data file `name`, checked.

    Raises DataFileError if the file is missing or is not, byte for byte, the one that the course was measured with.
    """
    size, digest = DATA_FILES[name]
    path = DATA / name
    remedy = (f"Restore it with `git checkout -- data/{name}`, or copy it from a fresh clone of the course; "
              "data/README.md tells where it comes from.")
    if not path.is_file():
        raise DataFileError(f"data/{name} is missing: expected a file of {size:,} bytes. {remedy}")
    content = path.read_bytes()
    if len(content) != size:
        raise DataFileError(f"data/{name} has {len(content):,} bytes where {size:,} were expected. {remedy}")
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise DataFileError(f"data/{name} was altered: its SHA-256 is {found}, expected {digest}. {remedy}")
    return path


def load_boston():
    """The Boston housing data as a table: 506 rows (census tracts), 13 features and the target MEDV.

    MEDV is the median house value in 1000 dollars. Source: Harrison and Rubinfeld (1978); the column B rests on a
    racist premise, see data/README.md. Raises DataFileError.
    """
    import pandas as pd

    return pd.read_csv(data_file("boston-house-prices.csv"), sep=r"\s+", header=None, names=BOSTON_COLUMNS)


def load_mnist():
    """The MNIST digits: (x_train, y_train), (x_test, y_test), as `keras.datasets.mnist.load_data()` returns them.

    Images have shape (60000, 28, 28) and (10000, 28, 28), labels (60000,) and (10000,), all uint8.
    Raises DataFileError.
    """
    with np.load(data_file("mnist.npz")) as arrays:
        return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


# -- key numbers -----------------------------------------------------------------------------------------------------

GLUE_MIME = "application/papermill.record/text/plain"  # MyST-NB's mark for an output that is stored but not shown


class KeyNumberError(ValueError):
    """A key number is out of its range, not a number, or has a name that is taken or not a valid one."""


class KeyNumber(float):
    """A float that prints as prose quotes it, so that `{eval}` roles show the same text on the site and in Jupyter."""

    def __new__(cls, value, fmt):
        self = super().__new__(cls, value)
        self.text = format(int(value) if fmt.endswith("d") else float(value), fmt)
        return self

    def __repr__(self):
        return self.text

    __str__ = __repr__


class KeyNumbers:
    """The key numbers of one chapter, as attributes: `key.name` (shown by the `{eval}` role in the prose)."""

    def __getattr__(self, name):
        raise AttributeError(f"no key number is called {name!r}; key_number({name!r}, value, low, high) makes one")


key = KeyNumbers()


def key_number(name, value, low, high, fmt=".3g"):
    """Check that `value` lies in [`low`, `high`], and hand it to the prose as `` {eval}`key.name` ``.

    `fmt` is the format specification in which prose shows it: ".2f", "d" for counts, ".0%" for shares. The value is
    stored in the cell's outputs, with its range, so that the site takes it from the cache without running anything.

    Raises KeyNumberError if the value is out of range, not finite or not a number, if the name is not a Python
    identifier, or if a second cell uses the same name (a cell may be run again).
    """
    where = f"key number {name!r}"
    if not (isinstance(name, str) and name.isidentifier()):
        raise KeyNumberError(f"{where}: the name must be a Python identifier, like 'lasso_terms'")
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise KeyNumberError(f"{where}: {value!r} is {type(value).__name__}, not a number; pass an int or a float")
    if not math.isfinite(value):
        raise KeyNumberError(f"{where} is {value}, expected a finite number in [{low}, {high}]")
    if not low <= value <= high:
        raise KeyNumberError(f"{where} is {value}, out of its range [{low}, {high}]. If the lesson still holds, derive "
                             "a new range by repeating the run; if not, correct the text.")
    run, cell = _current_cell()
    if name in vars(key) and (vars(key)[name].run == run or vars(key)[name].cell != cell):
        raise KeyNumberError(f"{where} is set twice; give the second one another name")
    number = KeyNumber(value, fmt)
    number.run, number.cell = run, cell
    setattr(key, name, number)
    metadata = {"scrapbook": {"name": name, "mime_prefix": GLUE_MIME.removesuffix("text/plain")},
                "key_number": {"value": float(value), "low": float(low), "high": float(high)}}
    IPython.display.display({GLUE_MIME: number.text}, raw=True, metadata=metadata)


def _current_cell():
    """Number and text of the running cell: the same text under another number is the same cell, run again."""
    shell = IPython.get_ipython()
    return (shell.execution_count, shell.user_ns["In"][-1]) if shell else (None, None)


# -- figures ---------------------------------------------------------------------------------------------------------

# Okabe and Ito's palette, which colour-blind readers tell apart, darkened where white paper needs it. The site draws
# each figure a second time for dark pages, with these colours replaced (book/_ext/course_site.py).
COLORS = {  # name: (light, dark)
    "blue": ("#0072b2", "#56b4e9"),
    "orange": ("#c75000", "#ff9a4d"),
    "green": ("#00785a", "#35c79c"),
    "purple": ("#a8447f", "#e294c2"),
    "gold": ("#8f6a00", "#f0c94a"),
    "sky": ("#3d7f9e", "#9bd3ee"),
    "gray": ("#6a6f78", "#a3a9b3"),
    "ink": ("#23272f", "#e3e6ea"),
    "grid": ("#dadde2", "#3a3f47"),
    "paper": ("#fffffe", "#14171b"),
}
BLUE, ORANGE, GREEN, PURPLE, GOLD, SKY, GRAY, INK, GRID, PAPER = (light for light, _ in COLORS.values())


def set_style():
    """Draw every figure of the course alike: vector output, the page's own typeface, colour-blind-safe colours.

    Lines differ in dash pattern as well as in colour. Seeds of the SVG identifiers are fixed, so that equal figures
    give equal files.
    """
    import matplotlib as mpl
    import matplotlib.font_manager

    for font in sorted((BOOK / "_static" / "fonts").glob("*.ttf")):
        mpl.font_manager.fontManager.addfont(font)
    lines = [BLUE, ORANGE, GREEN, PURPLE, GOLD, SKY]
    dashes = ["-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.5, 1.2, 1.5)), (0, (8, 2)), (0, (2.5, 1.5))]
    mpl.rcParams.update({
        "figure.figsize": (7.2, 3.9), "figure.constrained_layout.use": True,
        "figure.facecolor": PAPER, "axes.facecolor": "none", "savefig.facecolor": PAPER,
        "font.family": "Source Sans 3", "font.size": 11.5, "mathtext.fontset": "cm",
        "axes.prop_cycle": mpl.cycler(color=lines) + mpl.cycler(linestyle=dashes),
        "axes.titlesize": 12.5, "axes.titleweight": 600, "axes.titlelocation": "left",
        "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": GRAY, "axes.linewidth": 0.8,
        "axes.grid": True, "grid.color": GRID, "grid.linewidth": 0.7, "axes.axisbelow": True,
        "text.color": INK, "axes.labelcolor": INK, "axes.titlecolor": INK,
        "xtick.color": GRAY, "ytick.color": GRAY, "xtick.labelcolor": INK, "ytick.labelcolor": INK,
        "lines.linewidth": 1.8, "patch.edgecolor": PAPER, "hatch.color": INK,
        "legend.frameon": True, "legend.framealpha": 0.9, "legend.facecolor": PAPER, "legend.edgecolor": "none",
        "legend.fontsize": 10.5,
        "svg.fonttype": "path", "svg.hashsalt": "course",
    })
    try:
        from matplotlib_inline.backend_inline import set_matplotlib_formats
        set_matplotlib_formats("svg", metadata={"Date": None}, bbox_inches=None)
    except (ImportError, AttributeError):  # outside of IPython there is no inline backend to set
        pass


# -- networks trained together ---------------------------------------------------------------------------------------

def stack(models):
    """Stack the parameters of n PyTorch models of one architecture, so that one loop trains them all.

    Returns (params, forward). `params` maps each parameter's name to one tensor of shape (n, ...) that requires a
    gradient; any elementwise optimizer (SGD, Adam, AdamW) treats its n slices independently. `forward(params, x,
    train=True)` takes inputs of shape (n, examples, features) and returns (n, examples, outputs); with `train` false,
    dropout is off. Dropout masks differ between the n models.

    Method: `torch.func.stack_module_state` and `vmap` (PyTorch's tutorial "Model ensembling").
    """
    import torch

    params, _ = torch.func.stack_module_state(list(models))
    params = {name: p.detach().requires_grad_() for name, p in params.items()}
    skeleton = copy.deepcopy(models[0]).to("meta")

    def forward(params, x, train=True):
        skeleton.train(train)
        return torch.func.vmap(lambda p, xi: torch.func.functional_call(skeleton, p, (xi,)),
                               randomness="different")(params, x)

    return params, forward
