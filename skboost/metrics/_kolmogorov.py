"""Kolmogorov-Smirnov calibration error."""

from __future__ import annotations

from typing import Any

import numpy as np

from skboost.metrics._bins import sums, tied
from skboost.metrics._events import read_event


def kolmogorov_calibration_error(
    y_true: Any, y_prob: Any, *, sample_weight: Any = None, pos_label: Any = None
) -> float:
    """Kolmogorov-Smirnov calibration error [1]_: the largest cumulative gap between outcomes and probabilities.

        max_t |1 / W sum over rows with p_i <= t of w_i (y_i - p_i)|

    There are no bins. Deviations of one sign add up, those that change sign quickly cancel; it is at least the
    distance between base rate and mean probability.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_prob : array-like of shape (n_samples,) or (n_samples, 2)
        Probability of the event. For the top label of many classes pass whether it was right as ``y_true`` and the
        largest probability of each row here.
    sample_weight : array-like of shape (n_samples,), optional
        Weight k counts as k copies of the row, 0 as none.
    pos_label : label, optional
        Label of the event; None for the second of two labels.

    Returns
    -------
    error : float
        Between 0 and 1; 0 is best.

    Raises
    ------
    ValueError
        If probabilities hold NaN or lie outside [0, 1], or labels are missing or not of two classes.

    References
    ----------
    .. [1] K. Gupta, A. Rahimi, T. Ajanthan, T. Mensink, C. Sminchisescu and R. Hartley, "Calibration of neural networks
       using splines", ICLR 2021.

    Examples
    --------
    >>> from skboost.metrics import kolmogorov_calibration_error
    >>> round(kolmogorov_calibration_error([0, 1, 0, 1, 1], [0.1, 0.3, 0.4, 0.8, 0.9]), 3)
    0.12
    """
    event = read_event(y_true, y_prob, sample_weight, pos_label)
    _, places, _ = tied(event.probability, event.weight)
    gaps = sums(places, event.weight * (event.outcome - event.probability))
    return float(np.abs(np.cumsum(gaps)).max() / event.weight.sum())
