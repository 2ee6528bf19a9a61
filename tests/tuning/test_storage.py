"""Storages: what a parameter means, one write a trial, crashes in the middle of a write, failures."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import optuna
import pytest
from optuna.storages import InMemoryStorage, RDBStorage
from optuna.storages.journal import (
    JournalFileBackend,
    JournalFileOpenLock,
    JournalFileSymlinkLock,
    JournalStorage,
)
from optuna.trial import TrialState

from skboost.tuning import _journal
from skboost.tuning._journal import JournalFile, JournalLock, drop_half_line
from skboost.tuning._owner import Owner
from skboost.tuning._storage import Mirror, close_connections, open_storage, record_facts

posix = pytest.mark.skipif(os.name != "posix", reason="needs signals")


@pytest.fixture(autouse=True)
def _quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def mirror_in(storage, name="mine", facts=None, seed=None, resume=True, directions=("maximize",)):
    return Mirror.open(storage, name, list(directions), facts or {"X": "00ff"}, seed, resume)


def finished(n_trials, *, first=0):
    """Finished trials of a study in memory, with all that a trial can hold."""
    study = optuna.create_study(direction="maximize")
    for number in range(first + n_trials):
        trial = study.ask()
        trial.suggest_float("rate", 1e-3, 1.0, log=True)
        trial.suggest_categorical("kind", ["a", "b", None])
        trial.set_user_attr("skboost", {"folds": [0.5, None], "number": number})
        trial.report(0.25, step=3)
        if number % 3 == 2:
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, number / 2)
    return study.trials[first:]


def content(trials):
    return [(t.state, t.values, t.params, t.user_attrs, t.intermediate_values) for t in trials]


# -- what the parameter means ----------------------------------------------------------------------


def test_nothing_is_memory():
    assert isinstance(open_storage(None), InMemoryStorage)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_is_a_journal_in_a_new_folder(tmp_path, kind):
    path = tmp_path / "new" / "folder" / "study.log"
    mirror = mirror_in(kind(path))
    mirror.write(finished(1)[0])
    # Optuna alone can read it
    storage = JournalStorage(JournalFileBackend(str(path)))
    assert len(optuna.load_study(study_name="mine", storage=storage).trials) == 1


def test_a_relative_path_survives_a_change_of_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mirror = mirror_in("study.log")
    monkeypatch.chdir("/")
    mirror.write(finished(1)[0])
    assert len(mirror_in(tmp_path / "study.log").trials) == 1


def test_a_url_is_a_database(tmp_path):
    storage = open_storage(f"sqlite:///{tmp_path}/study.db")
    assert isinstance(storage, RDBStorage)
    assert storage.heartbeat_interval is None
    close_connections(storage)


def test_a_storage_is_taken_as_it_is():
    storage = InMemoryStorage()
    assert open_storage(storage) is storage


def write(path, content):
    path.write_bytes(content)
    return str(path)


REFUSED = {
    "number": (lambda folder: 3, "storage=3 is not valid: it must be None"),
    "empty": (lambda folder: "", "storage='' is not valid"),
    "folder": (lambda folder: str(folder), "Is a directory"),
    "file as folder": (lambda folder: write(folder / "f", b"") + "/study.log", "File exists|Not a"),
    "table": (lambda folder: write(folder / "t.csv", b"a,b\n1,2"), "the file is no journal"),
    "short": (lambda folder: write(folder / "t.txt", b"x"), "the file is no journal"),
    "database": (
        lambda folder: write(folder / "t.db", b"SQLite format 3\x00"),
        "write storage='sqlite:///",
    ),
    "broken": (
        lambda folder: write(folder / "j", b'{"op_code":11}\n{"op_\n{"op_code":11}\n'),
        "line 2 of the journal cannot be read; remove this line",
    ),
    "strange": (
        lambda folder: write(folder / "j", b'{"op_code":99}\n'),
        "the journal contradicts itself",
    ),
    "no driver": (lambda folder: "oracle://me:secret@host/x", "the driver is missing .*install it"),
    "no dialect": (lambda folder: "nothing://me:secret@host/x", "Can't load plugin.*nothing"),
    "no server": (
        lambda folder: "postgresql+psycopg://me:secret@127.0.0.1:9/x?connect_timeout=2",
        "connection",
    ),
    "no folder": (lambda folder: f"sqlite:///{folder}/no/study.db", "unable to open database file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_storage_that_cannot_be_used(case, tmp_path):
    if case == "no server":
        pytest.importorskip("psycopg")
    make, words = REFUSED[case]
    value = make(tmp_path)
    with pytest.raises(ValueError, match=words) as caught:
        open_storage(value)
    text = str(caught.value)
    assert text.startswith("storage=")
    assert text.endswith(".")
    assert "secret" not in text
    assert "\n" not in text


def test_nothing_is_written_to_a_file_that_is_no_journal(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n1,2")
    with pytest.raises(ValueError, match="no journal"):
        open_storage(path)
    assert path.read_bytes() == b"a,b\n1,2"
    assert os.listdir(tmp_path) == ["t.csv"]


# -- the record ------------------------------------------------------------------------------------


@pytest.fixture(params=["memory", "journal", "sqlite"])
def storage(request, tmp_path):
    value = {"memory": None, "journal": tmp_path / "j", "sqlite": f"sqlite:///{tmp_path}/d"}
    opened = open_storage(value[request.param])
    yield opened
    close_connections(opened)


def test_what_is_written_is_found_again(storage):
    trials = finished(7)
    mirror = mirror_in(storage, seed=5)
    assert mirror.trials == []
    for trial in trials:
        mirror.write(trial)
    assert mirror.n_unwritten == 0
    again = mirror_in(storage)
    assert again.seed == 5
    assert content(again.trials) == content(mirror.trials) == content(trials)
    assert [trial.number for trial in again.trials] == list(range(7))


def test_a_seed_is_drawn_and_kept(storage):
    first = mirror_in(storage)
    assert mirror_in(storage).seed == first.seed
    assert mirror_in(storage, "other").seed != first.seed


def test_several_studies_in_one_storage(storage):
    one, two = mirror_in(storage, "one"), mirror_in(storage, "two", facts={"X": "ff00"})
    one.write(finished(1)[0])
    assert (len(mirror_in(storage, "one").trials), len(two.trials)) == (1, 0)


def test_a_study_that_exists_is_refused_without_resume(storage):
    mirror_in(storage, resume=False)
    with pytest.raises(ValueError, match="study_name='mine' is on record already, with 0 trials"):
        mirror_in(storage, resume=False)


def test_a_study_of_something_else_is_refused(storage):
    mirror_in(storage)
    with pytest.raises(ValueError, match=r"differs in X \(the rows or values"):
        mirror_in(storage, facts={"X": "0000"})
    with pytest.raises(ValueError, match=r"on record with the directions \['maximize'\]"):
        mirror_in(storage, directions=("maximize", "maximize"))


def test_a_study_of_others_is_refused(storage):
    study = optuna.create_study(storage=storage, study_name="mine", direction="maximize")
    study.tell(study.ask(), 1.0)
    with pytest.raises(ValueError, match="was not written by this version of skboost"):
        mirror_in(storage)


def test_a_study_is_shared_or_not(storage):
    study = optuna.create_study(storage=storage, study_name="mine", direction="maximize")
    assert record_facts(study, {"X": "00ff"}, 3) == record_facts(study, {"X": "00ff"}, None) == 3
    with pytest.raises(ValueError, match="was made with shared=True"):
        mirror_in(storage)


def test_a_crash_between_making_a_study_and_its_facts_is_harmless(storage):
    optuna.create_study(storage=storage, study_name="mine", direction="maximize")
    assert mirror_in(storage, seed=3, resume=False).seed == 3


class CountingBackend(JournalFileBackend):
    def __init__(self, path):
        super().__init__(path)
        self.writes = []

    def append_logs(self, logs):
        self.writes.append(len(logs))
        super().append_logs(logs)


def test_one_write_a_trial(tmp_path):
    backend = CountingBackend(str(tmp_path / "j"))
    mirror = mirror_in(JournalStorage(backend))
    assert len(backend.writes) == 2  # the study and what it is for
    for count, trial in enumerate(finished(10), start=3):
        mirror.write(trial)
        assert len(backend.writes) == count
    assert set(backend.writes) == {1}


# -- crashes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [1, 5, 40, -1])
def test_half_a_line_at_the_end_does_not_matter(tmp_path, cut):
    path = tmp_path / "j"
    mirror = mirror_in(path, seed=1)
    trials = finished(4)
    for trial in trials[:3]:
        mirror.write(trial)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][:cut])  # the third was being written
    again = mirror_in(path)
    assert content(again.trials) == content(trials[:2])
    for trial in trials[2:]:
        again.write(trial)
    assert content(mirror_in(path).trials) == content(trials)


def test_half_a_first_line_does_not_matter(tmp_path):
    path = tmp_path / "j"
    path.write_bytes(b'{"op_co')
    mirror_in(path).write(finished(1)[0])
    assert len(mirror_in(path).trials) == 1


def test_half_a_line_left_while_others_go_on(tmp_path):
    path = tmp_path / "j"
    mirror = mirror_in(path)
    trials = finished(3)
    mirror.write(trials[0])
    with path.open("ab") as stream:
        stream.write(b'{"op_code":4,"worker_id"')
    mirror.write(trials[1])
    mirror.write(trials[2])
    assert content(mirror_in(path).trials) == content(trials)


@pytest.mark.parametrize("tail", [0, 1, 2**16 - 1, 2**16, 2**16 + 1, 200_000])
@pytest.mark.parametrize("whole", [b"", b"\n", b"line\nline\n"])
def test_a_tail_of_any_length_is_dropped(tmp_path, whole, tail):
    path = tmp_path / "j"
    path.write_bytes(whole + b"x" * tail)
    drop_half_line(str(path))
    assert path.read_bytes() == whole


KILLED_HOLDER = """
import os, signal, sys
from skboost.tuning._journal import JournalLock
JournalLock(sys.argv[1]).acquire()
os.kill(os.getpid(), signal.SIGKILL)
"""


@posix
def test_the_lock_of_a_killed_process_does_not_block(tmp_path):
    path = tmp_path / "j"
    mirror = mirror_in(path)
    subprocess.run([sys.executable, "-c", KILLED_HOLDER, str(path)], check=False)
    assert (tmp_path / "j.lock").exists()
    start = time.monotonic()
    mirror.write(finished(1)[0])
    assert time.monotonic() - start < 25  # Optuna alone waits for 30 seconds
    assert os.listdir(tmp_path) == ["j"]


def test_the_lock_of_a_living_process_is_waited_for(tmp_path):
    path = str(tmp_path / "j")
    Path(path).touch()
    first, second = JournalLock(path), JournalLock(path)
    first.acquire()
    order = []

    def wait():
        second.acquire()
        order.append("taken")
        second.release()

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.1)
    order.append("released")
    first.release()
    thread.join()
    assert order == ["released", "taken"]
    assert os.listdir(tmp_path) == ["j"]


def test_a_lock_that_others_broke_is_not_theirs_to_lose(tmp_path):
    path = str(tmp_path / "j")
    Path(path).touch()
    slow, other = JournalLock(path), JournalLock(path)
    slow.acquire()
    os.unlink(path + ".lock")
    other.acquire()
    slow.release()
    assert (tmp_path / "j.lock").exists()
    other.release()
    assert os.listdir(tmp_path) == ["j"]


@pytest.mark.parametrize("kind", [JournalFileOpenLock, JournalFileSymlinkLock])
def test_locks_of_optuna_keep_out_and_are_broken_in_the_end(tmp_path, kind, monkeypatch):
    path = str(tmp_path / "j")
    Path(path).touch()
    lock, other = JournalLock(path), kind(path)
    other.acquire()
    monkeypatch.setattr(_journal, "GRACE_SECONDS", 0.2)
    start = time.monotonic()
    lock.acquire()
    assert time.monotonic() - start > 0.2
    lock.release()
    other.acquire()
    other.release()
    assert os.listdir(tmp_path) == ["j"]


def test_a_lock_that_changed_hands_is_not_broken(tmp_path):
    path = str(tmp_path / "j")
    Path(path).touch()
    first, second = JournalLock(path), JournalLock(path)
    first.acquire()
    seen = _journal._state_of(first.file)
    first.release()
    time.sleep(0.01)
    second.acquire()
    first._break(seen)
    assert _journal._holder_of(first.file) == second.owner
    second.release()
    assert os.listdir(tmp_path) == ["j"]


def test_many_take_turns(tmp_path):
    path = str(tmp_path / "j")
    Path(path).touch()
    inside, turns = [], []

    def work(number):
        lock = JournalLock(path)
        for _ in range(20):
            lock.acquire()
            inside.append(number)
            assert len(inside) == 1
            inside.pop()
            turns.append(number)
            lock.release()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(turns) == 80
    assert os.listdir(tmp_path) == ["j"]


def test_owners_of_other_machines_never_count_as_dead():
    me = Owner.here()
    assert not me.is_dead()
    assert not Owner("elsewhere", 2**22 + 1, "1").is_dead()
    assert Owner.of(json.loads(json.dumps(me.as_dict()))) == me
    assert Owner.of({"machine": "x"}) is None
    assert Owner.of("nonsense") is None


@posix
def test_a_process_number_that_is_used_again_is_another_process():
    me = Owner.here()
    if me.started:  # Linux tells
        assert Owner(me.machine, me.pid, "1").is_dead()
    assert Owner(me.machine, 2**22 + 1, me.started).is_dead()


KILLED_WRITER = """
import sys, warnings
import optuna
sys.path.insert(0, sys.argv[2])
from test_storage import finished, mirror_in
optuna.logging.set_verbosity(optuna.logging.ERROR)
mirror = mirror_in(sys.argv[1], seed=7)
for trial in finished(300):
    mirror.write(trial)
    print(trial.number, flush=True)
"""


@posix
def test_what_was_reported_before_a_kill_is_on_record(tmp_path):
    path = tmp_path / "j"
    command = [sys.executable, "-c", KILLED_WRITER, str(path), os.path.dirname(__file__)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line) >= 17:
                process.send_signal(signal.SIGKILL)
                break
        reported = [17, *map(int, process.communicate()[0].split())][-1] + 1
    again = mirror_in(path)
    # the last may have been written, but not reported
    assert len(again.trials) in (reported, reported + 1)
    for trial in finished(reported + 5)[len(again.trials) :]:
        again.write(trial)
    numbers = [trial.user_attrs["skboost"]["number"] for trial in mirror_in(path).trials]
    assert numbers == list(range(reported + 5))


# -- failures of the storage -----------------------------------------------------------------------


class Failing(JournalFileBackend):
    """Fails while ``error`` is set; ``late`` tells whether after the write."""

    error, late = None, False

    def append_logs(self, logs):
        if self.error and not self.late:
            raise self.error
        super().append_logs(logs)
        if self.error:
            raise self.error


@pytest.fixture
def failing(tmp_path):
    return Failing(str(tmp_path / "j"))


def test_a_full_disk_does_not_end_the_search(failing, tmp_path):
    mirror = mirror_in(JournalStorage(failing))
    trials = finished(6)
    mirror.write(trials[0])
    failing.error = OSError(28, "No space left on device")
    with pytest.warns(UserWarning, match="Trial 1 could not be written to .*No space left"):
        mirror.write(trials[1])
    for trial in trials[2:4]:
        mirror.write(trial)  # no second warning: it would be an error here
    assert mirror.n_unwritten == 3
    assert content(mirror.trials) == content(trials[:1])
    failing.error = None
    mirror.write(trials[4])
    assert mirror.n_unwritten == 0
    assert content(mirror_in(tmp_path / "j").trials) == content(trials[:5])


def test_a_lost_answer_does_not_write_twice(failing, tmp_path):
    mirror = mirror_in(JournalStorage(failing))
    trials = finished(3)
    failing.error, failing.late = OSError("connection reset"), True
    with pytest.warns(UserWarning, match="connection reset"):
        mirror.write(trials[0])
    failing.error = None
    mirror.write(trials[1])
    assert content(mirror_in(tmp_path / "j").trials) == content(trials[:2])


@pytest.mark.parametrize("late", [False, True])
def test_an_interrupt_of_a_write_costs_nothing(failing, tmp_path, late):
    mirror, trials = mirror_in(JournalStorage(failing)), finished(2)
    failing.error, failing.late = KeyboardInterrupt(), late
    with pytest.raises(KeyboardInterrupt):
        mirror.write(trials[0])
    failing.error = None
    mirror.write(trials[1])
    assert content(mirror_in(tmp_path / "j").trials) == content(trials)


def test_what_waits_can_be_flushed(failing):
    mirror = mirror_in(JournalStorage(failing))
    failing.error = OSError("gone")
    with pytest.warns(UserWarning, match="gone"):
        mirror.write(finished(1)[0])
    mirror.flush()
    assert mirror.n_unwritten == 1
    failing.error = None
    mirror.flush()
    assert mirror.n_unwritten == 0


def test_passwords_do_not_show_in_warnings(failing):
    mirror = mirror_in(JournalStorage(failing))
    failing.error = OSError("cannot reach mysql://me:secret@host/x")
    with pytest.warns(UserWarning, match=r"mysql://me:\*\*\*@host/x") as seen:
        mirror.write(finished(1)[0])
    assert "secret" not in str(seen[0].message)


@pytest.mark.parametrize("number", [0, 1])  # the trial that the other has written, or another one
def test_two_searches_on_one_study_are_noticed(storage, number):
    one, two = mirror_in(storage), mirror_in(storage)
    trials = finished(4)
    one.write(trials[0])
    with pytest.warns(UserWarning, match="Another process writes to study_name='mine'"):
        two.write(trials[number])
    two.write(trials[2])
    one.write(trials[3])
    assert content(mirror_in(storage).trials) == content([trials[0], trials[3]])


def test_another_search_is_noticed_after_a_failure(failing, tmp_path):
    mirror, trials = mirror_in(JournalStorage(failing)), finished(3)
    failing.error = OSError("gone")
    with pytest.warns(UserWarning, match="gone"):
        mirror.write(trials[0])
    failing.error = None
    mirror_in(tmp_path / "j").write(trials[1])
    with pytest.warns(UserWarning, match="Another process writes to study_name='mine'"):
        mirror.write(trials[2])
    assert content(mirror_in(tmp_path / "j").trials) == content([trials[1]])


def test_a_journal_can_be_pickled(tmp_path):
    import pickle

    storage = pickle.loads(pickle.dumps(JournalFile(tmp_path / "j")))
    mirror_in(storage).write(finished(1)[0])
    assert len(mirror_in(tmp_path / "j").trials) == 1
