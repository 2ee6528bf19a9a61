"""A hard time limit, for a fit that is stuck in compiled code too."""

import gc
import os
import pickle
import signal
import sys
import threading

import numpy as np
import pytest
import sklearn
from joblib import Parallel, delayed

from skboost.tuning import FitTimeoutError
from skboost.tuning._limits import IDLE, run_limited

LONG = 60.0  # seconds; nothing here takes so long


def pid_of_process():
    """Number of the process that does the next job."""
    return run_limited(os.getpid, (), {}, LONG)


def stuck():
    """One call of a compiled loop that never comes back to the interpreter."""
    # defined by value in the other process: this module cannot be imported there
    return lambda: sum(range(10**12))


def test_jobs_run_one_after_another_in_one_other_process():
    numbers = {pid_of_process() for _ in range(3)}
    assert len(numbers) == 1
    assert numbers != {os.getpid()}


def test_arguments_and_results_travel():
    assert run_limited(divmod, (17, 5), {}, LONG) == (3, 2)
    assert run_limited(sorted, ([1, 3, 2],), {"reverse": True}, LONG) == [3, 2, 1]
    table = np.arange(300_000.0).reshape(-1, 3)  # more than a pipe holds
    assert np.array_equal(run_limited(np.negative, (table,), {}, LONG), -table)


def test_a_call_that_is_stuck_in_compiled_code_is_stopped_and_its_process_replaced():
    first = pid_of_process()
    with pytest.raises(FitTimeoutError, match=r"longer than its limit of 0\.2 seconds"):
        run_limited(stuck(), (), {}, 0.2)
    # starting the next process takes longer than its limit, which counts the call alone
    second = run_limited(os.getpid, (), {}, 0.3)
    assert second != first
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_the_error_of_a_time_limit_is_a_timeout_that_can_be_pickled():
    error = pickle.loads(pickle.dumps(FitTimeoutError("too slow")))
    assert isinstance(error, TimeoutError)
    assert str(error) == "too slow"


def test_a_process_that_dies_is_replaced():
    first = pid_of_process()
    os.kill(first, signal.SIGKILL)  # while it has nothing to do
    assert pid_of_process() != first


def test_a_process_that_crashes_at_work_is_an_error_that_says_how():
    with pytest.raises(ChildProcessError, match="SIGSEGV"):
        run_limited(lambda: os.kill(os.getpid(), signal.SIGSEGV), (), {}, LONG)
    assert pid_of_process() != os.getpid()


def test_an_exception_keeps_its_type_and_tells_where_it_was_raised():
    def broken(value):
        raise KeyError(value)

    before = pid_of_process()
    with pytest.raises(KeyError, match="alpha") as caught:
        run_limited(broken, ("alpha",), {}, LONG)
    assert "raise KeyError(value)" in caught.value.__notes__[0]
    assert pid_of_process() == before


def test_an_exception_that_cannot_travel_is_told_in_words():
    class Odd(Exception):
        def __init__(self, first, second):
            super().__init__(f"{first} and {second}")

    def broken():
        raise Odd(1, 2)

    with pytest.raises(RuntimeError, match="Odd: 1 and 2"):
        run_limited(broken, (), {}, LONG)


def test_arguments_that_cannot_be_read_there_are_an_error_of_theirs():
    class Closed:
        def __reduce__(self):
            return int, ("not a number",)

    with pytest.raises(ValueError, match="not a number"):
        run_limited(repr, (Closed(),), {}, LONG)
    assert run_limited(abs, (-1,), {}, LONG) == 1


def test_what_a_job_prints_goes_where_the_output_goes_and_harms_nothing(capfd):
    def loud():
        print("x" * 100_000)
        os.write(1, b"bytes")
        print("y", file=sys.stderr)
        return sys.stdin.read()

    IDLE.close()  # a new process inherits the output that the test looks at
    assert run_limited(loud, (), {}, LONG) == ""
    out, err = capfd.readouterr()
    assert "x" * 100_000 in out
    assert "bytes" in out
    assert "y" in err


def test_a_shared_object_is_sent_once_and_two_are_kept():
    class Data:
        n_sent = 0

        def __reduce__(self):
            Data.n_sent += 1
            return list, ((1, 2, 3),)

    def total(data, factor):
        return factor * sum(data)

    data = Data()
    for token in ["a", "a", "b", "a", "b"]:
        assert run_limited(total, (2,), {}, LONG, shared=(token, data)) == 12
    assert Data.n_sent == 2
    run_limited(total, (2,), {}, LONG, shared=("c", data))  # pushes "a" out
    run_limited(total, (2,), {}, LONG, shared=("b", data))
    assert Data.n_sent == 3
    run_limited(total, (2,), {}, LONG, shared=("a", data))
    assert Data.n_sent == 4


def test_a_class_that_no_module_holds_comes_back_as_itself():
    class Point:
        pass

    assert isinstance(run_limited(lambda point: point, (Point(),), {}, LONG), Point)


def test_the_configuration_of_scikit_learn_travels():
    with sklearn.config_context(enable_metadata_routing=True, working_memory=7):
        found = run_limited(sklearn.get_config, (), {}, LONG)
        assert found == sklearn.get_config()
    assert run_limited(sklearn.get_config, (), {}, LONG) == sklearn.get_config()


def test_modules_are_found_where_the_caller_finds_them(tmp_path, monkeypatch):
    (tmp_path / "found_nowhere_else.py").write_text("def answer():\n    return 42\n")
    pid_of_process()  # is running before the path is known
    monkeypatch.syspath_prepend(tmp_path)
    from found_nowhere_else import answer

    assert run_limited(answer, (), {}, LONG) == 42


def test_threads_have_a_process_each_while_they_work():
    meeting = threading.Barrier(2, timeout=LONG)

    def job(_):
        meeting.wait()
        return run_limited(os.getpid, (), {}, LONG)

    numbers = Parallel(n_jobs=2, backend="threading")(delayed(job)(i) for i in range(2))
    again = Parallel(n_jobs=2, backend="threading")(delayed(job)(i) for i in range(2))
    assert set(again) <= set(numbers)


def test_a_process_that_is_interrupted_at_work_is_stopped():
    def interrupt():
        os.kill(os.getppid(), signal.SIGINT)
        sum(range(10**12))

    number = pid_of_process()
    # a shell that starts programs in the background lets them ignore this signal
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_limited(interrupt, (), {}, LONG)
    finally:
        signal.signal(signal.SIGINT, before)
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_closing_leaves_nothing_behind():
    number = pid_of_process()
    IDLE.close()
    gc.collect()  # a process that nobody has waited for would warn
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan")])
def test_a_limit_is_positive(seconds):
    with pytest.raises(ValueError, match="seconds=.* must be positive"):
        run_limited(abs, (1,), {}, seconds)
