"""Searches in several processes that share a study in a file."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from skboost.tuning._leases import LEASE
from skboost.tuning._shared import SharedLedger
from skboost.tuning._space import StaticSpace
from skboost.tuning._storage import close_connections, open_storage

WORKER = Path(__file__).parent / "shared_worker.py"
posix = pytest.mark.skipif(os.name != "posix", reason="needs signals")


STARTED = []


def start(storage, n_trials, lease=60, **environment):
    """A search that waits for a line on its standard input."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | environment
    process = subprocess.Popen(
        [sys.executable, str(WORKER), str(storage), str(n_trials), str(lease)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    STARTED.append(process)
    return process


def end_all():
    """Kill the searches that a failed test has left."""
    while STARTED:
        with STARTED.pop() as process:
            process.kill()


@pytest.fixture(autouse=True)
def _end_all():
    yield
    end_all()


def let_go(*processes):
    """Let searches begin together, once all of them are ready."""
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()


def found_by(process):
    printed, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return json.loads(printed.splitlines()[-1])


def trials_in(storage):
    opened = open_storage(storage)
    try:
        return optuna.load_study(study_name="mine", storage=opened).trials
    finally:
        close_connections(opened)


def states_in(storage):
    return [trial.state.name for trial in trials_in(storage)]


def wait_for(storage, search, n_trials):
    """Wait until so many trials are complete, while a search runs."""
    while states_in(storage).count("COMPLETE") < n_trials:
        assert search.poll() is None
        time.sleep(0.1)


def check_shared(storage, searches, n_trials):
    """All searches end with the same trials, as many as wanted, no two alike, none left running."""
    found = [found_by(search) for search in searches]
    trials = trials_in(storage)
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    assert len(complete) == n_trials
    assert len({trial.params["max_leaf_nodes"] for trial in complete}) == n_trials
    assert {trial.state for trial in trials} <= {TrialState.COMPLETE, TrialState.FAIL}
    assert all(sorted(part) == sorted(found[0]) for part in found)
    assert len(set(found[0])) == n_trials
    return {trial.user_attrs[LEASE]["pid"] for trial in complete}


def test_two_processes_on_one_journal(tmp_path):
    path = tmp_path / "j"
    searches = [start(path, 100, SLEEP="0.01") for _ in range(2)]
    let_go(*searches)
    workers = check_shared(path, searches, 100)
    assert workers == {search.pid for search in searches}
    assert os.listdir(tmp_path) == ["j"]


@posix
def test_a_search_takes_the_place_of_one_that_was_killed(tmp_path):
    path = tmp_path / "j"
    killed, other = start(path, 12, SLEEP="600"), start(path, 12)
    let_go(killed)
    assert killed.stdout.readline() == "fitting\n"
    let_go(other)
    wait_for(path, other, 8)
    assert states_in(path).count("RUNNING") == 4
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert check_shared(path, [other], 12) == {other.pid}
    failed = [trial for trial in trials_in(path) if trial.state == TrialState.FAIL]
    assert len([trial for trial in failed if trial.user_attrs[LEASE]["pid"] == killed.pid]) == 4


def test_one_trial_too_many_is_given_up():
    class Contested(StaticSpace):
        def ask(self, study):
            study.ask()  # another search is faster
            return super().ask(study)

    study = optuna.create_study()
    ledger = SharedLedger(study, Contested({"a": (0.0, 1.0)}), n_trials=1, batch_size=4, lease=60)
    try:
        assert ledger.draw(deadline=0.0) == []
    finally:
        ledger.leave()
    assert [trial.state for trial in study.trials] == [TrialState.RUNNING, TrialState.FAIL]


def test_what_shall_be_tried_first_waits_once_for_all_searches():
    study, space = optuna.create_study(), StaticSpace({"a": (0.0, 1.0)})
    first = [{"a": 0.25}, {"a": 0.5}]
    for _ in range(3):
        ledger = SharedLedger(study, space, 4, 1, 60, initial=first)
        (draw,) = ledger.draw()
        ledger.leave()
        study.tell(draw.trial, 0.0)
    params = [trial.params for trial in study.trials]
    assert params[:2] == first
    assert params[2] not in first
