"""What the chapters share: data files, key numbers, stacked networks."""

import hashlib
import math

import course
import numpy as np
import pytest
import torch

# -- data ------------------------------------------------------------------------------------------------------------

IDX_SHA256 = {  # of the four files of the original distribution, header and bytes
    ("x_train", 3): "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ("y_train", 1): "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ("x_test", 3): "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ("y_test", 1): "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def test_boston_is_complete():
    boston = course.load_boston()
    assert boston.shape == (506, 14) and not boston.isna().any().any()
    assert boston.iloc[0].tolist() == [0.00632, 18.0, 2.31, 0, 0.538, 6.575, 65.2, 4.09, 1, 296, 15.3, 396.9, 4.98, 24.0]


def test_mnist_is_the_original_distribution():
    with np.load(course.data_file("mnist.npz")) as arrays:
        for (name, dimensions), expected in IDX_SHA256.items():
            array = arrays[name]
            header = bytes([0, 0, 8, dimensions]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
            assert hashlib.sha256(header + array.tobytes()).hexdigest() == expected, name


def test_mnist_has_the_layout_of_keras():
    (x_train, y_train), (x_test, y_test) = course.load_mnist()
    assert x_train.shape == (60000, 28, 28) and y_train.shape == (60000,)
    assert x_test.shape == (10000, 28, 28) and y_test.shape == (10000,)
    assert {array.dtype for array in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}


@pytest.mark.parametrize("name, load", [("boston-house-prices.csv", course.load_boston), ("mnist.npz", course.load_mnist)])
@pytest.mark.parametrize("damage, says", [(None, "is missing"), ("cut", "bytes where"), ("flip", "was altered")])
def test_damaged_data_is_refused(tmp_path, monkeypatch, name, load, damage, says):
    content = bytearray((course.DATA / name).read_bytes())
    if damage == "cut":
        content = content[:-1]
    elif damage == "flip":
        content[len(content) // 2] ^= 1
    if damage:
        (tmp_path / name).write_bytes(content)
    monkeypatch.setattr(course, "DATA", tmp_path)
    with pytest.raises(course.DataFileError) as error:
        load()
    assert f"data/{name}" in str(error.value) and says in str(error.value)
    assert f"git checkout -- data/{name}" in str(error.value)


def test_checksums_in_the_readme_are_those_of_the_loader():
    text = (course.DATA / "README.md").read_text()
    for name, (size, digest) in course.DATA_FILES.items():
        assert name in text and f"{size:,}" in text and digest in text


# -- key numbers -----------------------------------------------------------------------------------------------------

@pytest.fixture
def shown(monkeypatch):
    """The outputs that key_number stores, with no key number set before."""
    outputs = []
    monkeypatch.setattr(course, "key", course.KeyNumbers())
    monkeypatch.setattr(course.IPython.display, "display", lambda data, **more: outputs.append((data, more["metadata"])))
    return outputs


@pytest.mark.parametrize("value, fmt, text", [
    (5, "d", "5"), (5.0, "d", "5"), (0.256, ".1%", "25.6%"), (np.float64(0.3), ".2f", "0.30"), (np.int64(7), "d", "7"),
    (-0.5, ".1f", "-0.5"), (1.5e7, ".2g", "1.5e+07"), (np.float32(0.25), ".3g", "0.25"),
])
def test_key_number_in_range(shown, value, fmt, text):
    course.key_number("a_name", value, value - 1, value + 1, fmt)
    assert str(course.key.a_name) == repr(course.key.a_name) == text
    (data, metadata), = shown
    assert list(data.values()) == [text] and metadata["scrapbook"]["name"] == "a_name"
    assert metadata["key_number"] == {"value": float(value), "low": float(value - 1), "high": float(value + 1)}


def test_key_number_at_the_ends_of_its_range(shown):
    course.key_number("low", 1, 1, 2)
    course.key_number("high", 2, 1, 2)
    assert float(course.key.low) == 1 and float(course.key.high) == 2


@pytest.mark.parametrize("value, says", [
    (3, "out of its range [0, 2]"), (-1e-9, "out of its range [0, 2]"), (math.nan, "finite"), (math.inf, "finite"),
    ("1", "str, not a number"), (None, "NoneType, not a number"), (True, "bool, not a number"),
    (np.array([1.0]), "ndarray, not a number"), (torch.tensor(1.0), "Tensor, not a number"), (1j, "complex, not a number"),
])
def test_key_number_refused(shown, value, says):
    with pytest.raises(course.KeyNumberError, match="key number 'a_name'") as error:
        course.key_number("a_name", value, 0, 2)
    assert says in str(error.value)
    assert not shown
    with pytest.raises(AttributeError, match="a_name"):
        course.key.a_name


def test_key_number_needs_an_identifier(shown):
    with pytest.raises(course.KeyNumberError, match="identifier"):
        course.key_number("lasso terms", 1, 0, 2)


def test_one_name_is_set_once(shown, monkeypatch):
    cells = iter([(1, "cell a"), (2, "cell a"), (2, "cell a"), (3, "cell b")])
    monkeypatch.setattr(course, "_current_cell", lambda: next(cells))
    course.key_number("a_name", 1, 0, 2)
    course.key_number("a_name", 1.5, 0, 2)  # the same cell, run again
    for _ in range(2):  # twice in one cell, then in another cell
        with pytest.raises(course.KeyNumberError, match="'a_name' is set twice"):
            course.key_number("a_name", 1, 0, 2)
    assert float(course.key.a_name) == 1.5


# -- networks trained together ---------------------------------------------------------------------------------------

def small_network(seed, dropout=0.0):
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Dropout(dropout), torch.nn.Linear(5, 1))


def test_stacked_networks_learn_what_single_ones_do():
    x, y = torch.randn(20, 3), torch.randn(20, 1)
    params, forward = course.stack([small_network(seed) for seed in range(4)])
    optimizer = torch.optim.Adam(params.values())
    for _ in range(30):
        optimizer.zero_grad()
        ((forward(params, x.expand(4, 20, 3)) - y) ** 2).mean((1, 2)).sum().backward()
        optimizer.step()
    together = forward(params, x.expand(4, 20, 3))
    for seed in range(4):
        model = small_network(seed)
        optimizer = torch.optim.Adam(model.parameters())
        for _ in range(30):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(x), y).backward()
            optimizer.step()
        assert torch.allclose(together[seed], model(x), atol=1e-5)


def test_stacked_networks_drop_different_units_and_none_in_evaluation():
    params, forward = course.stack([small_network(0, dropout=0.5)] * 3)
    x = torch.randn(3).expand(3, 40, 3)
    train, evaluated = forward(params, x), forward(params, x, train=False)
    assert not torch.equal(train[0], train[1])
    assert torch.equal(evaluated[0], evaluated[1]) and torch.equal(evaluated, forward(params, x, train=False))
