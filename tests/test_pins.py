"""The pins: every package with one exact version, the same everywhere, and small CPU builds."""

import re
from importlib.metadata import PackageNotFoundError, distribution

import pytest
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PLATFORMS = {
    "Linux x86-64": {"sys_platform": "linux", "platform_machine": "x86_64"},
    "Linux arm64": {"sys_platform": "linux", "platform_machine": "aarch64"},
    "macOS": {"sys_platform": "darwin", "platform_machine": "arm64"},
}
PYTHONS = ["3.11.2", "3.11.14", "3.12.0", "3.13.0"]
PINNED = ["requirements.txt", "tests/requirements.txt", ".binder/requirements.txt"]

each_platform = pytest.mark.parametrize("platform", PLATFORMS)


def requirements(name):
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def version(requirement):
    """The version to which `requirement` is pinned; None if it is not pinned to one."""
    pins = [specifier.version for specifier in requirement.specifier if specifier.operator == "=="]
    return pins[0] if len(requirement.specifier) == 1 and pins and "*" not in pins[0] else None


def holding(requirements, platform, python):
    """Names and versions of those `requirements` whose marker holds there, and the number of lines they come from."""
    there = {**PLATFORMS[platform], "implementation_name": "cpython", "python_full_version": python,
             "python_version": python.rpartition(".")[0]}
    chosen = [r for r in requirements if not r.marker or r.marker.evaluate(there)]
    return {canonicalize_name(r.name): version(r) for r in chosen}, len(chosen)


def needed():
    """Every package that requirements.txt and tests/requirements.txt bring along here, with its installed version."""
    found, ahead = {}, [(r, "") for name in PINNED[:2] for r in requirements(name)]
    while ahead:
        requirement, extra = ahead.pop()
        name = canonicalize_name(requirement.name)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        for extra in {"", *requirement.extras} - found.get(name, (None, set()))[1]:
            try:
                package = distribution(name)
            except PackageNotFoundError:
                raise AssertionError(f"{requirement} is not installed: run `make .venv/installed-tests`") from None
            found.setdefault(name, (package.version.split("+")[0], set()))[1].add(extra)
            ahead += [(Requirement(line), extra) for line in package.requires or []]
    return {name: version for name, (version, _) in found.items()}


@pytest.mark.parametrize("name", ["requirements.txt", "tests/requirements.txt", "constraints.txt"])
def test_every_package_has_one_exact_version(name):
    for requirement in requirements(name):
        assert version(requirement), f"{name}: pin {requirement} exactly"


def test_binder_repeats_no_version():
    pinned = {(requirement.name, str(requirement.marker)) for requirement in requirements("requirements.txt")}
    for requirement in requirements(".binder/requirements.txt"):
        repeated = (requirement.name, str(requirement.marker)) in pinned
        assert bool(requirement.specifier) != repeated, f".binder/requirements.txt: {requirement}: one version, in one file"


@pytest.mark.parametrize("python", PYTHONS)
@each_platform
def test_constraints_hold_each_direct_pin_once(platform, python):
    constraints, lines = holding(requirements("constraints.txt"), platform, python)
    assert len(constraints) == lines, "a package has two versions at once: run `make pins`"
    for name in PINNED:
        direct, _ = holding([r for r in requirements(name) if r.specifier], platform, python)
        assert direct and not direct.items() - constraints.items(), f"{name} and constraints.txt differ: run `make pins`"


def test_the_environment_holds_what_is_pinned():
    installed = needed()
    for name in PINNED[:2]:
        for requirement in requirements(name):
            if not requirement.marker or requirement.marker.evaluate():
                found = installed[canonicalize_name(requirement.name)]
                assert found == version(requirement), f"{name}: {requirement}: {found} is here, run `make` to install it"


def test_constraints_are_complete_and_are_what_is_installed():
    constraints = {canonicalize_name(r.name): version(r) for r in requirements("constraints.txt")
                   if not r.marker or r.marker.evaluate()}
    installed = needed()
    assert len(installed) > 100
    lacking = sorted(installed.keys() - constraints.keys())
    assert not lacking, f"constraints.txt lacks {lacking}: run `make pins`"
    other = {name: version for name, version in installed.items() if version != constraints[name]}
    assert not other, f"installed, but not as constraints.txt says (run `make`): {other}"


def test_whatever_is_installed_is_constrained():
    for name in ["Makefile", ".ci/run"]:
        commands = (ROOT / name).read_text().replace("\\\n", " ").splitlines()
        free = [line for line in commands if re.search(r"pip install.* -r (?!.*-c constraints.txt|.binder/)", line)]
        assert not free, f"{name}: add -c constraints.txt: {free}"
    launch = (ROOT / ".binder" / "requirements.txt").read_text()  # which pip reads from its own folder
    assert "-c ../constraints.txt" in launch.splitlines(), ".binder/requirements.txt: add -c ../constraints.txt"


@each_platform
def test_one_tensorflow_and_no_cuda(platform):
    for name in ["requirements.txt", "constraints.txt"]:
        chosen, _ = holding(requirements(name), platform, "3.12.0")
        assert [name for name in chosen if name.startswith("tensorflow")] == (
            ["tensorflow-cpu"] if platform == "Linux x86-64" else ["tensorflow"])
        cuda = [name for name in chosen if name.startswith(("nvidia", "cuda", "triton"))]
        assert not cuda, f"add to exclude-dependencies in pyproject.toml, then `make pins`: {cuda}"


def test_no_cuda_came_along():
    assert not [name for name in needed() if name.startswith(("nvidia", "cuda", "triton"))]
