"""Searches that share a study in databases: PostgreSQL, started here, a gRPC proxy before it, and SQLite."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from skboost.tuning._leases import LEASE, Leases, claim_unique
from skboost.tuning._storage import Mirror, close_connections, open_storage

pytestmark = pytest.mark.long
posix = pytest.mark.skipif(os.name != "posix", reason="needs signals")


def load(name):
    """A test file beside this folder, whose pieces are used here."""
    path = Path(__file__).parents[1] / "tuning" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


shared = load("test_shared_search")


# -- a server ---------------------------------------------------------------------------------------


def program(name):
    """Path of a program of PostgreSQL, or None."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(places[-1]) if places else None)


def server_user():
    """PostgreSQL refuses to run as root: another user then, or None if there is none."""
    if os.geteuid() != 0:
        return {}
    import pwd

    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    return None


class Server:
    """A PostgreSQL server in a folder of its own, reached through a socket in it."""

    def __init__(self, folder, user):
        self.folder, self.user = folder, user
        if user:
            os.chown(folder, user["user"], user["group"])
            os.chmod(folder, 0o755)
        self.url = f"postgresql+psycopg://postgres@/postgres?host={folder}"
        self._run("initdb", "-D", f"{folder}/data", "-U", "postgres", "-A", "trust", "--no-sync")
        self.process = None
        self.start()

    def _run(self, name, *arguments):
        subprocess.run(
            [program(name), *arguments],
            check=True,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            **self.user,
        )

    def start(self):
        import psycopg

        options = ["-c", "listen_addresses=", "-c", "fsync=off", "-k", self.folder]
        self.process = subprocess.Popen(
            [program("postgres"), "-D", f"{self.folder}/data", *options],
            cwd=self.folder,
            stderr=subprocess.DEVNULL,
            **self.user,
        )
        end = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(f"host={self.folder} user=postgres dbname=postgres").close()
                return
            except psycopg.OperationalError:
                assert time.monotonic() < end
                assert self.process.poll() is None
                time.sleep(0.1)

    def stop(self):
        self.process.send_signal(signal.SIGINT)  # ends sessions of clients, too
        self.process.wait(timeout=60)

    def new_database(self, name):
        import psycopg

        address = f"host={self.folder} user=postgres dbname=postgres"
        with closing(psycopg.connect(address, autocommit=True)) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}"


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("psycopg", reason="needs the driver psycopg")
    if program("initdb") is None or program("postgres") is None:
        pytest.skip("needs the programs initdb and postgres")
    user = server_user()
    if user is None:
        pytest.skip("needs a user other than root who may run PostgreSQL")
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as folder:  # a socket's path is short
        running = Server(folder, user)
        try:
            yield running
        finally:
            running.stop()


NAMES = iter(f"db{number}" for number in range(1000))


@pytest.fixture(params=["postgresql", "sqlite"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/study.db"
    return request.getfixturevalue("server").new_database(next(NAMES))


OPENED = []


def opened(url):
    """A storage whose connections are closed after the test."""
    OPENED.append(open_storage(url))
    return OPENED[-1]


@pytest.fixture(autouse=True)
def _clean_up():
    yield
    shared.end_all()
    while OPENED:
        close_connections(OPENED.pop())


# -- searches --------------------------------------------------------------------------------------


def test_two_searches_on_one_database(url):
    searches = [shared.start(url, 100, SLEEP="0.01") for _ in range(2)]
    shared.let_go(*searches)  # both make the tables and the study
    workers = shared.check_shared(url, searches, 100)
    assert workers == {search.pid for search in searches}


@posix
@pytest.mark.parametrize("machine", ["same", "other"])
def test_a_search_takes_the_place_of_one_that_was_killed(url, machine):
    place = {} if machine == "same" else {"MACHINE": "elsewhere"}
    killed = shared.start(url, 12, 2.0, SLEEP="600", **place)
    other = shared.start(url, 12, 2.0)
    shared.let_go(killed)
    assert killed.stdout.readline() == "fitting\n"
    shared.let_go(other)
    shared.wait_for(url, other, 8)
    time.sleep(5)  # more than the lease: the thread of the first renews it
    assert shared.states_in(url).count("RUNNING") == 4
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert shared.check_shared(url, [other], 12) == {other.pid}
    failed = [trial for trial in shared.trials_in(url) if trial.state == TrialState.FAIL]
    assert len([trial for trial in failed if trial.user_attrs[LEASE]["pid"] == killed.pid]) == 4


GRPC_SERVER = """
import sys
from optuna.storages import get_storage, run_grpc_proxy_server
run_grpc_proxy_server(get_storage(sys.argv[1]), host="localhost", port=int(sys.argv[2]))
"""


def test_two_searches_through_a_proxy(server):
    pytest.importorskip("grpc", reason="needs grpcio")
    url = server.new_database(next(NAMES))
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = str(probe.getsockname()[1])
    with subprocess.Popen([sys.executable, "-W", "ignore", "-c", GRPC_SERVER, url, port]) as proxy:
        try:
            searches = [shared.start(f"grpc:{port}", 60, SLEEP="0.01") for _ in range(2)]
            shared.let_go(*searches)
            workers = shared.check_shared(url, searches, 60)
            assert workers == {search.pid for search in searches}
        finally:
            proxy.kill()


# -- pieces ----------------------------------------------------------------------------------------


def test_no_point_is_tried_twice(url):
    leases = load("test_leases")
    optuna.create_study(storage=opened(url), study_name="mine")

    def work(number):
        study = optuna.load_study(study_name="mine", storage=opened(url))
        leases.hammer(study, 16, seed=number)

    leases.in_threads(work)
    study = optuna.load_study(study_name="mine", storage=opened(url))
    assert max(Counter(leases.complete(study)).values()) == 1
    assert len(leases.complete(study)) == 16


def test_several_reapers_at_a_time(url):
    leases = load("test_leases")
    study = optuna.create_study(storage=opened(url), study_name="mine")
    for _ in range(10):
        study.ask()
    reaped = []

    def reap(_):
        clock = leases.Clock()
        watch = Leases(optuna.load_study(study_name="mine", storage=opened(url)), 60, clock)
        watch.reap()
        clock.seconds = 60.0
        reaped.extend(watch.reap())

    leases.in_threads(reap)
    assert set(reaped) == set(range(10))
    assert leases.states(study) == ["FAIL"] * 10


def test_leases_are_renewed_in_a_database(url):
    study = optuna.create_study(storage=opened(url), study_name="mine")
    with Leases(study, 0.3) as leases:
        trial = study.ask()
        leases.take(trial)
        end = time.monotonic() + 60
        while study.trials[0].user_attrs[LEASE]["count"] < 3:
            assert time.monotonic() < end
            trial.suggest_float("x", 0, 1)  # from this thread, at the same time
        assert not leases.lost(0)
        assert claim_unique(study, trial, trial.params)
    assert "skboost-leases" not in [thread.name for thread in threading.enumerate()]


def test_a_mirror_bears_the_restart_of_its_database(server):
    url = server.new_database(next(NAMES))
    trials = load("test_storage").finished(4)
    mirror = Mirror.open(opened(url), "mine", ["maximize"], {"X": "00ff"}, seed=1, resume=True)
    mirror.write(trials[0])
    server.stop()
    try:
        with pytest.warns(UserWarning, match="Trial 1 could not be written"):
            mirror.write(trials[1])
        mirror.write(trials[2])
        assert mirror.n_unwritten == 2
    finally:
        server.start()
    mirror.write(trials[3])
    again = Mirror.open(opened(url), "mine", ["maximize"], {"X": "00ff"}, seed=None, resume=True)
    assert again.seed == 1
    assert [trial.values for trial in again.trials] == [trial.values for trial in trials]


def test_a_database_that_is_gone_is_refused(server):
    with pytest.raises(ValueError, match="storage='postgresql.*does not exist.*storage=None"):
        open_storage(server.url.replace("@/postgres?", "@/nothing?"))
