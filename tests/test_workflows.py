"""What runs elsewhere: the GitHub workflows and the pre-commit hook call the course's own commands, with few rights."""

import re

import pytest
import yaml
from conftest import ROOT

WORKFLOWS = {path.name: yaml.load(path.read_text(), yaml.BaseLoader) for path in (ROOT / ".github/workflows").glob("*")}
JOBS = [(name, key, job) for name, workflow in WORKFLOWS.items() for key, job in workflow["jobs"].items()]
STEPS = [(name, step) for name, _, job in JOBS for step in job.get("steps", [])]

each_workflow = pytest.mark.parametrize("name", WORKFLOWS)
each_job = pytest.mark.parametrize("name, key, job", JOBS, ids=lambda value: value if isinstance(value, str) else "")


def commands(name):
    return [step["run"] for workflow, step in STEPS if workflow == name and "run" in step]


@each_workflow
def test_rights_are_given_job_by_job_and_runs_do_not_pile_up(name):
    assert WORKFLOWS[name]["permissions"] == {}
    assert set(WORKFLOWS[name]["concurrency"]) == {"group", "cancel-in-progress"}


@each_job
def test_each_job_has_the_least_rights_and_an_end(name, key, job):
    writes = {"pages": "write", "id-token": "write"} if (name, key) == ("pages.yml", "deploy") else {"contents": "read"}
    assert job["permissions"] == writes
    assert "uses" in job or 0 < int(job["timeout-minutes"]) <= 90


def test_actions_are_pinned_by_hash_with_their_version_beside():
    used = {step["uses"] for _, step in STEPS if "uses" in step} | {job["uses"] for *_, job in JOBS if "uses" in job}
    text = "".join(path.read_text() for path in (ROOT / ".github/workflows").glob("*"))
    assert len(used) >= 4
    for action in used:
        if action.startswith("./"):
            assert (ROOT / action).is_file(), action
        else:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), f"pin {action} by the hash of its commit"
            assert len(set(re.findall(rf"{action}(.*)", text))) == 1, f"{action}: one version, the same everywhere"
            assert re.search(rf"{action}  # v\d+\.\d+\.\d+$", text, re.M), f"{action}: which version is that?"


def test_no_step_keeps_the_token_or_pastes_a_value_into_a_command():
    for name, step in STEPS:
        assert "${{" not in step.get("run", ""), f"{name}: hand values over in env"
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] == "false", name


def test_pushes_and_pull_requests_run_the_tests():
    assert WORKFLOWS["test.yml"]["on"].keys() == {"push", "pull_request", "workflow_call"}
    assert commands("test.yml") == [".ci/run"]
    setup = next(step for name, step in STEPS if name == "test.yml" and "setup-python" in step.get("uses", ""))
    assert setup["with"]["cache-dependency-path"].split() == ["requirements.txt", "tests/requirements.txt", "constraints.txt"]


def test_main_is_published_as_it_was_tested():
    pages = WORKFLOWS["pages.yml"]
    assert pages["on"] == {"push": {"branches": ["main"]}} and WORKFLOWS["test.yml"]["on"]["push"] == {"branches-ignore": ["main"]}
    assert pages["jobs"]["test"]["uses"] == "./.github/workflows/test.yml"
    assert pages["jobs"]["deploy"]["needs"] == "test"
    assert {step["with"]["path"] for _, step in STEPS if "upload-pages-artifact" in step.get("uses", "")} == {"_build/html"}


def test_links_newest_versions_and_other_platforms_are_tried_weekly():
    weekly = WORKFLOWS["weekly.yml"]
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", weekly["on"]["schedule"][0]["cron"])
    runs = {key: [step["run"] for step in job["steps"] if "run" in step] for key, job in weekly["jobs"].items()}
    assert runs["links"] == ["make links"] and runs["platforms"] == ["make"]
    assert runs["newest"][0] == "make pins NEWEST=1" and runs["newest"][-1] == ".ci/run"
    assert all(job.get("continue-on-error", "false") == "false" for job in weekly["jobs"].values()), "a failure must show"


def test_commands_of_workflows_exist():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.M)
    called = {word for name in WORKFLOWS for run in commands(name) for word in re.findall(r"make ([a-z]+)", run)}
    assert called and called <= set(targets)


def test_the_commit_hook_is_make_lint_and_fetches_nothing():
    (source,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    (hook,) = source["hooks"]
    assert source["repo"] == "local" and hook["language"] == "system" and hook["entry"] == "make lint"
    assert hook["always_run"] and not hook["pass_filenames"]
