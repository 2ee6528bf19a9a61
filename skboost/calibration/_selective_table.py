"""The table of a selective report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

WIDTH = 11
COLUMNS = {
    "kept": "kept",
    "event_rate": "event rate",
    "auroc": "AUROC",
    "auroc_within": "in folds",
    "auprc": "AUPRC",
    "calibration_error": "ACE",
    "calibration_floor": "ACE floor",
    "accuracy": "accuracy",
}


def table(
    thresholds: Floats,
    n_kept: Floats,
    figures: Mapping[str, Floats],
    intervals: Mapping[str, Floats],
    reasons: Sequence[str],
) -> str:
    """Two lines a threshold: figures, and below them their intervals.

    Parameters
    ----------
    thresholds, n_kept : ndarray of shape (n_thresholds,)
    figures : dict of str to ndarray of shape (n_thresholds,)
        Columns, in their order.
    intervals : dict of str to ndarray of shape (n_thresholds, 2)
    reasons : sequence of str
        Notes under the table, one a threshold; equal ones are written once.
    """
    lines = [
        f"{'certainty':<11}{'rows':>7}" + "".join(f"{COLUMNS[name]:>{WIDTH}}" for name in figures)
    ]
    for place, (threshold, n) in enumerate(zip(thresholds, n_kept, strict=True)):
        cells = [number(values[place]) for values in figures.values()]
        lines.append(
            f">= {threshold:<8.6g}{count(n):>7}" + "".join(f"{cell:>{WIDTH}}" for cell in cells)
        )
        ranges = [span(*intervals[name][place]) if name in intervals else "" for name in figures]
        if any(ranges):
            lines.append(" " * 18 + "".join(f"{cell:>{WIDTH}}" for cell in ranges))
    for reason in dict.fromkeys(filter(None, reasons)):
        which = [f"{t:.6g}" for t, r in zip(thresholds, reasons, strict=True) if r == reason]
        lines.append(f">= {', '.join(which)}: {reason}")
    return "\n".join(line.rstrip() for line in lines)


def count(value: float) -> str:
    """A whole number, or one decimal."""
    return f"{value:.0f}" if value == round(value) else f"{value:.1f}"


def number(value: float) -> str:
    """Three decimals, or a dash."""
    return "-" if np.isnan(value) else f"{value:.3f}"


def span(low: float, high: float) -> str:
    """Two numbers without the zero before the point, or nothing."""
    return "" if np.isnan(low) else f"{short(low)}-{short(high)}"


def short(value: float) -> str:
    """Three digits: .512, or 1.00."""
    return f"{value:.3f}"[1:] if value < 0.9995 else f"{value:.2f}"
