"""Beta calibration: a curve for scores that are distributed like probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from skboost._validation import OneOf
from skboost.calibration._base import CALIBRATORS, BinaryCalibrator, Codes, Floats
from skboost.calibration._logistic import cross_entropy, fit_logistic, soft_targets
from skboost.calibration._scores import log_odds, smallest_distance

LOG_2 = float(np.log(2))
FARTHEST = 745.0  # log-odds beyond are 0 or 1


@dataclass(frozen=True)
class BetaMap:
    """logit P(1 | p) = c + a log p - b log(1 - p).

    Probabilities are kept ``clip`` away from 0 and 1; ``clip`` is None where scores are log-odds.
    """

    a: float
    b: float
    c: float
    clip: float | None

    def __call__(self, scores: Floats) -> Floats:
        f = scores if self.clip is None else log_odds(scores, self.clip)
        one, zero = logarithms(f)
        with np.errstate(over="ignore"):  # an infinite log-odds is a probability of 0 or 1
            return np.asarray(expit(self.c + self.a * one - self.b * zero))

    @property
    def m(self) -> float:
        """The probability that becomes 1/2: 0 or 1 if all are above or below, NaN for a constant map."""
        if self.a == 0 and self.b == 0:
            return float("nan")

        def log_odds_at(f: float) -> float:
            one, zero = logarithms(np.asarray(f))
            return float(self.c + self.a * one - self.b * zero)

        if log_odds_at(-FARTHEST) >= 0:
            return 0.0
        if log_odds_at(FARTHEST) <= 0:
            return 1.0
        return float(expit(brentq(log_odds_at, -FARTHEST, FARTHEST, xtol=1e-12)))


@CALIBRATORS.register("beta")
class BetaScaler(BinaryCalibrator):
    """Beta calibration [1]_: the right curve where the probabilities of each class follow a beta distribution.

        logit P(y = 1 | p) = c + a log p - b log(1 - p),   a, b >= 0

    The identity is one of these curves (a = b = 1, c = 0), which no logistic curve of p is, so that a model that is
    calibrated already stays so. Curves with a = b are those of Platt scaling on log-odds; others bend probabilities
    near 0 and near 1 differently. The map never falls: if the labels are opposed to the scores, it is constant.

    Parameters
    ----------
    input : {"probability", "logit"}, default="probability"
        What scores are: probabilities, or log-odds f, of which p = 1 / (1 + exp(-f)). Log-odds lose nothing where p
        would round to 1.
    classes : sequence of labels, default=None
        Labels in the order of the columns of scores; None for the sorted labels of y, which then must all occur.
    multi_class : {"one_vs_rest", "pairwise", "pairwise_least_squares"}, default="one_vs_rest"
        How more than two classes are reduced to two: each class against the rest, or all pairs with the coupling of
        Price et al. or of Wu, Lin and Weng.
    parameters : {"abm", "ab", "am", "a"}, default="abm"
        What is learned: "m" is the probability that becomes 1/2, without which it is 1/2 itself; one letter of "ab"
        stands for both, a = b.

    Attributes
    ----------
    maps_ : list of BetaMap
        ``a``, ``b``, ``c``, the midpoint ``m``, and ``clip``, how far probabilities are kept from 0 and 1.
    classes_ : ndarray of shape (n_classes,)
        Labels in the order of columns.
    n_calibration_ : float
        Sum of the weights of the calibration rows.

    Notes
    -----
    A logistic regression on log p and -log(1 - p), solved by Newton's steps until the gradient is zero to rounding. The
    signs are enforced jointly: of the fits with a, b, both or none of them set to 0 it is the best one that obeys,
    which is the optimum under the constraints.

    Labels are softened like those of :class:`PlattScaler`, by 1 / (N + 2), where [1]_ takes 0 and 1: a and b stay
    finite when the scores separate the classes. Rows of one class only give the constant (N+ + 1) / (n + 2).
    Probabilities are clipped as in :class:`PlattScaler`.

    References
    ----------
    .. [1] M. Kull, T. M. Silva Filho and P. Flach, "Beyond sigmoids: how to obtain well-calibrated probabilities from
       binary classifiers with beta calibration", Electronic Journal of Statistics 11, 2017.

    Examples
    --------
    >>> from skboost.calibration import BetaScaler
    >>> scaler = BetaScaler(parameters="ab").fit([0.1, 0.2, 0.4, 0.6, 0.7, 0.9], [0, 0, 1, 0, 1, 1])
    >>> scaler.transform([0.05, 0.5, 0.95]).round(2)
    array([0.13, 0.5 , 0.85])
    """

    constraints = BinaryCalibrator.constraints | {"parameters": OneOf("abm", "ab", "am", "a")}

    def __init__(
        self,
        *,
        input: str = "probability",
        classes: Any = None,
        multi_class: str = "one_vs_rest",
        parameters: str = "abm",
    ) -> None:
        self.input = input
        self.classes = classes
        self.multi_class = multi_class
        self.parameters = parameters

    def _fit_map(self, scores: Floats, y: Codes, weight: Floats) -> BetaMap:
        clip = smallest_distance(scores) if self.input == "probability" else None
        target = soft_targets(y, weight)
        if y.min() == y.max():
            return BetaMap(0.0, 0.0, float(logit(target[0])), clip)
        one, zero = logarithms(scores if clip is None else log_odds(scores, clip))
        best = min(self._fits(one, zero, target, weight), key=lambda fit: fit[0])
        return BetaMap(*best[1], clip)

    def _fits(
        self, one: Floats, zero: Floats, target: Floats, weight: Floats
    ) -> Iterator[tuple[float, tuple[float, float, float]]]:
        """Loss and a, b, c of the fits with some slopes set to 0, as far as no slope is negative."""
        midpoint = "m" in self.parameters
        shift = 0.0 if midpoint else LOG_2
        columns = np.column_stack([one + shift, -zero - shift])
        if "b" not in self.parameters:
            columns = columns.sum(axis=1, keepdims=True)
        for kept in product([True, False], repeat=columns.shape[1]):
            slopes = np.zeros(columns.shape[1])
            slopes[list(kept)], c = fit_logistic(
                columns[:, kept], target, weight, intercept=midpoint
            )
            if (slopes >= 0).all():
                a, b = slopes[0], slopes[-1]
                loss = cross_entropy(columns @ slopes + c, target, weight)
                yield loss, (float(a), float(b), float(c + shift * (a - b)))
                if all(kept):
                    return  # the optimum without constraints obeys them


def logarithms(f: Floats) -> tuple[Floats, Floats]:
    """log p and log(1 - p) of log-odds f."""
    return -np.logaddexp(0.0, -f), -np.logaddexp(0.0, f)
