"""Temperature scaling: one number that makes a model more or less bold."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import brentq

from skboost._ext.softmax import cross_entropy_along, softmax
from skboost._validation import Flag, OneOf
from skboost.calibration._base import CALIBRATORS, Calibrator, Codes, Floats
from skboost.calibration._scores import class_clip, class_logits

# log beta, for logits divided by the mean range of a row, is looked for between these ends.
LOWEST, HIGHEST = -16.0, 16.0
# Masked classes, whose logits are -1e9 or the smallest float32, make that range no measure of the others.
BEYOND = 100.0
GRID = np.linspace(LOWEST, HIGHEST, 65)

BOUNDS = {
    LOWEST: "the scores of the model are opposed to the labels of the calibration rows: the temperature is its upper "
    "bound, and all classes are about equally probable. Check the order of classes.",
    HIGHEST: "every calibration row is right, so that no certainty is too much for them: the temperature is its lower "
    "bound, and nearly all probabilities are 0 or 1. Use laplace=True, or more rows.",
}

Objective = Callable[[float], tuple[float, float]]
"""From log beta to a value and its derivative by beta."""


@CALIBRATORS.register("temperature")
class TemperatureScaler(Calibrator):
    """Temperature scaling [1]_: all logits are divided by one number.

        P = softmax(z / T)

    A temperature above 1 makes a model less certain, below 1 more. The predicted class and the order of classes in a
    row stay what they were. One number is learned from all rows, whatever the number of classes.

    Parameters
    ----------
    input : {"probability", "logit"}, default="probability"
        What scores are: probabilities, or logits. Two classes: P = 1 / (1 + exp(-d / T)) of the log-odds or the margin
        d; scikit-learn's temperature scaling of a binary ``decision_function`` takes (-d, d) for logits, so that its
        temperature is twice ours.
    classes : sequence of labels, default=None
        Labels in the order of the columns of scores; None for the sorted labels of y, which then must all occur.
    objective : {"log", "brier", "correctness"}, default="log"
        What is minimised on the calibration rows: log loss, the squared error of all probabilities, or the squared
        difference between the largest probability and whether its class is right [2]_.
    laplace : bool, default=False
        Mix probabilities with the uniform ones as if one more row had been seen, (n P + 1 / K) / (n + 1), where n is
        the summed weight and K the number of classes. Log loss on new rows is finite then, also if the calibration rows
        hold no error.

    Attributes
    ----------
    temperature_ : float
        T.
    clip_ : float or None
        How far probabilities are kept from 0, see Notes; None for logits.
    classes_ : ndarray of shape (n_classes,)
        Labels in the order of columns.
    n_calibration_ : float
        Sum of the weights of the calibration rows.

    Notes
    -----
    Log loss is convex in 1 / T, and T is a root of its derivative, exact to rounding. The other objectives may have
    several minima; T is the best of a grid of 65 values, refined to a root of the derivative.

    Where the rows ask for a temperature of 0, because each has its own class on top, or of infinity, because the scores
    are opposed to the labels, T is a bound, 1.1e-7 or 8.9e6 times the mean range of logits in a row, and an
    :class:`~skboost.exceptions.UncertaintyWarning` says so.

    Probabilities are clipped before logarithms are taken: at half the smallest positive one of the calibration rows,
    but not below 1e-20; with two classes at half the smallest distance to 0 or 1, but not below 1e-12.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017.
    .. [2] Y. Liu, L. Wang, Y. Zou, J. Zou and L. Zheng, "Optimizing calibration by gaining aware of prediction
       correctness", arXiv:2404.13016, 2024, for a single temperature.

    Examples
    --------
    >>> from skboost.calibration import TemperatureScaler
    >>> scores = [[0.98, 0.01, 0.01], [0.9, 0.05, 0.05], [0.01, 0.97, 0.02], [0.05, 0.05, 0.9]]
    >>> scaler = TemperatureScaler().fit(scores, [0, 1, 1, 2])
    >>> round(scaler.temperature_, 2)
    1.77
    >>> scaler.transform([[0.9, 0.05, 0.05]]).round(2)
    array([[0.72, 0.14, 0.14]])
    """

    constraints = Calibrator.constraints | {
        "objective": OneOf("log", "brier", "correctness"),
        "laplace": Flag(),
    }

    def __init__(
        self,
        *,
        input: str = "probability",
        classes: Any = None,
        objective: str = "log",
        laplace: bool = False,
    ) -> None:
        self.input = input
        self.classes = classes
        self.objective = objective
        self.laplace = laplace

    def _fit(self, scores: Floats, codes: Codes, weight: Floats, n_classes: int) -> None:
        self.clip_ = class_clip(scores) if self.input == "probability" else None
        z = class_logits(scores, self.clip_)
        self.temperature_, end = best_temperature(z, codes, weight, self.objective)
        if end is not None and not (end == HIGHEST and self.laplace):
            self._remark(BOUNDS[end])

    def _transform(self, scores: Floats) -> Floats:
        z = class_logits(scores, self.clip_)
        probability = scaled_softmax(z, self.temperature_)
        if self.laplace:
            probability = mixed(probability, self.n_calibration_)
        return probability[:, 1] if scores.ndim == 1 else probability


def scaled_softmax(z: Floats, temperature: float) -> Floats:
    """softmax(z / temperature) of logits of any size."""
    with np.errstate(over="ignore"):  # a logit of minus infinity is a probability of 0
        return np.asarray(softmax((z - z.max(axis=1, keepdims=True)) / temperature))


def mixed(probability: Floats, n: float) -> Floats:
    """n rows of the probability and one uniform row."""
    return np.asarray((n * probability + 1 / probability.shape[1]) / (n + 1))


def best_temperature(
    z: Floats, codes: Codes, weight: Floats, objective: str = "log"
) -> tuple[float, float | None]:
    """The best temperature; if it is a bound, with the end of log beta that this is.

    Parameters
    ----------
    z : ndarray of shape (n, n_classes)
        Logits.
    codes : ndarray of shape (n,)
    weight : ndarray of shape (n,)
    objective : {"log", "brier", "correctness"}
    """
    largest = float(np.abs(z).max())
    if largest == 0:
        return 1.0, None
    z = z / largest  # the range of a row may overflow
    unit = float(weight @ np.ptp(z, axis=1) / weight.sum())
    if unit == 0:  # the same logit for all classes, in all rows
        return 1.0, None
    z = (z - z.max(axis=1, keepdims=True)) / unit
    log_beta = root_of_log_loss(z, codes, weight)
    if log_beta > HIGHEST:
        unit, z, log_beta = unit * math.exp(-log_beta), z * math.exp(log_beta), 0.0
    if objective != "log":
        log_beta = best_of_grid(squared_error(z, codes, weight, objective))
    limits = np.finfo(np.float64)
    temperature = largest * (unit * math.exp(-log_beta))
    return float(np.clip(temperature, limits.tiny, limits.max)), (
        log_beta if log_beta in BOUNDS else None
    )


def root_of_log_loss(z: Floats, codes: Codes, weight: Floats) -> float:
    """log beta at which the derivative of log loss is zero, or the end that is nearest to it."""

    def slope(log_beta: float) -> float:
        return float(weight @ cross_entropy_along(codes, np.exp(log_beta) * z, z)[0])

    low = LOWEST
    if slope(low) >= 0:
        return low
    for high in (HIGHEST, BEYOND):
        if slope(high) > 0:
            return float(brentq(slope, low, high, xtol=1e-14))
        low = high
    return HIGHEST


def squared_error(z: Floats, codes: Codes, weight: Floats, objective: str) -> Objective:
    """The objective "brier" or "correctness" and its derivative, as functions of log beta."""
    rows = np.arange(len(z))[:, np.newaxis]
    if objective == "brier":
        columns = np.arange(z.shape[1])[np.newaxis]  # all classes
    else:
        columns = z.argmax(axis=1)[:, np.newaxis]  # the predicted class
    event = columns == codes[:, np.newaxis]

    def objective_at(log_beta: float) -> tuple[float, float]:
        probability = softmax(np.exp(log_beta) * z)
        mean = (probability * z).sum(axis=1, keepdims=True)
        p = probability[rows, columns]
        error = p - event
        slope = 2 * error * p * (z[rows, columns] - mean)
        return float(weight @ (error**2).sum(axis=1)), float(weight @ slope.sum(axis=1))

    return objective_at


def best_of_grid(objective: Objective) -> float:
    """log beta of the least value on a grid, moved to the root of the derivative beside it."""
    values, slopes = np.transpose([objective(log_beta) for log_beta in GRID])
    best = int(values.argmin())
    if values[0] == values[best]:
        return LOWEST
    if values[-1] == values[best]:
        return HIGHEST
    low, high = (best, best + 1) if slopes[best] < 0 else (best - 1, best)
    if not slopes[low] < 0 < slopes[high]:
        return float(GRID[best])
    return float(brentq(lambda t: objective(t)[1], GRID[low], GRID[high], xtol=1e-14))
