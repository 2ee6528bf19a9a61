"""Interleaved repetitions, their medians, and tables in Markdown."""

import time
from statistics import median
from typing import Any, NamedTuple


class Timing(NamedTuple):
    """Wall and CPU seconds of one call, and what it returned."""

    wall: float
    cpu: float
    result: Any


def timed(action):
    """Call ``action`` once."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = action()
    cpu = time.process_time() - cpu
    return Timing(time.perf_counter() - wall, cpu, result)


def interleaved(actions, repeats):
    """Time each of ``actions`` (name -> call) ``repeats`` times, taking turns.

    Turns let all candidates meet the same disturbances of a machine that does other things too.
    """
    timings = {name: [] for name in actions}
    for _ in range(repeats):
        for name, action in actions.items():
            timings[name].append(timed(action))
    return timings


def typical(timings):
    """Median wall and CPU seconds of some timings."""
    return median(t.wall for t in timings), median(t.cpu for t in timings)


def print_table(title, header, rows):
    """Print a table whose first column holds names and whose other columns hold numbers."""
    print(f"\n## {title}\n")
    print("| " + " | ".join(header) + " |")
    print("|---|" + "--:|" * (len(header) - 1))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")
    print(flush=True)
