"""A worker of a search that many processes share: python worker.py STORAGE STUDY N_TRIALS

STORAGE is the path of a journal file, for workers on one machine, or the address of a database, for many machines
(postgresql+psycopg://user@host/name). A worker tries what its sampler suggests until the study has N_TRIALS results.
Make the study first, with an N_TRIALS of 0: in an empty database only one process at a time can lay out the tables.
"""

import fcntl
import os
import sys
import time
import warnings

import optuna
from course import load_boston
from optuna.storages import JournalStorage, RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import KFold, cross_val_score, train_test_split

warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # Optuna's mark on all that heartbeats need
HEARTBEAT = 5  # seconds between two signs of life in a database; a trial that missed two counts as lost
retry = RetryHeartbeatStaleTrialCallback(max_retry=3)  # a trial that takes its worker down each time is given up


def objective(trial):
    """Cross-validated squared error of boosted trees on the houses; a fifth of these is left aside as test part."""
    boston = load_boston().to_numpy()
    x, _, y, _ = train_test_split(boston[:, :-1], boston[:, -1], test_size=0.2, random_state=0)
    model = HistGradientBoostingRegressor(
        learning_rate=trial.suggest_float("learning_rate", 0.01, 0.5, log=True),
        max_iter=trial.suggest_int("max_iter", 10, 300, log=True),
        max_depth=trial.suggest_int("max_depth", 1, 6),
        min_samples_leaf=trial.suggest_int("min_samples_leaf", 1, 64, log=True), early_stopping=False)
    folds = KFold(5, shuffle=True, random_state=0)
    return -cross_val_score(model, x, y, cv=folds, scoring="neg_mean_squared_error").mean()


def open_storage(address):
    if "://" not in address:
        return JournalStorage(JournalFileBackend(address))
    return RDBStorage(address, heartbeat_interval=HEARTBEAT, grace_period=2 * HEARTBEAT,
                      heartbeat_stale_trial_callback=retry)


class Roll:
    """Beside a journal, which knows no heartbeat: a file in which each worker locks the byte of its process number.

    The kernel opens the lock when the process ends, however it ends.
    """

    def __init__(self, path):
        self.file = open(path, "wb")
        fcntl.lockf(self.file, fcntl.LOCK_EX, 1, os.getpid())

    def has_lost(self, process):
        if process == os.getpid():  # we are between two trials: it was another process, of the same number
            return True
        try:
            fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, process)
        except OSError:  # its worker is at work
            return False
        fcntl.lockf(self.file, fcntl.LOCK_UN, 1, process)
        return True


def retry_lost_trials(study, roll):
    """Fail the trials whose worker died, and queue them again."""
    fail_stale_trials(study)  # in a database, by heartbeat
    for trial in running(study) if roll else []:
        if roll.has_lost(trial.user_attrs["process"]):
            try:
                study.tell(trial.number, state=TrialState.FAIL)
            except (ValueError, optuna.exceptions.UpdateFinishedTrialError):  # another worker was faster
                continue
            retry(study, trial)


def running(study):
    trials = study.get_trials(deepcopy=False, states=[TrialState.RUNNING])
    return [trial for trial in trials if "process" in trial.user_attrs]


def work(storage, name, n_trials, objective=objective):
    def signed(trial):
        trial.set_user_attr("process", os.getpid())
        return objective(trial)

    study = optuna.create_study(storage=open_storage(storage), study_name=name, load_if_exists=True)
    roll = None if "://" in storage else Roll(storage + ".workers")
    while (missing := n_trials - len(study.get_trials(deepcopy=False, states=[TrialState.COMPLETE]))) > 0:
        retry_lost_trials(study, roll)
        if len(running(study)) < missing:
            study.optimize(signed, n_trials=1)
        else:
            time.sleep(0.1)  # the last trials run elsewhere; should one be lost, it is ours


if __name__ == "__main__":
    storage, study, n_trials = sys.argv[1:]
    work(storage, study, int(n_trials))
