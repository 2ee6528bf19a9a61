"""Spiegelhalter's test of calibration."""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

from skboost.exceptions import UncertaintyWarning
from skboost.metrics._events import read_event


class SpiegelhalterTest(NamedTuple):
    """Result of Spiegelhalter's test.

    Parameters
    ----------
    statistic : float
        About standard normal if the probabilities are calibrated; positive if the Brier score is larger than it
        should be, as with probabilities that are too extreme.
    p_value : float
        Two-sided.
    """

    statistic: float
    p_value: float


def spiegelhalter_test(
    y_true: Any, y_prob: Any, *, sample_weight: Any = None, pos_label: Any = None
) -> SpiegelhalterTest:
    """Spiegelhalter's test of calibration [1]_: is the Brier score what the probabilities promise?

        z = sum_i (y_i - p_i) (1 - 2 p_i) / sqrt(sum_i (1 - 2 p_i)^2 p_i (1 - p_i))

    If every event happens with the probability p_i that was said, independently of the others, z is about standard
    normal. There are no bins. Deviations that leave the expected Brier score as it is remain unseen, all those at
    p = 1/2 among them; :func:`calibration_test` sees those of any kind.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_prob : array-like of shape (n_samples,) or (n_samples, 2)
        Probability of the event.
    sample_weight : array-like of shape (n_samples,), optional
        Weight k counts as k independent copies of the row, 0 as none, so that twice the weights make z larger by
        sqrt(2).
    pos_label : label, optional
        Label of the event; None for the second of two labels.

    Returns
    -------
    result : SpiegelhalterTest
        Named tuple of statistic and p_value. If the probabilities leave no room for chance, all being 0 or 1, the
        statistic is infinite as soon as one of them is wrong.

    Raises
    ------
    ValueError
        If probabilities hold NaN or lie outside [0, 1], or labels are missing or not of two classes.

    Warns
    -----
    UncertaintyWarning
        If all probabilities are 0, 1/2 or 1 and none of the certain ones is wrong: the test can say nothing.

    References
    ----------
    .. [1] D. J. Spiegelhalter, "Probabilistic prediction in patient management and clinical trials", Statistics in
       Medicine 5, 1986.

    Examples
    --------
    >>> from skboost.metrics import spiegelhalter_test
    >>> statistic, p_value = spiegelhalter_test([0, 1, 0, 1, 1], [0.1, 0.3, 0.4, 0.8, 0.9])
    >>> round(statistic, 3), round(p_value, 3)
    (-0.172, 0.863)
    """
    event = read_event(y_true, y_prob, sample_weight, pos_label)
    p, tilt = event.probability, 1 - 2 * event.probability
    excess = float(event.weight @ ((event.outcome - p) * tilt))
    variance = float(event.weight @ (tilt**2 * p * (1 - p)))
    if variance > 0:
        statistic = excess / math.sqrt(variance)
    elif excess:
        statistic = math.inf
    else:
        statistic = 0.0
        warnings.warn(
            "all probabilities are 0, 1/2 or 1, of which Spiegelhalter's test can say nothing; use calibration_test.",
            UncertaintyWarning,
            stacklevel=2,
        )
    return SpiegelhalterTest(statistic, math.erfc(abs(statistic) / math.sqrt(2)))
