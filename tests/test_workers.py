"""Several processes work on one study: in a journal file, and in a PostgreSQL that is started here, where one is installed."""

import ast
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import optuna
import pytest
import worker
from conftest import ROOT
from notebooks import syntax
from optuna.storages import RetryHeartbeatStaleTrialCallback
from optuna.trial import TrialState

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

# A trial that takes long enough to be killed in its middle.
SLOW = """
import sys, time, worker
worker.HEARTBEAT = 1
def objective(trial):
    x = trial.suggest_float("x", -1, 1)
    time.sleep(0.5)
    return x**2
worker.work(sys.argv[1], sys.argv[2], int(sys.argv[3]), objective)
"""


@pytest.fixture(scope="module")
def postgresql():
    """The address of an empty database, on a server of its own that listens on a socket in its own folder alone."""
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb")) + [shutil.which("initdb")]
    if not programs[0]:
        message = "PostgreSQL is not installed: no initdb in /usr/lib/postgresql/*/bin, nor on the PATH"
        pytest.fail(f"{message}; .ci/run installs it") if os.environ.get("CI") else pytest.skip(message)
    bin = Path(programs[0]).parent
    folder = Path(tempfile.mkdtemp(prefix="course-pg-"))  # a short path, as sockets need it
    as_user = []
    if os.geteuid() == 0:  # as root the server refuses to run
        shutil.chown(folder, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]

    def run(program, *arguments):
        log = folder.with_suffix(".log")
        with log.open("ab") as output:  # not a pipe: the server would keep it open
            done = subprocess.run([*as_user, bin / program, "-D", folder / "data", *arguments], cwd="/",
                                  stdout=output, stderr=output, timeout=60)
        assert done.returncode == 0, log.read_text()

    try:
        run("initdb", "--auth=trust", "--username=course", "--no-sync")
        run("pg_ctl", "-w", "-o", f"-c listen_addresses='' -c fsync=off -k {folder}", "start")
        try:
            yield f"postgresql+psycopg://course@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)
        folder.with_suffix(".log").unlink(missing_ok=True)


@pytest.fixture(params=["journal", "postgresql"])
def storage(request, tmp_path):
    return request.getfixturevalue("postgresql") if request.param == "postgresql" else str(tmp_path / "study.journal")


@pytest.fixture
def start():
    """Starts a worker process; those that still run are killed when the test ends."""
    workers = []

    def start(*arguments):
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        workers.append(subprocess.Popen([sys.executable, *map(str, arguments)], cwd=ROOT / "book", env=environment,
                                        stderr=subprocess.PIPE, text=True))
        return workers[-1]

    yield start
    for process in workers:
        process.kill()
        process.wait()


def finish(process):
    _, log = process.communicate(timeout=120)
    assert process.returncode == 0, log


def trials(storage, name, *states):
    return optuna.load_study(storage=worker.open_storage(storage), study_name=name).get_trials(states=states or None)


def wait_for(what, seconds=60):
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, f"waited {seconds} s in vain"
        time.sleep(0.02)
    return found


def test_workers_share_a_study(storage, start):
    finish(start("worker.py", storage, "shared", 0))
    for process in [start("worker.py", storage, "shared", 12) for _ in range(3)]:
        finish(process)
    done = trials(storage, "shared", TrialState.COMPLETE)
    assert 12 <= len(done) <= 14, "each of the other workers may have one under way when the twelfth result comes in"
    assert len({trial.user_attrs["process"] for trial in done}) > 1
    assert len({tuple(trial.params.values()) for trial in done}) == len(done)
    assert all(5 < trial.value < 100 for trial in done)


def test_a_study_goes_on_where_it_stopped(storage, start):
    for asked in (3, 3, 5):
        finish(start("-c", SLOW, storage, "resumed", asked))
        assert len(trials(storage, "resumed")) == asked


def test_a_killed_worker_loses_no_finished_trial_and_its_own_is_retried(storage, start):
    optuna.create_study(storage=worker.open_storage(storage), study_name="killed")
    victim, survivor = (start("-c", SLOW, storage, "killed", 12) for _ in range(2))

    def under_way():
        """The victim's trial, and what was finished, once the victim has finished one and begun another."""
        done = trials(storage, "killed", TrialState.COMPLETE)
        its_own = [trial for trial in trials(storage, "killed", TrialState.RUNNING) if trial.params
                   and trial.user_attrs.get("process") == victim.pid]
        return (its_own[0], done) if its_own and victim.pid in {t.user_attrs["process"] for t in done} else None

    lost, done = wait_for(under_way)
    victim.send_signal(signal.SIGKILL)  # and it stays unburied: its process number is not free yet
    finish(survivor)
    after = {trial.number: trial for trial in trials(storage, "killed")}
    assert [after[trial.number].value for trial in done] == [trial.value for trial in done]
    assert after[lost.number].state == TrialState.FAIL
    retried = [trial for trial in after.values()
               if RetryHeartbeatStaleTrialCallback.retried_trial_number(trial) == lost.number and trial.number != lost.number]
    assert [(trial.params, trial.state) for trial in retried] == [(lost.params, TrialState.COMPLETE)]
    assert 12 <= sum(trial.state == TrialState.COMPLETE for trial in after.values()) <= 13


def test_a_trial_that_kills_each_worker_is_given_up(tmp_path, start):
    deadly = SLOW.replace("time.sleep(0.5)", "trial.number in (0, 1, 2, 3) and worker.os._exit(9)")
    storage = str(tmp_path / "study.journal")
    for _ in range(4):
        assert start("-c", deadly, storage, "deadly", 1).wait(timeout=60) == 9
    finish(start("-c", deadly, storage, "deadly", 1))
    assert [trial.state for trial in trials(storage, "deadly")] == [TrialState.FAIL] * 4 + [TrialState.COMPLETE]
    assert len({trial.params["x"] for trial in trials(storage, "deadly")}) == 2


def test_the_tuning_job_of_the_aws_notes_searches_the_same_space(monkeypatch):
    """The notes type the space in SageMaker's words; here it is compared with what the worker asks its trials for."""
    assigned = {node.targets[0].id: node.value for node in syntax(ROOT / "book" / "aws-notes.md")
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)}
    notes = ast.literal_eval(assigned["space"])
    monkeypatch.setattr(worker, "cross_val_score", lambda *arguments, **options: np.zeros(5))
    trial = optuna.create_study().ask()
    worker.objective(trial)
    asked = {name: (found.low, found.high, "Logarithmic" if found.log else "Linear")
             for name, found in trial.distributions.items()}
    assert asked == notes
