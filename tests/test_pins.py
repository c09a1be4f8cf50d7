"""The pins: every package with one exact version, and small CPU builds everywhere."""

import pytest
from conftest import ROOT
from packaging.requirements import Requirement

PLATFORMS = {
    "Linux x86-64": {"sys_platform": "linux", "platform_machine": "x86_64"},
    "Linux arm64": {"sys_platform": "linux", "platform_machine": "aarch64"},
    "macOS": {"sys_platform": "darwin", "platform_machine": "arm64"},
}


def requirements(name):
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [Requirement(line) for line in lines if line]


@pytest.mark.parametrize("name", ["requirements.txt", "tests/requirements.txt"])
def test_every_package_has_one_exact_version(name):
    for requirement in requirements(name):
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", f"{name}: pin {requirement}"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_one_tensorflow_and_no_cuda(platform):
    chosen = [r.name for r in requirements("requirements.txt") if not r.marker or r.marker.evaluate(PLATFORMS[platform])]
    assert [name for name in chosen if name.startswith("tensorflow")] == (
        ["tensorflow-cpu"] if platform == "Linux x86-64" else ["tensorflow"])
    assert not [name for name in chosen if name.startswith(("nvidia", "cuda"))]


def test_the_environment_holds_what_is_pinned():
    from importlib.metadata import distributions
    installed = {d.metadata["Name"].lower().replace("_", "-"): d.version.split("+")[0] for d in distributions()}
    for requirement in requirements("requirements.txt") + requirements("tests/requirements.txt"):
        if not requirement.marker or requirement.marker.evaluate():
            (specifier,) = requirement.specifier
            assert installed[requirement.name.lower()] == specifier.version, f"{requirement}: run `make` to install it"
    assert not [name for name in installed if name.startswith(("nvidia-", "cuda-"))], "CUDA libraries came along"
