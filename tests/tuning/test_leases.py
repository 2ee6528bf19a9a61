"""Leases: who works on a trial, what becomes of it when its process dies, and no point tried twice."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import optuna
import pytest
from optuna.trial import TrialState

from skboost.tuning import _owner
from skboost.tuning._journal import JournalFile
from skboost.tuning._leases import LEASE, Leases, claim_unique
from skboost.tuning._owner import Owner
from skboost.tuning._storage import close_connections, open_storage

posix = pytest.mark.skipif(os.name != "posix", reason="needs signals")


@pytest.fixture(autouse=True)
def _quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


class Clock:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture(params=["memory", "journal", "sqlite"])
def study(request, tmp_path):
    value = {"memory": None, "journal": tmp_path / "j", "sqlite": f"sqlite:///{tmp_path}/d"}
    storage = open_storage(value[request.param])
    yield optuna.create_study(storage=storage, study_name="mine")
    close_connections(storage)


@pytest.fixture
def clock():
    return Clock()


def states(study):
    return [trial.state.name for trial in study.get_trials(deepcopy=False)]


# -- signs of life, in a time of our own -----------------------------------------------------------


def test_a_renewed_lease_holds_for_ever(study, clock):
    mine, other = Leases(study, 60, clock), Leases(study, 60, clock)
    mine.take(study.ask())
    for _ in range(5):
        assert other.reap() == []
        clock.seconds += 50
        mine.renew()
    assert states(study) == ["RUNNING"]
    assert not mine.lost(0)


def test_a_lease_runs_out_when_nobody_renews_it(study, clock):
    mine, other = Leases(study, 60, clock), Leases(study, 60, clock)
    mine.take(study.ask())
    mine.take(study.ask())
    assert other.reap() == []
    clock.seconds = 59.0
    assert other.reap() == []
    mine.renew()
    mine.release(1)
    clock.seconds = 100.0
    assert other.reap() == []  # the renewal was first seen just now
    mine.renew()  # of 0 only
    clock.seconds = 161.0
    assert other.reap() == [1]
    assert states(study) == ["RUNNING", "FAIL"]


def test_the_time_of_a_lease_begins_when_it_is_first_seen(study, clock):
    mine = Leases(study, 60, clock)
    mine.take(study.ask())
    clock.seconds = 1000.0
    late = Leases(study, 60, clock)
    assert late.reap() == []
    clock.seconds = 1060.0
    assert late.reap() == [0]


def test_nobody_reaps_what_is_his_own(study, clock):
    mine = Leases(study, 60, clock)
    mine.take(study.ask())
    mine.reap()
    clock.seconds = 1000.0
    assert mine.reap() == []


def test_a_trial_without_a_lease_runs_out_too(study, clock):
    watch = Leases(study, 60, clock)
    study.ask()
    assert watch.reap() == []
    clock.seconds = 60.0
    assert watch.reap() == [0]


def test_finished_and_waiting_trials_are_left_alone(study, clock):
    mine, other = Leases(study, 60, clock), Leases(study, 60, clock)
    trial = study.ask()
    mine.take(trial)
    other.reap()
    study.tell(trial, 1.0)
    study.enqueue_trial({"x": 1})
    clock.seconds = 1000.0
    assert other.reap() == []
    assert states(study) == ["COMPLETE", "WAITING"]


def test_a_worker_that_comes_back_learns_that_its_trial_is_lost(study, clock):
    mine, other = Leases(study, 60, clock), Leases(study, 60, clock)
    mine.take(study.ask())
    other.reap()
    clock.seconds = 61.0
    assert other.reap() == [0]
    mine.renew()  # no error
    mine.renew()
    assert mine.lost(0)
    assert study.tell(0, 1.0, skip_if_finished=True).state == TrialState.FAIL


def test_a_dead_process_of_this_machine_is_reaped_at_once(study, clock):
    me = Owner.here()
    if not me.started:
        pytest.skip("the system does not tell when a process began")
    trial = study.ask()
    trial.set_user_attr(LEASE, {**me.as_dict(), "started": "1", "count": 4})
    assert Leases(study, 60, clock).reap() == [0]


def test_a_dead_process_of_another_machine_has_its_time(study, clock):
    trial = study.ask()
    trial.set_user_attr(LEASE, {**Owner("elsewhere", 1, "1").as_dict(), "count": 4})
    watch = Leases(study, 60, clock)
    assert watch.reap() == []
    clock.seconds = 60.0
    assert watch.reap() == [0]


def test_a_lease_that_cannot_be_read_has_its_time(study, clock):
    study.ask().set_user_attr(LEASE, "nonsense")
    watch = Leases(study, 60, clock)
    assert watch.reap() == []
    clock.seconds = 60.0
    assert watch.reap() == [0]


def test_a_storage_that_is_away_for_a_while(study, clock, monkeypatch):
    mine = Leases(study, 60, clock)
    trial = study.ask()
    mine.take(trial)
    with monkeypatch.context() as patch:
        patch.setattr(type(trial), "set_user_attr", lambda *_: 1 / 0)
        mine.renew()
    mine.renew()
    assert study.trials[0].user_attrs[LEASE]["count"] == 2


def test_signs_of_life_come_more_often_than_leases_end(study, monkeypatch):
    leases, waits = Leases(study, seconds=60), []
    monkeypatch.setattr(leases, "renew", lambda: waits.append("renewed"))
    monkeypatch.setattr(leases._end, "wait", lambda s: waits.append(s) or len(waits) > 5)
    leases.start()
    leases.stop()
    assert waits[1::2] == ["renewed"] * 3
    assert max(waits[::2]) <= 60 / 2


def test_the_thread_renews_until_it_is_stopped(study):
    with Leases(study, 0.15) as mine:
        mine.take(study.ask())
        wait_until(lambda: study.trials[0].user_attrs[LEASE]["count"] >= 3)
    count = study.trials[0].user_attrs[LEASE]["count"]
    time.sleep(0.2)
    assert study.trials[0].user_attrs[LEASE]["count"] == count
    assert "skboost-leases" not in [thread.name for thread in threading.enumerate()]


def wait_until(holds, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


# -- many at a time --------------------------------------------------------------------------------


def in_threads(work, n_threads=4):
    """Run ``work(number)`` in threads that begin together; raise what they raise."""
    barrier, errors = threading.Barrier(n_threads), []

    def run(number):
        barrier.wait()
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_several_reapers_at_a_time(tmp_path):
    study = optuna.create_study(storage=JournalFile(tmp_path / "j"), study_name="mine")
    for _ in range(20):
        study.ask()
    reaped = []

    def reap(_):
        mine = optuna.load_study(study_name="mine", storage=JournalFile(tmp_path / "j"))
        clock = Clock()
        watch = Leases(mine, 60, clock)
        watch.reap()
        clock.seconds = 60.0
        reaped.extend(watch.reap())

    in_threads(reap)
    assert set(reaped) == set(range(20))
    assert states(study) == ["FAIL"] * 20


def hammer(study, n_points, seed):
    """Work on a space of ``n_points`` points until all are complete."""
    study.sampler = optuna.samplers.RandomSampler(seed=seed)
    while len(complete(study)) < n_points:
        trial = study.ask()
        trial.suggest_int("tens", 0, n_points // 4 - 1)
        trial.suggest_categorical("ones", ["a", "b", "c", "d"])
        if claim_unique(study, trial, trial.params):
            study.tell(trial, 1.0)
        else:
            study.tell(trial, state=TrialState.FAIL)


def complete(study):
    found = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return [tuple(trial.params.items()) for trial in found]


def test_no_point_is_tried_twice(tmp_path):
    optuna.create_study(storage=JournalFile(tmp_path / "j"), study_name="mine")

    def work(number):
        study = optuna.load_study(study_name="mine", storage=JournalFile(tmp_path / "j"))
        hammer(study, 16, seed=number)

    in_threads(work)
    study = optuna.load_study(study_name="mine", storage=JournalFile(tmp_path / "j"))
    assert max(Counter(complete(study)).values()) == 1
    assert len(complete(study)) == 16


@pytest.mark.parametrize("first", [0, 1])
def test_who_comes_second_gives_way_whatever_its_number(study, first):
    trials = [study.ask(), study.ask()]
    for trial, expected in ((trials[first], True), (trials[1 - first], False)):
        trial.suggest_int("x", 3, 3)
        assert claim_unique(study, trial, trial.params) is expected


def test_both_give_way_when_both_were_written_before_either_looked(study):
    trials = [study.ask(), study.ask()]
    for trial in trials:
        trial.suggest_int("x", 3, 3)
    assert [claim_unique(study, trial, trial.params) for trial in trials] == [False, False]


def test_a_trial_with_fewer_parameters_is_another_one(study):
    first, second = study.ask(), study.ask()
    for trial in (first, second):
        trial.suggest_int("x", 3, 3)
    second.suggest_int("y", 0, 0)
    assert claim_unique(study, second, second.params)


def test_what_was_given_up_may_be_tried_again(study):
    for expected in (True, False, True):
        trial = study.ask()
        trial.suggest_categorical("kind", ["only"])
        assert claim_unique(study, trial, trial.params) is expected
        if expected:
            first = trial
        else:
            study.tell(trial, state=TrialState.FAIL)
            study.tell(first, state=TrialState.FAIL)


@pytest.mark.parametrize("state", [TrialState.COMPLETE, TrialState.PRUNED])
def test_what_has_ended_is_not_tried_again(study, state):
    first, second = study.ask(), study.ask()
    for trial in (first, second):
        trial.suggest_int("x", 0, 0)
        trial.report(0.5, step=1)
    study.tell(first, 1.0 if state == TrialState.COMPLETE else None, state=state)
    assert not claim_unique(study, second, second.params)


# -- processes -------------------------------------------------------------------------------------

HOLDER = """
import sys, time
import optuna
from skboost.tuning._leases import Leases
from skboost.tuning._storage import close_connections, open_storage
study = optuna.load_study(study_name="mine", storage=open_storage(sys.argv[1]))
with Leases(study, float(sys.argv[2])) as leases:
    for _ in range(2):
        leases.take(study.ask())
    print("ready", flush=True)
    time.sleep(600)
"""


@posix
def test_a_killed_process(tmp_path, monkeypatch):
    path = str(tmp_path / "j")
    study = optuna.create_study(storage=open_storage(path), study_name="mine")
    command = [sys.executable, "-W", "ignore", "-c", HOLDER, path, "0.3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        start = study.trials[0].user_attrs[LEASE]["count"]
        wait_until(lambda: study.trials[0].user_attrs[LEASE]["count"] >= start + 2)
        clock = Clock()
        here, far = Leases(study, 60, clock), Leases(study, 60, clock)
        assert here.reap() == []
        process.send_signal(signal.SIGKILL)
        process.wait()
    with monkeypatch.context() as patch:
        patch.setattr(_owner, "_machine", lambda: "elsewhere")
        assert far.reap() == []
    assert states(study) == ["RUNNING", "RUNNING"]
    assert here.reap() == [0, 1]
    assert states(study) == ["FAIL", "FAIL"]
