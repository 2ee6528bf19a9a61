"""Platt scaling: a logistic curve through the scores."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, xlogy

from skboost.calibration._base import CALIBRATORS, BinaryCalibrator, Codes, Floats
from skboost.calibration._scores import log_odds, smallest_distance
from skboost.exceptions import UncertaintyWarning

MAX_STEPS = 100
# Newton's steps square the error: a decrement of 1e-6 is an error of 1e-3, and then 1e-6, 1e-12, rounding.
CLOSE = 1e-6
LAST_STEPS = 3
# A drop of the summed loss that a slope without meaning reaches once in a thousand times: half of chi2.isf(.001, 1).
MEANINGFUL_DROP = 5.414


@dataclass(frozen=True)
class PlattMap:
    """P(1 | f) = 1 / (1 + exp(slope f + intercept)).

    Probabilities are turned into f = log p / (1 - p) first, kept ``clip`` away from 0 and 1; ``clip`` is None where f
    is the score itself.
    """

    slope: float
    intercept: float
    clip: float | None

    def __call__(self, scores: Floats) -> Floats:
        f = scores if self.clip is None else log_odds(scores, self.clip)
        return np.asarray(expit(-(self.slope * f + self.intercept)))


@CALIBRATORS.register("sigmoid")
class PlattScaler(BinaryCalibrator):
    """Platt scaling [1]_: a logistic curve, fitted by maximum likelihood to softened labels.

        P(y = 1 | f) = 1 / (1 + exp(A f + B))
        minimise  - sum_i w_i [t_i log p_i + (1 - t_i) log(1 - p_i)],
        t_i = (N+ + 1) / (N+ + 2) for y_i = 1,   1 / (N- + 2) for y_i = 0,

    with N+ and N- the summed weights of the two labels. The softened targets keep A and B finite when the scores
    separate the classes. Probabilities are turned into log-odds before the curve is fitted: Platt's model is about
    margins, and a logistic curve of a probability bends the wrong way. How close to 0 and 1 they may come is learned,
    see Notes.

    There is no guarantee for finite samples, but only two numbers are learned, so a few dozen rows suffice. The order
    of rows is kept if A < 0; a curve that falls clearly gives an :class:`~skboost.exceptions.UncertaintyWarning`.

    Parameters
    ----------
    input : {"probability", "logit"}, default="probability"
        What scores are: probabilities, or any real numbers that grow with the belief in a class.
    classes : sequence of labels, default=None
        Labels in the order of the columns of scores; None for the sorted labels of y, which then must all occur.
    multi_class : {"one_vs_rest", "pairwise", "pairwise_least_squares"}, default="one_vs_rest"
        How more than two classes are reduced to two: each class against the rest, or all pairs with the coupling of
        Price et al. or of Wu, Lin and Weng.

    Attributes
    ----------
    maps_ : list of PlattMap
        ``slope`` is A, ``intercept`` is B, ``clip`` how far probabilities are kept from 0 and 1.
    classes_ : ndarray of shape (n_classes,)
        Labels in the order of columns.
    n_calibration_ : float
        Sum of the weights of the calibration rows.

    Notes
    -----
    Solved by Newton steps with backtracking [2]_, each O(n), until the gradient is zero to rounding.

    Probabilities are clipped at half the smallest distance to 0 or 1 among those of the calibration rows that lie
    strictly between, but not below 1e-12. A forest of 100 trees gets .005.

    References
    ----------
    .. [1] J. Platt, "Probabilistic outputs for support vector machines and comparisons to regularized likelihood
       methods", Advances in Large Margin Classifiers, 1999.
    .. [2] H.-T. Lin, C.-J. Lin and R. C. Weng, "A note on Platt's probabilistic outputs for support vector machines",
       Machine Learning 68, 2007.

    Examples
    --------
    >>> from skboost.calibration import PlattScaler
    >>> scaler = PlattScaler(input="logit").fit([5.0, -4.0, 1.0, -0.5, 2.0], [1, 0, 0, 0, 1])
    >>> scaler.transform([-3.0, 0.0, 3.0]).round(2)
    array([0.16, 0.34, 0.59])
    """

    def __init__(
        self, *, input: str = "probability", classes: Any = None, multi_class: str = "one_vs_rest"
    ) -> None:
        self.input = input
        self.classes = classes
        self.multi_class = multi_class

    def _fit_map(self, scores: Floats, y: Codes, weight: Floats) -> PlattMap:
        clip = smallest_distance(scores) if self.input == "probability" else None
        f = scores if clip is None else log_odds(scores, clip)
        slope, intercept, drop = fit_sigmoid(f, y, weight)
        if slope > 0 and drop > MEANINGFUL_DROP:
            warnings.warn(
                "the probability falls where the score grows: the score of the model is opposed to the labels of the "
                "calibration rows. The falling curve is kept; check the order of classes.",
                UncertaintyWarning,
                stacklevel=5,
            )
        return PlattMap(slope, intercept, clip)


def fit_sigmoid(f: Floats, y: Codes, weight: Floats) -> tuple[float, float, float]:
    """Slope A and intercept B of Platt's curve, and by how much A lowers the summed loss."""
    positive = float(weight[y == 1].sum())
    negative = float(weight.sum()) - positive
    target = np.where(y == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))
    scale = (
        float(np.abs(f).max()) or 1.0
    )  # Newton's path does not depend on it, the stopping rule does
    x = f / scale
    ends = np.array([0.0, np.log((negative + 1) / (positive + 1))])
    start = loss = sigmoid_loss(ends, x, target, weight)
    for _ in range(MAX_STEPS):
        step, decrement = newton_step(ends, x, target, weight)
        if decrement <= CLOSE * (1 + loss):
            break
        size = 1.0
        while sigmoid_loss(ends + size * step, x, target, weight) > loss - 1e-4 * size * decrement:
            size /= 2
        ends = ends + size * step
        loss = sigmoid_loss(ends, x, target, weight)
    for _ in range(LAST_STEPS):  # without a look at the loss, which is flat to rounding here
        ends = ends + newton_step(ends, x, target, weight)[0]
    return float(ends[0] / scale), float(ends[1]), start - loss


def sigmoid_loss(ends: npt.NDArray[np.float64], x: Floats, target: Floats, weight: Floats) -> float:
    """Weighted cross-entropy of 1 / (1 + exp(a x + b)) to the targets, less that of the targets to themselves."""
    z = ends[0] * x + ends[1]
    own = xlogy(target, target) + xlogy(1 - target, 1 - target)
    return float(weight @ (target * np.logaddexp(0, z) + (1 - target) * np.logaddexp(0, -z) + own))


def newton_step(
    ends: npt.NDArray[np.float64], x: Floats, target: Floats, weight: Floats
) -> tuple[npt.NDArray[np.float64], float]:
    """Newton's step for (a, b), and its product with the gradient, turned around."""
    p = expit(-(ends[0] * x + ends[1]))
    residual, curvature = weight * (target - p), weight * p * (1 - p)
    gradient = np.array([x @ residual, residual.sum()])
    mixed = x @ curvature
    hessian = np.array([[x**2 @ curvature, mixed], [mixed, curvature.sum()]])
    hessian += (
        1e-12 * max(np.trace(hessian), 1e-300) * np.eye(2)
    )  # equal scores leave a direction open
    step = -np.linalg.solve(hessian, gradient)
    return step, float(-step @ gradient)
