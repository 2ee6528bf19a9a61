"""Memory of this process as the kernel counts it; on other systems than Linux NaN."""

import math


def reset_peak():
    """Let the kernel forget the largest resident size so far; returns the present one in megabytes."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as handle:
            handle.write("5")
    except OSError:  # the peak of the whole process it is, then, or nothing outside Linux
        pass
    return _line_of_status("VmRSS")


def peak():
    """Largest resident size since then, in megabytes."""
    return _line_of_status("VmHWM")


def _line_of_status(name):
    try:
        with open("/proc/self/status", encoding="ascii") as lines:
            sizes = dict(line.split(":", 1) for line in lines)
    except OSError:
        return math.nan
    return int(sizes[name].split()[0]) * 1024 / 1e6
