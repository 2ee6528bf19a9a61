"""Conformal predictive distributions: the residuals of calibration rows around the prediction of a new one."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost.conformal._calibration import Calibration
from skboost.conformal._rank import smallest_size
from skboost.conformal._shortage import Shortage

Floats = npt.NDArray[np.float64]


def quantiles(strategy: Any, X: Any, probabilities: list[Fraction]) -> Floats:
    """Quantiles of the distribution of each row.

    Parameters
    ----------
    strategy : SplitStrategy
        Fitted.
    X : anything with rows
    probabilities : list of Fraction

    Returns
    -------
    quantiles : ndarray of shape (n, n_probabilities)
    """
    at = strategy.locate(X)
    answer = np.empty((len(at.prediction), len(probabilities)))
    bound = np.empty(len(at.prediction))
    shortage = Shortage("the quantiles are infinite")
    for place, p in enumerate(probabilities):
        level = max(p, 1 - p)
        for code, rows, residuals, weights in strategy.residuals.of(at.codes, at.ratio):
            bound[rows] = residuals.quantile(p, **weights)
            strategy.note_infinite(shortage, level, smallest_size(level), bound[rows], code)
        answer[:, place] = strategy.score.invert(at.prediction, at.scale, bound, bound)[1]
    shortage.warn(stacklevel=3)
    return answer


def cdf(strategy: Any, X: Any, y: Floats, tau: Floats) -> Floats:
    """Value of the distribution function of each row at y.

        Q(y, tau) = (sum_i w_i 1{r_i < r} + tau (w + sum_i w_i 1{r_i = r})) / (w + sum_i w_i)

    with r the residual of y, and weights 1 unless there are others.

    Parameters
    ----------
    strategy : SplitStrategy
    X : anything with rows
    y : ndarray of shape (n,)
    tau : ndarray of shape (n,)
        Between 0 and 1.

    Returns
    -------
    probability : ndarray of shape (n,)
    """
    at = strategy.locate(X)
    residual = strategy.score.residual(y, at.prediction, at.scale)
    answer = np.empty(len(y))
    for _, rows, residuals, weights in strategy.residuals.of(at.codes, at.ratio):
        below, upto = weight_around(residuals.signed, residual[rows])
        own = weights.get("test_weight", 1.0)
        total = residuals.signed.total + own
        share = (below + tau[rows] * (upto - below + own)) / np.where(total > 0, total, 1.0)
        answer[rows] = np.where(total > 0, share, tau[rows])  # without any weight nothing is known
    return answer


def crps(strategy: Any, X: Any, y: Floats) -> Floats:
    """Continuous ranked probability score at y of the labels mu + unit r_i, with the weights of calibration rows.

        unit (sum_i w_i |r_i - r| / W - sum_ij w_i w_j |r_i - r_j| / (2 W^2))

    Sums over i below and above r come from prefix sums, so that a row costs O(log n).

    Parameters
    ----------
    strategy : SplitStrategy
    X : anything with rows
    y : ndarray of shape (n,)

    Returns
    -------
    score : ndarray of shape (n,)
        In the unit of y; infinite without calibration rows.
    """
    at = strategy.locate(X)
    residual = strategy.score.residual(y, at.prediction, at.scale)
    answer = np.full(len(y), np.inf)
    shortage = Shortage("the score is infinite")
    for code, rows, residuals, _ in strategy.residuals.of(at.codes, at.ratio):
        if residuals.signed.total > 0:
            answer[rows] = distance(residuals.signed, residual[rows])
        else:
            shortage.note(Fraction(1, 2), 1, 0, strategy.group_name(code))
    shortage.warn(stacklevel=3)
    return np.asarray(answer * strategy.score.unit(at.prediction, at.scale))


def weight_around(calibration: Calibration, values: Floats) -> tuple[Floats, Floats]:
    """Weight of the scores below each value, and of those up to and with it."""
    below = np.searchsorted(calibration.scores, values, side="left")
    upto = np.searchsorted(calibration.scores, values, side="right")
    return calibration.cumulative[below], calibration.cumulative[upto]


def distance(calibration: Calibration, values: Floats) -> Floats:
    """Mean distance of the scores from each value, less half of their mean distance from one another."""
    weight = np.diff(calibration.cumulative)
    total = calibration.total
    centre = float(weight @ calibration.scores) / total
    scores = calibration.scores - centre  # sums of numbers around 0 lose no digits
    moments = np.concatenate([[0.0], np.cumsum(weight * scores)])
    middle = calibration.cumulative[:-1] + calibration.cumulative[1:] - total
    spread = float((weight * scores) @ middle) / total**2
    values = values - centre
    place = np.searchsorted(scores, values, side="right")
    below = calibration.cumulative[place]
    away = values * (2.0 * below - total) + moments[-1] - 2.0 * moments[place]
    return np.asarray(away / total - spread)
