"""A search that is killed with SIGKILL, at whatever moment, and resumed ends as one that was not."""

import multiprocessing
import os
import random
import runpy
import signal
import time
from pathlib import Path

import optuna
import pytest

from skboost.tuning._records import TrialRecord
from skboost.tuning._storage import close_connections, open_storage

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs signals")

SCRIPT = Path(__file__).parent / "killed_search.py"
SAMPLERS = ["random", "tpe", "nsga2", "tabu", "cost_model"]
N_TRIALS = 20


@pytest.fixture(scope="module")
def processes():
    """Makes processes that have imported all they need when they begin."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["skboost.tuning", "xgboost", "sqlalchemy"])
    return context


class Searches:
    """Runs of one search on one record.

    Parameters
    ----------
    processes : multiprocessing context
    storage : str or None
    sampler : str
    options : dict
        Of the search.
    """

    def __init__(self, processes, storage, sampler, **options):
        self.processes, self.storage = processes, storage
        self.job = {
            "storage": storage,
            "sampler": sampler,
            "n_objectives": 2 if sampler == "nsga2" else 1,
            "options": options,
        }
        self.reported = []
        self.n_killed = 0

    def run(self, die_after=None, kill_after=None, delay=0.0, by=signal.SIGKILL):
        """Run; return what a search found that came to its end.

        It is killed as soon as it has ended the trial ``die_after``, or gets a signal some seconds after
        ``kill_after`` more trials have ended.
        """
        here, there = self.processes.Pipe()
        job = self.job | {"die_after": die_after}
        process = self.processes.Process(
            target=runpy.run_path, args=(str(SCRIPT), {"job": job, "line": there}, "__main__")
        )
        process.start()
        there.close()
        found = None
        try:
            assert here.recv() == "ready"
            while found is None:
                if kill_after == 0:
                    time.sleep(delay)
                    os.killpg(process.pid, by)
                message = here.recv()
                if isinstance(message, dict):
                    found = message
                else:
                    self.reported.append(message)
                    kill_after = None if kill_after is None else kill_after - 1
        except EOFError:
            pass
        finally:
            here.close()  # until then it waits, so that no signal goes to a process that is no more
            process.join(60)
            process.kill()
        self.n_killed += process.exitcode == -signal.SIGKILL
        self.exitcode = process.exitcode
        return found

    def trials(self, **how):
        """Trials of a search that came to its end."""
        found = self.run(**how)
        return found and found["trials"]

    def on_record(self):
        """Trials in the storage: their numbers, and whether they have ended."""
        storage = open_storage(self.storage)
        (study,) = optuna.get_all_study_summaries(storage) or [None]
        trials = (
            []
            if study is None
            else optuna.load_study(study_name=study.study_name, storage=storage).get_trials(
                deepcopy=False
            )
        )
        close_connections(storage)
        return [(TrialRecord.of(trial).number, trial.state.is_finished()) for trial in trials]

    def check(self):
        """Nothing that was reported is lost, nothing is there twice, nothing is left open."""
        numbers = [number for number, _ in self.on_record()]
        assert all(ended for _, ended in self.on_record())
        assert len(set(numbers)) == len(numbers)
        assert set(self.reported) <= set(numbers)
        assert len(set(self.reported)) == len(self.reported)  # none was evaluated again


def storage_in(folder, kind, number=0):
    """A place for a record."""
    path = folder / f"study{number}.{kind}"
    return f"sqlite:///{path}" if kind == "sqlite" else str(path)


def kill_often(searches, n_kills, seed):
    """Kill and resume until the search has been killed some times; return its trials in the end."""
    moments = random.Random(seed)
    while searches.n_killed < n_kills:
        n_done = len(searches.on_record()) if searches.n_killed else 0
        left = max(1, (N_TRIALS - n_done) // max(1, n_kills - searches.n_killed))
        if moments.random() < 0.5:
            end = searches.trials(die_after=n_done + moments.randrange(left))
        else:
            end = searches.trials(
                kill_after=moments.randrange(left), delay=moments.uniform(0, 0.08)
            )
        searches.check()
        if end is not None:
            return end
    return searches.trials()


def kill_once(searches, moments):
    """Kill at any moment, then resume."""
    end = searches.trials(kill_after=moments.randrange(N_TRIALS), delay=moments.uniform(0, 0.06))
    searches.check()
    return end or searches.trials()


@pytest.mark.parametrize("options", [{}, {"pruner": "median", "cv": 4}], ids=["whole", "pruned"])
def test_a_search_that_was_killed_three_times(processes, tmp_path, options):
    expected = Searches(processes, None, "tpe", **options).trials()
    searches = Searches(processes, storage_in(tmp_path, "journal"), "tpe", **options)
    assert kill_often(searches, 3, seed=1) == expected
    searches.check()
    assert searches.n_killed == 3
    assert [number for number, _ in searches.on_record()] == list(range(N_TRIALS))


@pytest.mark.long
@pytest.mark.parametrize("kind", ["journal", "sqlite"])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_searches_that_were_killed_twenty_times(processes, tmp_path, sampler, kind):
    expected = Searches(processes, None, sampler).trials()
    often = Searches(processes, storage_in(tmp_path, kind), sampler)
    assert kill_often(often, 12, seed=2) == expected
    n_killed = often.n_killed
    moments = random.Random(3)
    for number in range(1, 9):
        once = Searches(processes, storage_in(tmp_path, kind, number), sampler)
        assert kill_once(once, moments) == expected
        assert sorted(once.on_record()) == [(number, True) for number in range(N_TRIALS)]
        n_killed += once.n_killed
    assert n_killed >= 18  # a search may have come to its end before


# -- Ctrl-C -------------------------------------------------------------------------------------------------


def check_interrupted(searches, found):
    """Trials that ended are kept, none is left open, and the search can be used."""
    states = {number: state for number, _, _, state, _ in found["trials"]}
    assert searches.exitcode == 0
    assert set(states.values()) <= {"COMPLETE", "FAIL"}
    assert {number for number, state in states.items() if state == "COMPLETE"} >= set(
        searches.reported
    )
    if found["end"] == "interrupted":
        best = max((t for t in found["trials"] if t[3] == "COMPLETE"), key=lambda t: t[2])
        assert found["best"] == best[1]
        assert found["prediction"] == [best[1]["width"]]


def test_an_interrupt_with_workers_keeps_what_has_ended(processes):
    searches = Searches(processes, None, "tpe", n_jobs=2, refit=True)
    found = searches.run(kill_after=5, delay=0.01, by=signal.SIGINT)
    assert found["end"] == "interrupted"
    check_interrupted(searches, found)


@pytest.mark.parametrize("kind", ["journal", pytest.param("sqlite", marks=pytest.mark.long)])
def test_interrupts_at_any_moment(processes, tmp_path, kind):
    expected = Searches(processes, None, "tpe").trials()
    moments = random.Random(4)
    ends = []
    for number in range(4 if kind == "journal" else 20):
        searches = Searches(processes, storage_in(tmp_path, kind, number), "tpe", refit=True)
        kill_after, delay = moments.randrange(9), moments.uniform(0, 0.06)
        found = searches.run(kill_after=kill_after, delay=delay, by=signal.SIGINT)
        ends.append(found["end"])
        check_interrupted(searches, found)
        searches.check()
        assert searches.trials() == expected
    assert ends.count("interrupted") >= len(ends) / 2
