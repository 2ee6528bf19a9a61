"""Platt scaling: a logistic curve through the scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit

from skboost.calibration._base import CALIBRATORS, BinaryCalibrator, Codes, Floats
from skboost.calibration._logistic import cross_entropy, fit_logistic, soft_targets
from skboost.calibration._scores import log_odds, smallest_distance

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
        with np.errstate(over="ignore"):  # an infinite log-odds is a probability of 0 or 1
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
        target = soft_targets(y, weight)
        slopes, intercept = fit_logistic(f[:, np.newaxis], target, weight)
        if slopes[0] < 0 and _drop(slopes[0] * f + intercept, target, weight) > MEANINGFUL_DROP:
            self._remark(
                "the probability falls where the score grows: the score of the model is opposed to the labels of the "
                "calibration rows. The falling curve is kept; check the order of classes."
            )
        return PlattMap(-float(slopes[0]), -intercept, clip)


def _drop(z: Floats, target: Floats, weight: Floats) -> float:
    """By how much the curve with log-odds z has less loss than the best constant."""
    mean = float(weight @ target / weight.sum())
    constant = np.full_like(z, logit(mean))
    return cross_entropy(constant, target, weight) - cross_entropy(z, target, weight)
