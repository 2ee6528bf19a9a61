"""The picture of a selective report: figures against the threshold of certainty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost._axes import axes_for, plain

Floats = npt.NDArray[np.float64]

LABELS = {
    "kept": "share of rows kept",
    "event_rate": "event rate",
    "auroc": "AUROC",
    "auroc_within": "AUROC within folds",
    "auprc": "AUPRC",
    "calibration_error": "calibration error",
    "calibration_floor": "floor of the calibration error",
    "accuracy": "accuracy",
}


def draw_against_threshold(
    thresholds: Floats,
    figures: Mapping[str, Floats],
    intervals: Mapping[str, Floats],
    ax: Any,
    name: str | None,
    line_kwargs: dict[str, Any],
) -> Any:
    """One line for each figure, with a band where an interval is known.

    Parameters
    ----------
    thresholds : ndarray of shape (n_thresholds,)
    figures : dict of str to ndarray of shape (n_thresholds,)
    intervals : dict of str to ndarray of shape (n_thresholds, 2)
    ax : matplotlib Axes or None
    name : str or None
    line_kwargs : dict

    Returns
    -------
    ax : matplotlib Axes
    """
    ax = axes_for(ax, purpose="SelectiveReport.plot", figsize=(5.6, 4.0))
    order = np.argsort(thresholds)
    solid = iter(["-", ":", "-."] * len(figures))
    colour = None
    for figure, values in figures.items():
        style: dict[str, Any] = {
            "marker": "o",
            "markersize": 5,
            "linewidth": 1.8,
            "linestyle": "--" if figure == "kept" else next(solid),
            "label": LABELS[figure] if name is None else f"{name}: {LABELS[figure]}",
        }
        if name is not None and colour is not None:
            style["color"] = colour  # a model keeps its colour, so that several can share the axes
        line = ax.plot(thresholds[order], values[order], **(style | line_kwargs))[0]
        colour = line.get_color()
        if figure in intervals:
            low, high = intervals[figure][order].T
            ax.fill_between(thresholds[order], low, high, color=colour, alpha=0.15, linewidth=0)
    plain(ax)
    ax.set(xlabel="least certainty", ylim=(-0.02, 1.02))
    ax.set_xticks(np.unique(thresholds))
    ax.legend(frameon=False, loc="best")
    return ax
