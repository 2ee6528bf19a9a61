"""Time limits in workers of joblib, and what is left when a parent is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from joblib import Parallel, delayed

from skboost.tuning import FitTimeoutError
from skboost.tuning._limits import run_limited

pytestmark = pytest.mark.long

PARENT = """
import os, sys, warnings
warnings.simplefilter("error")
from skboost.tuning._limits import run_limited

def job(work):
    print(os.getpid(), flush=True)
    if work == "stuck":
        sum(range(10**12))
    if work == "threads":
        import threading, time
        threading.Thread(target=time.sleep, args=(1000,)).start()

if __name__ == "__main__":
    run_limited(job, (sys.argv[1],), {}, 1000.0)
    print("done", flush=True)
    if sys.argv[2] == "stay":
        sys.stdin.read()
"""


def is_gone(number):
    """Whether a process has ended; one that nobody has collected has, too."""
    stat = Path(f"/proc/{number}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def wait_until_gone(number):
    for _ in range(600):
        if is_gone(number):
            return True
        time.sleep(0.05)
    return False


def limited(seconds):
    """In a worker: a quick job, one that is stuck, a quick one."""
    quick = run_limited(os.getpid, (), {}, 60.0)
    try:
        run_limited(sum, (range(10**12),), {}, seconds)
    except FitTimeoutError as error:
        return os.getpid(), quick, run_limited(os.getpid, (), {}, 60.0), str(error)
    return None


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_a_limit_holds_in_every_worker(backend):
    found = Parallel(n_jobs=2, backend=backend)(delayed(limited)(0.2) for _ in range(3))
    for worker, first, second, message in found:
        assert len({worker, first, second}) == 3
        assert "0.2 seconds" in message


@pytest.fixture
def parent(tmp_path):
    path = tmp_path / "parent.py"
    path.write_text(PARENT)

    def start(work, then):
        return subprocess.Popen(
            [sys.executable, str(path), work, then],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("work", ["stuck", "nothing", "threads"])
def test_a_process_ends_when_its_parent_is_killed(parent, work):
    with parent(work, "stay") as process:
        number = int(process.stdout.readline())
        if work != "stuck":
            assert process.stdout.readline() == "done\n"
        assert not is_gone(number)
        process.send_signal(signal.SIGKILL)
    assert wait_until_gone(number)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("work", ["nothing", "threads"])
def test_a_parent_that_ends_leaves_no_process_and_no_warning(parent, work):
    with parent(work, "go") as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert err == ""
    assert is_gone(int(out.split()[0]))


def test_a_forked_copy_does_not_touch_the_processes_of_the_original():
    code = (
        "import os, warnings; warnings.simplefilter('error');"
        "from skboost.tuning._limits import IDLE, run_limited;"
        "first = run_limited(os.getpid, (), {}, 60.0);"
        "copy = os.fork();"
        "copy or (print(len(IDLE.servers), flush=True), os._exit(0));"
        "os.waitpid(copy, 0);"
        "print(run_limited(os.getpid, (), {}, 60.0) == first)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["0", "True"]
    assert done.stderr == ""
